"""What every task shares, seen on a trained translator: saving, loading, and refusing what is not its own."""

import shutil

import pytest
import yaml

from keras_attn.tasks import Translation, load_task
from keras_attn.tasks.task import say
from keras_attn.training import CheckpointError
from keras_attn.version import __version__


@pytest.fixture
def run_copy(trained, tmp_path):
    """A copy of the run folder, to be spoilt."""
    return shutil.copytree(trained.run, tmp_path / "run")


def change_config(run, **changes):
    file = run / "config.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text("utf-8")), **changes}), "utf-8")


@pytest.mark.parametrize("load", [Translation.load, load_task])
def test_a_run_folder_gives_the_same_answers(trained, words, load):
    loaded = load(trained.run)
    assert type(loaded) is Translation and loaded.settings == trained.task.settings
    found, expected = (task.nbest(words.unseen[:20], 2) for task in (loaded, trained.task))
    assert [[answer.text for answer in row] for row in found] == [[answer.text for answer in row] for row in expected]
    for row, expected_row in zip(found, expected, strict=True):  # two traces of one graph may round differently
        assert [a.score for a in row] == pytest.approx([a.score for a in expected_row], rel=1e-5, abs=1e-6)


def test_save_and_load(task, words, tmp_path):
    task.save(tmp_path / "saved")
    saved = sorted(path.relative_to(tmp_path / "saved").as_posix() for path in (tmp_path / "saved").rglob("*"))
    assert saved == [
        *("checkpoints", "checkpoints/best-00000"),
        *("checkpoints/best-00000/model.keras", "checkpoints/best-00000/state.json"),
        *("config.yaml", "tokenizer", "tokenizer/tokenizer.json"),
    ]
    assert Translation.load(tmp_path / "saved").predict(words.unseen) == task.predict(words.unseen)
    with pytest.raises(FileExistsError, match="already holds a run"):
        task.save(tmp_path / "saved")


def test_config(trained):
    config = yaml.safe_load((trained.run / "config.yaml").read_text("utf-8"))
    assert config["task"] == "translation" and config["keras_attn"] == __version__ and config["preset"] == "tiny"
    assert (config["pairs"], config["validation_pairs"]) == (280 * 20, 60)
    assert config["settings"].items() >= trained.settings.items()
    assert config["settings"]["seed"] == 1  # what was not given stands there too


def test_untrained(tmp_path):
    task = Translation("tiny")
    files = ("a", "b")
    calls = [
        *(lambda: task.predict(["a"]), lambda: task.nbest(["a"], 2), lambda: task.explain("a")),
        *(lambda: task.export(tmp_path / "export"), lambda: task.save(tmp_path / "saved")),
    ]
    for call in calls:
        with pytest.raises(RuntimeError, match=r"translation task is not trained: call `fit` first, or `load`"):
            call()
    with pytest.raises(FileNotFoundError):
        task.evaluate(files)
    assert list(tmp_path.iterdir()) == []


def test_a_run_of_another_task(run_copy):
    change_config(run_copy, task="forecast")
    with pytest.raises(ValueError, match=r"run of the task 'forecast', not of 'translation'. Received: run='.*run'"):
        Translation.load(run_copy)
    with pytest.raises(
        ValueError,
        match=r"Unknown task\..* Known are .*\. Received: task='forecast'",
    ):
        load_task(run_copy)


def test_no_run(tmp_path):
    for load in (Translation.load, load_task):
        with pytest.raises(FileNotFoundError, match=r"no config\.yaml"):
            load(tmp_path)


def test_a_setting_of_another_version(run_copy):
    change_config(run_copy, settings={"dropuot": 0.5})
    with pytest.raises(ValueError, match=r"Did you mean `dropout`.*Received: dropuot=0.5"):
        Translation.load(run_copy)


def test_a_damaged_checkpoint(run_copy):
    for file in run_copy.glob("checkpoints/best-*/model.keras"):
        file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=f"No checkpoint could be loaded: .*{file.parent.name}"):
        Translation.load(run_copy)


def test_a_run_is_over(trained):
    def over(max_minutes=None, **state):
        task = Translation("tiny", **{**trained.settings, "epochs": 9, "patience": 3})
        return task.is_over({"epoch": 5, "best_epoch": 4, "seconds": 90.0, **state}, max_minutes)

    assert not Translation("tiny").is_over(None, 0.1) and not over() and not over(max_minutes=1.6)
    assert over(max_minutes=1.5) and over(epoch=9) and over(best_epoch=2)


def test_what_is_said_goes_to_standard_error(capsys):
    say()
    say("one", "two")
    assert capsys.readouterr() == ("", "one\ntwo\n")
