"""What the commands of a translation refuse at once; what they do is shown in tests/test_cli.py."""

import pytest

from keras_attn.cli import main
from keras_attn.commands import terminal


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A folder that looks like a translation's, and no TensorFlow."""
    monkeypatch.setattr(terminal, "quiet_import", None)
    (tmp_path / "config.yaml").write_text("task: translation\nsettings: {}\n", "utf-8")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", "RUN", "--abstain"], "--abstain is for classification, and RUN is a run of the task translation."),
        (["evaluate", "RUN", "--data", "a", "b", "--report", "x"], "--report is for classification"),
        (["predict", "RUN", "--details"], "--details shows what no line of text can: add --json"),
        (["evaluate", "RUN", "--data", "a", "b", "c"], "a pair of paths"),
    ],
)
def test_mistakes(run, words, message, capsys):
    assert main([run if word == "RUN" else word for word in words]) == 2
    assert message.replace("RUN", run) in capsys.readouterr().err


def test_help_groups_the_flags_by_task(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        main(["predict", "--help"])
    _, text = capsys.readouterr().out.split("options:")
    assert text.index("translation:") < text.index("--beam N") < text.index("classification:") < text.index("--abstain")
