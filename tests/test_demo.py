"""The demo runs to its end on a small scale, touches no run but its own, and the committed model answers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib import image

from keras_attn import demo
from keras_attn.tasks import TASKS
from keras_attn.training import RunFolder

ROOT = Path(__file__).resolve().parents[1]
COMMITTED = ROOT / "saved_models" / "dates" / "1"


@pytest.fixture
def small(monkeypatch):
    """Few dates, as few pieces as they allow, and a smaller model."""
    for name, count in (("TRAIN_PAIRS", 2500), ("VALIDATION_PAIRS", 10), ("TEST_PAIRS", 30)):
        monkeypatch.setattr(demo, name, count)
    smaller = {"vocabulary_size": 700, "num_layers": 1, "hidden_dim": 32, "num_buckets": 1, "batch_tokens": 1024}
    presets = TASKS["translation"].presets
    monkeypatch.setitem(presets, "dates", {**presets["dates"], **smaller})


def test_the_whole_way(small, tmp_path, capsys, monkeypatch):
    served = []

    def ask(version, texts):
        served.append((version, ask_exported(version, texts)))
        return served[-1][1]

    ask_exported = demo.ask_exported
    monkeypatch.setattr(demo, "ask_exported", ask)
    out, models = tmp_path / "runs" / "dates", tmp_path / "models"
    RunFolder(out).create({"task": "translation", "preset": "dates", "pairs": 2500, "validation_pairs": 10})
    (out / "old").write_text("of the demo before")
    share = demo.run_demo(out, models, max_minutes=0.02, as_json=True)
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1 and json.loads(printed.out) == {"exact_match": share}
    assert 0 <= share <= 1
    for part in ("Exact match on unseen dates", "of 30 unseen dates read exactly right", *demo.ASKED):
        assert part in printed.err
    assert not (out / "old").exists()
    config = RunFolder(out).config()
    assert config["preset"] == "dates" and config["pairs"] == 2500
    assert "keras-attn demo" in (out / "report.md").read_text("utf-8")
    assert image.imread(out / "attention.png")[..., :3].std() > 0.01
    version = models / "dates" / "1"
    assert (version / "saved_model.pb").is_file() and (version / "ops.txt").is_file()
    ((asked, answers),) = served
    assert asked == version and len(answers) == len(demo.ASKED)
    for text, answer in zip(demo.ASKED, answers, strict=True):
        assert f"  {text}  ->  {answer}" in printed.err.replace("\n", "")  # the console may break a long line


@pytest.mark.parametrize(
    "config",
    [
        {"task": "translation", "preset": "tiny", "pairs": 2500, "validation_pairs": 10},
        {"task": "translation", "preset": "dates", "pairs": 700, "validation_pairs": 10},  # a user's own dates
    ],
)
def test_the_run_of_someone_else_stays(small, tmp_path, config):
    out = tmp_path / "dates"
    RunFolder(out).create(config)
    with pytest.raises(FileExistsError, match=r"already holds a run.*Received: run='.*dates'"):
        demo.run_demo(out, tmp_path / "models")
    assert RunFolder(out).config() == config


def test_a_foreign_folder_stays(small, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="no empty folder"):
        demo.run_demo(tmp_path, tmp_path / "models")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_model_that_cannot_be_used(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "CLIENT", "import sys; sys.exit(f'broken: {sys.argv[2]}')")
    with pytest.raises(RuntimeError, match=r"/7 could not be used:\nbroken: 5 March 2021"):
        demo.ask_exported(tmp_path / "7", ["5 March 2021"])


ALONE = demo.CLIENT + '\nassert not [name for name in sys.modules if name.startswith("keras_attn")]\n'


@pytest.mark.skipif(not COMMITTED.exists(), reason="saved_models/dates/1 is not in this checkout")
def test_the_committed_model_answers(tmp_path):
    command = [sys.executable, "-c", ALONE, str(COMMITTED), "[en_US] 5 March 2021"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["2021-03-05"]
    size = sum(path.stat().st_size for path in COMMITTED.rglob("*") if path.is_file())
    assert size < 10 * 1024**2
