import contextlib
import inspect
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest
import yaml

from keras_attn import cli
from keras_attn.cli import main
from keras_attn.commands import on_texts, terminal, translation
from keras_attn.tasks import TASKS, TranslationSettings
from keras_attn.version import __version__

# Letters and their doubles: 40 pairs that the smallest of models can be trained on in a second.
SOURCES = [f"{a}{b}" for a in "abcdefgh" for b in "abcde"]
TARGETS = [f"{a}{a}{b}{b}" for a, b in SOURCES]
TINY = [
    *("tokenizer=character", "num_layers=1", "hidden_dim=8", "num_heads=2", "intermediate_dim=8", "epochs=1"),
    *("batch_tokens=256", "num_buckets=1", "max_length=8", "monitor=val_loss", "warmup_steps=10", "beam_size=2"),
]


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Two text files of pairs, and the flags that train on them."""
    folder = tmp_path_factory.mktemp("files")
    paths = [str(folder / name) for name in ("pairs.src", "pairs.tgt")]
    for path, lines in zip(paths, (SOURCES, TARGETS), strict=True):
        with open(path, "w", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))
    return paths


def train_words(files, out, *more):
    return ["train", "translation", "--train", *files, "--valid", *files, "--out", str(out), *more]


@pytest.fixture(scope="session")
def trained(files, tmp_path_factory):
    """A run folder that `keras-attn train` wrote, and what it printed."""
    run = tmp_path_factory.mktemp("runs") / "tiny"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(train_words(files, run, "--set", *TINY)) == 0
    return run, printed.getvalue()


@pytest.fixture
def run(trained):
    return str(trained[0])


@pytest.fixture
def no_import(monkeypatch):
    """Fails a test whose command reaches the import of TensorFlow."""

    def fail():
        raise AssertionError("TensorFlow would be imported before the mistake is told")

    monkeypatch.setattr(terminal, "quiet_import", fail)


def copied(run, tmp_path):
    return shutil.copytree(run, tmp_path / "copy")


def error_of(words, capsys):
    """Runs a command that must fail, and returns its message."""
    assert main(words) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("keras-attn: error: ") and errors.count("\n") == 1
    assert "Traceback" not in errors
    return errors


# Help


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"keras-attn {__version__}\n"


@pytest.mark.parametrize(
    "words", [[], ["evaluate", "run"], ["predict", "run", "--beams", "3"], ["predict", "--beam", "0"]]
)
def test_wrong_flags_exit_with_2(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert "usage: keras-attn" in capsys.readouterr().err


@pytest.mark.parametrize("columns", ["40", "120"])
def test_help_of_training_lists_every_setting(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit):
        main(["train", "translation", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name in TranslationSettings.__dataclass_fields__:
        assert re.search(rf" {name} \([^)]+; default [^)]+\) [A-Z]\S+", text), name
    assert (
        "dropout (float; default 0.1; tiny: 0.3) Dropout of the embeddings and of the outputs of "
        "sublayers or recurrent layers." in text
    )
    assert "patience (int | null; default null)" in text


def test_presets_show_all_settings(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["presets", "translation"]) == 0
    rows = {row.split()[0]: row.split()[1:] for row in capsys.readouterr().out.splitlines() if len(row.split()) > 1}
    names = list(TASKS["translation"].presets)
    assert rows["setting"] == names
    for setting, field in TranslationSettings.__dataclass_fields__.items():
        values = [TASKS["translation"].presets[name].get(setting, field.default) for name in names]
        assert [yaml.safe_load(text) for text in rows[setting]] == values


@pytest.mark.parametrize("columns", [40, 60])
def test_presets_fit_a_narrow_terminal(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["presets", "translation"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    assert set(TranslationSettings.__dataclass_fields__) <= {line.split()[0] for line in lines if line.strip()}


# Mistakes that are told at once


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--preset", "tini"], "Did you mean `tiny`?"),
        (["--set", "dropuot=0.1"], "Did you mean `dropout`?"),
        (["--set", "dropout=much"], "`dropout` must be a number. Received: dropout='much'"),
        (["--set", "dropout"], "--set takes settings as NAME=VALUE. Received: 'dropout'"),
        (["--set", "dropout=[1"], "--set dropout=[1: not valid YAML"),
        (["--config", "missing.yaml"], "missing.yaml"),
    ],
)
def test_wrong_settings(flags, expected, files, tmp_path, no_import, capsys):
    assert expected in error_of(train_words(files, tmp_path / "run", *flags), capsys)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"dropout: [0.1", "not valid YAML"),
        (b"\xff", "not valid UTF-8 at byte offset 0"),
        (b"- 1", "expected a YAML mapping of settings"),
        (b"settings: 3", "expected a YAML mapping of settings"),
        (b"task: vision\nsettings: {}", "configuration of another task. Received: task='vision'"),
        (b"hidden: 3", "Unknown setting. Did you mean `hidden_dim`?"),
    ],
)
def test_wrong_config_file(content, expected, files, tmp_path, no_import, capsys):
    config = tmp_path / "config.yaml"
    config.write_bytes(content)
    assert expected in error_of(train_words(files, tmp_path / "run", "--config", str(config)), capsys)


def test_data_that_cannot_be_used(files, tmp_path, no_import, capsys):
    source, target = files
    words = train_words(files, tmp_path / "run")
    missing, short = str(tmp_path / "missing.tgt"), tmp_path / "short.tgt"
    short.write_text("one\ntwo\n", "utf-8")
    assert f"{missing}: no such file" in error_of([*words, "--train", source, missing], capsys)
    message = error_of([*words, "--valid", source, str(short)], capsys)
    assert f"{source} has 40, {short} has 2; the first line without a partner is 3" in message
    assert "pair of paths" in error_of([*words, "--train", source, target, target], capsys)


def test_folders_that_cannot_be_written(run, files, tmp_path, no_import, capsys):
    (tmp_path / "note.txt").write_text("mine", "utf-8")
    assert f"{tmp_path} exists and is no empty folder" in error_of(train_words(files, tmp_path), capsys)
    assert f"{run} already holds a run" in error_of(train_words(files, run), capsys)
    file = str(tmp_path / "note.txt")
    assert "is no empty folder" in error_of(train_words(files, file, "--resume"), capsys)
    assert f"{file} is a file" in error_of(["export", run, file], capsys)
    assert f"{file} is a file" in error_of(["explain", run, "--text", "ab", "--out", file], capsys)
    assert (tmp_path / "note.txt").read_text("utf-8") == "mine"


def test_wrong_words_for_a_run(run, files, tmp_path, no_import, capsys):
    for words in (
        ["evaluate", "--data", *files],
        ["predict"],
        ["explain", "--text", "a", "--out", "x"],
        ["export", "x"],
    ):
        message = error_of([words[0], str(tmp_path / "nothing"), *words[1:]], capsys)
        assert "nothing is no run folder: it has no config.yaml" in message
    assert "missing.txt: no such file" in error_of(["predict", run, "missing.txt"], capsys)
    assert "beam_size=2, num_results=3" in error_of(["predict", run, "--beam", "2", "--nbest", "3"], capsys)
    assert "empty text" in error_of(["explain", run, "--text", " ", "--out", str(tmp_path)], capsys)
    assert "Did you mean `translation`?" in error_of(["presets", "translatoin"], capsys)


def test_mistakes_are_told_without_tensorflow():
    code = (
        "import sys\n"
        "from keras_attn.cli import main\n"
        "words = ['train', 'translation', '--train', 'x', '--valid', 'x', '--out', 'run', '--preset', 'tini']\n"
        "assert main(words) == 2 and main(['predict', 'run']) == 2\n"
        "print({'tensorflow', 'keras', 'numpy'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr
    assert done.stderr.count("keras-attn: error: ") == 2


# Training


def test_train_tells_the_best_epoch_and_what_comes_next(trained):
    run, printed = trained
    metrics = json.loads((run / "metrics.jsonl").read_text("utf-8"))
    assert f"val_loss {metrics['val_loss']:.4g}" in printed
    for command in ("evaluate", "predict", "explain", "export"):
        assert f"keras-attn {command} {run}" in printed
    assert "keras-attn train translation --train" in (run / "report.md").read_text("utf-8")


def test_set_overrides_config_which_overrides_preset(files, run, tmp_path, monkeypatch, capsys):
    calls = []

    class Task:
        def __init__(self, preset, **settings):
            calls.append((preset, settings))

        def fit(self, data, validation, run, **limits):
            calls.append((data.sources, validation.targets, run, limits))
            return {"bleu": 12.3456}

    monkeypatch.setattr("keras_attn.tasks.registry.TaskEntry.load_class", lambda entry: Task)
    config = tmp_path / "settings.yaml"
    config.write_text("dropout: 0.2\nlearning_rate: 1e-3\n", "utf-8")
    out = tmp_path / "my run"
    flags = ["--preset", "dates", "--config", str(config), "--set", "dropout=0.4", "patience=None", "--set", "epochs=7"]
    words = train_words(files, out, *flags, "--max-minutes", "0.5", "--deterministic")
    assert main(words) == 0
    assert calls[0] == ("dates", {"dropout": 0.4, "learning_rate": 0.001, "patience": None, "epochs": 7})
    *data, limits = calls[1]
    assert data == [SOURCES, TARGETS, out]
    assert limits.pop("command") == f"keras-attn {shlex.join(words)}"
    expected = {"max_minutes": 0.5, "resume": False, "deterministic": True}
    expected |= {"tensorboard": False, "wandb": False, "strategy": "auto"}
    assert limits == expected
    assert "bleu 12.35" in capsys.readouterr().out

    assert main(train_words(files, out, "--config", f"{run}/config.yaml", "--set", "seed=3")) == 0
    wanted = dict(yaml.safe_load(assignment.replace("=", ": ")).popitem() for assignment in TINY)
    preset, settings = calls[2]
    assert preset == "tiny"
    assert settings | wanted | {"seed": 3} == settings and len(settings) == len(
        TranslationSettings.__dataclass_fields__
    )


def test_rows_left_out_are_reported(trained, tmp_path, capsys):
    run, _ = trained
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("ab\taabb\n" + "cd\t\n" * 7, "utf-8")
    assert main(["evaluate", str(run), "--data", str(pairs), "--json"]) == 0
    output, errors = capsys.readouterr()
    assert json.loads(output)["count"] == 1
    assert f"7 test rows left out:\n  {pairs}:2: skipped, empty target\n" in errors and "and 2 more" in errors


def test_interrupted_training_keeps_its_state(run, files, tmp_path, monkeypatch, capsys):
    from keras_attn.training import RunFolder, RunRecorder

    out = copied(run, tmp_path)
    words = train_words(files, out, "--set", *TINY, "epochs=4", "--resume")  # epoch 1 is done
    begin = RunRecorder.on_epoch_begin

    def stop_in_third_epoch(self, epoch, logs=None):
        begin(self, epoch, logs)
        if epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(RunRecorder, "on_epoch_begin", stop_in_third_epoch)
    assert main(words) == 130
    errors = capsys.readouterr().err
    assert f"stopped; saved in {out / 'checkpoints' / 'last-00002'}. Go on with:" in errors
    assert errors.endswith(f"\n  keras-attn {shlex.join(words)}\n") and "Traceback" not in errors
    assert [line["epoch"] for line in RunFolder(out).metrics()] == [1, 2]
    assert RunFolder(out).load_checkpoint("last")[1]["epoch"] == 2


def test_interrupted_before_anything_was_written(files, tmp_path, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(translation, "read_parallel_text", interrupt)
    assert main(train_words(files, tmp_path / "run")) == 130
    assert capsys.readouterr().err == "keras-attn: stopped; nothing was written yet.\n"
    monkeypatch.setattr(terminal, "load_run", interrupt)
    (tmp_path / "config.yaml").write_text("task: translation", "utf-8")
    assert main(["export", str(tmp_path), str(tmp_path / "model")]) == 130
    assert capsys.readouterr().err == "keras-attn: stopped.\n"


def test_a_training_that_diverges_has_an_exit_code_of_its_own(files, tmp_path, monkeypatch, capsys):
    from keras_attn.training import DivergenceError, RunRecorder
    from keras_attn.training.loss_watch import BadLossError

    def diverge(self, batch, logs=None):
        raise BadLossError("the loss is nan")

    monkeypatch.setattr(RunRecorder, "on_train_batch_begin", diverge)
    run = tmp_path / "run"
    assert main(train_words(files, run, "--set", *TINY)) == DivergenceError.exit_code == 3
    *warned, error = capsys.readouterr().err.splitlines()
    assert [line.split(": ", 2)[:2] for line in warned] == [["keras-attn", "warning"]] * 3
    assert error.startswith("keras-attn: error: The training diverged: at step 0 the loss is nan.")
    report = (run / "report.md").read_text("utf-8")
    assert "## The loss diverged" in report and report.count("- Step 0 (epoch 1), learning rate ") == 4
    assert "Try a lower learning rate" in report and "Best epoch" not in report


# A trained run


def test_evaluate_prints_one_json_object_alone(run, files, capfd):
    assert main(["evaluate", run, "--data", *files, "--beam", "1", "--json"]) == 0
    output, errors = capfd.readouterr()
    result = json.loads(output)
    assert output.count("\n") == 1 and errors == ""
    assert result["task"] == "translation" and result["count"] == 40
    assert set(result["metrics"]) == {"bleu", "bleu_tokenized", "chrf", "exact_match"}
    assert set(result) == {"task", "metrics", "count"}
    from keras_attn.tasks import load_task

    assert result["metrics"] == pytest.approx(load_task(run).evaluate(tuple(files), beam_size=1))


def test_evaluate_prints_a_table(run, files, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["evaluate", run, "--data", *files]) == 0
    output = capsys.readouterr().out
    assert re.search(r"bleu_tokenized +\d+\.\d\d +nrefs:1\S+tok:none", output)
    assert "40 texts" in output


def test_predict_answers_a_line_a_text(run, tmp_path, capsys, monkeypatch):
    from keras_attn.tasks import load_task

    texts = ["ab", "", "ce", "hé"]
    file = tmp_path / "texts.txt"
    file.write_text("".join(f"{text}\n" for text in texts), "utf-8")
    expected = load_task(run).predict(texts)
    assert main(["predict", run, str(file)]) == 0
    assert capsys.readouterr().out.split("\n") == [*expected, ""]

    monkeypatch.setattr(on_texts, "_CHUNK", 3)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbf" + "ab\r\n\nce\nhé".encode())))
    assert main(["predict", run, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["text"] for line in lines] == texts
    assert [line["answers"][0]["text"] for line in lines] == expected


def test_predict_gives_several_answers(run, tmp_path, capsys):
    file = tmp_path / "texts.txt"
    file.write_text("ab\nce\n", "utf-8")
    assert main(["predict", run, str(file), "--nbest", "3"]) == 0  # one more than the run's beam_size
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    scores = [float(score) for score, _ in rows]
    assert len(rows) == 6
    assert scores[:3] == sorted(scores[:3], reverse=True) and scores[3:] == sorted(scores[3:], reverse=True)


def test_predict_names_the_line_that_is_not_utf8(run, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ab\nc\xff\n")))
    assert "standard input:2: not valid UTF-8" in error_of(["predict", run], capsys)


def test_predict_in_a_pipe_stops_silently_with_its_reader(run):
    keras_attn = f"{sys.executable} -c 'import sys; from keras_attn.cli import main; sys.exit(main())'"
    script = f"yes ab | {keras_attn} predict '{run}' --beam 1 | head -n 2; echo ${{PIPESTATUS[1]}}"
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment, timeout=120)
    first, second, status = done.stdout.splitlines()
    assert first == second and status == "141"
    assert done.stderr == ""  # neither a bar, nor TensorFlow's announcements


def test_explain_draws_pictures(run, tmp_path, capsys):
    out = tmp_path / "attention"
    assert main(["explain", run, "--text", "ab", "--out", str(out)]) == 0
    _, *paths = capsys.readouterr().out.splitlines()
    assert paths == [str(out / "average.png"), str(out / "layer-1.png")]
    assert all(Path(path).read_bytes().startswith(b"\x89PNG") for path in paths)


def test_export_prints_the_version(run, tmp_path, capfd):
    assert main(["export", run, str(tmp_path / "model")]) == 0
    assert capfd.readouterr().out == f"{tmp_path / 'model' / '1'}\n"
    assert (tmp_path / "model" / "1" / "saved_model.pb").is_file()


def test_export_with_a_shortlist_of_files_that_are_missing(run, tmp_path, capsys):
    message = error_of(["export", run, str(tmp_path / "model"), "--shortlist", "none.src", "none.tgt"], capsys)
    assert "none.src: no such file" in message and not (tmp_path / "model").exists()


@pytest.mark.long
def test_export_with_a_shortlist(run, files, tmp_path, capfd):
    assert main(["export", run, str(tmp_path / "model"), "--shortlist", *files]) == 0
    assert "With the shortlist: " in (tmp_path / "model" / "1" / "README.md").read_text("utf-8")


def test_damaged_checkpoint(run, tmp_path, capsys):
    copy = copied(run, tmp_path)
    (path,) = (copy / "checkpoints").glob("best-*/model.keras")
    path.write_bytes(path.read_bytes()[:1000])
    message = error_of(["predict", str(copy)], capsys)
    assert "No checkpoint could be loaded" in message and str(path.parent) in message


def test_damaged_run_and_run_of_another_task(run, tmp_path, capsys):
    copy = copied(run, tmp_path)
    config = copy / "config.yaml"
    text = config.read_text("utf-8")
    config.write_text("task: [", "utf-8")
    assert f"{config} is damaged" in error_of(["predict", str(copy)], capsys)
    config.write_text(text.replace("task: translation", "task: summarisation"), "utf-8")
    assert "Unknown task" in error_of(["export", str(copy), str(tmp_path / "model")], capsys)


# The rest


def test_demo_is_called_with_its_flags(monkeypatch, capsys):
    calls = []
    module = types.ModuleType("keras_attn.demo")
    module.run_demo = lambda **arguments: calls.append(arguments)
    monkeypatch.setitem(sys.modules, "keras_attn.demo", module)
    assert main(["demo", "--json", "--max-minutes", "0.5", "--out", "here"]) == 0
    assert calls == [{"out": "here", "max_minutes": 0.5, "as_json": True}]


def test_demo_has_the_defaults_of_run_demo(monkeypatch):
    from keras_attn.demo import run_demo

    calls = []
    module = types.ModuleType("keras_attn.demo")
    module.run_demo = lambda **arguments: calls.append(arguments)
    monkeypatch.setitem(sys.modules, "keras_attn.demo", module)
    assert main(["demo"]) == 0
    parameters = inspect.signature(run_demo).parameters
    assert calls == [{name: parameters[name].default for name in ("out", "max_minutes", "as_json")}]


def raising(error):
    def function(_):
        raise error

    return function


def test_bugs_keep_their_traceback(monkeypatch, capsys):
    monkeypatch.setattr(cli, "_presets", raising(TypeError("a bug")))
    with pytest.raises(TypeError):
        main(["presets"])
    monkeypatch.setattr(cli, "_presets", raising(RuntimeError("not ours")))
    with pytest.raises(RuntimeError):
        main(["presets"])
    monkeypatch.setattr(cli, "_presets", raising(ValueError("first line\n  second line")))
    assert error_of(["presets"], capsys) == "keras-attn: error: first line second line\n"
    monkeypatch.setenv("KERAS_ATTN_DEBUG", "1")
    with pytest.raises(ValueError):
        main(["presets"])


def test_warnings_are_one_line(monkeypatch, capsys):
    import warnings

    monkeypatch.setattr(cli, "_presets", lambda _: warnings.warn("take care", stacklevel=1))
    assert main(["presets"]) == 0
    assert capsys.readouterr().err == "keras-attn: warning: take care\n"
