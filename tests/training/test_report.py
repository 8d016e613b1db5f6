"""The page of a run says how it was made and how it went, and has its picture."""

import pytest
import yaml
from matplotlib import image

from keras_attn.training import RunFolder, write_report
from keras_attn.training.report import write_page

CONFIG = {"task": "translation", "settings": {"dropout": 0.1, "tokenizer": "Wörter"}}
LINES = [
    {"epoch": 1, "step": 10, "minutes": 0.5, "loss": 3.0, "val_loss": 2.5, "bleu": 7.25},
    {"epoch": 2, "step": 20, "minutes": 1.0, "loss": 2.0, "val_loss": 2.25, "bleu": 9.5},
    {"epoch": 3, "step": 30, "minutes": 1.5, "loss": 1.5, "val_loss": 2.75, "bleu": 8.5},
]


@pytest.mark.parametrize("monitor", ["bleu", "val_loss"])
def test_report(tmp_path, monitor):
    folder = RunFolder(tmp_path / "run")
    folder.create(CONFIG)
    for line in LINES:
        folder.append_metrics(line)
    write_report(folder, "Translation, preset tiny", "keras-attn train translation --out run", monitor, LINES[1])
    text = (folder.path / "report.md").read_text("utf-8")
    assert text.startswith("# Translation, preset tiny\n")
    assert f"3 epochs, 30 steps, 1.5 minutes; epoch 2 was best by `{monitor}`" in text
    assert "\n    keras-attn train translation --out run\n" in text
    for name, value in LINES[1].items():
        assert f"\n| {name} | {value} |" in text
    assert yaml.safe_load(text.split("```yaml\n")[1].split("```")[0]) == CONFIG
    picture = image.imread(folder.path / "learning_curve.png")
    assert picture.shape[:2] == (420, 1200) and picture[..., :3].std() > 0.05
    left, right = picture[:, :600, :3], picture[:, 600:, :3]
    assert min(left.min(), right.min()) < 0.5  # there are lines in both halves


def test_a_run_of_one_epoch(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create(CONFIG)
    folder.append_metrics(LINES[0])
    for _ in range(2):  # and written again it is replaced
        write_report(folder, "Title", "command", "bleu", LINES[0])
    assert (folder.path / "report.md").read_text("utf-8").count("# Title") == 1
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "checkpoints",
        "config.yaml",
        "learning_curve.png",
        "metrics.jsonl",
        "report.md",
    ]


def test_the_page_of_an_evaluation_stands_beside_its_pictures(tmp_path):
    def sections(folder):
        (folder / "picture.png").touch()
        return ["## One", "two"]

    write_page(str(tmp_path / "new" / "page"), "A title", sections)
    assert (tmp_path / "new" / "page" / "report.md").read_text("utf-8") == "# A title\n\n## One\n\ntwo\n"
    assert (tmp_path / "new" / "page" / "picture.png").exists()
