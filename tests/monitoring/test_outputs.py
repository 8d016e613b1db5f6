"""Alerts in a file, on standard output and in commands that behave and misbehave."""

import json
import os
import re
import sys
import time

import pytest

from keras_attn.monitoring import AlertFile, AlertPrinter, CommandHook, DeliveryError

ALERT = {"id": "s-1", "alert": "negative: rate 2x", "note": "\u00fc"}


def test_the_file_holds_each_alert_once(tmp_path):
    path = tmp_path / "alerts.jsonl"
    for number in (1, 2, 2, 1, 3):
        AlertFile(path).send({**ALERT, "id": f"s-{number}"})
    assert [json.loads(line)["id"] for line in path.read_text("utf-8").splitlines()] == ["s-1", "s-2", "s-3"]
    assert json.loads(path.read_text("utf-8").splitlines()[0]) == ALERT


def test_a_torn_line_is_written_anew(tmp_path):
    path = tmp_path / "alerts.jsonl"
    AlertFile(path).send(ALERT)
    whole = path.read_bytes()
    path.write_bytes(whole + whole.replace(b"s-1", b"s-2")[:20])
    AlertFile(path).send({**ALERT, "id": "s-2"})
    assert path.read_bytes() == whole + whole.replace(b"s-1", b"s-2")


def test_printed_on_a_line(capsys):
    AlertPrinter().send(ALERT)
    assert json.loads(capsys.readouterr().out) == ALERT


def test_a_command_gets_the_alert_and_no_shell(tmp_path):
    target = tmp_path / "got it; $HOME"
    CommandHook(f"tee '{target}'").send(ALERT)
    assert target.read_bytes().endswith(b"\n") and json.loads(target.read_bytes()) == ALERT


def test_what_a_command_prints_stays_off_standard_output(capfd):
    CommandHook("sh -c 'echo done'").send(ALERT)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "done\n")


def test_a_command_that_reads_nothing():
    CommandHook("true").send({**ALERT, "note": "x" * 1_000_000})


def test_a_command_that_fails():
    with pytest.raises(DeliveryError, match="the command sh ended with code 3"):
        CommandHook("sh -c 'exit 3'").send(ALERT)


def test_a_command_that_takes_too_long_is_killed_with_its_children(tmp_path):
    pids = tmp_path / "pids"
    command = f"sh -c 'sleep 60 & echo $! >> {pids}; echo $$ >> {pids}; wait'"
    start = time.monotonic()
    with pytest.raises(DeliveryError, match=re.escape("took more than 0.5 s")):
        CommandHook(command, seconds=0.5).send(ALERT)
    assert time.monotonic() - start < 10
    for pid in pids.read_text().split():
        deadline = time.monotonic() + 5
        while is_running(pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not is_running(pid)


def is_running(pid):
    """An orphan that was killed may stay a zombie for a while, where nobody waits for it."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("command", ["", "no-such-program-here --flag"])
def test_a_command_that_does_not_exist(command):
    with pytest.raises(ValueError, match="must be a program that exists"):
        CommandHook(command)


def test_a_command_that_is_gone_later(tmp_path):
    path = tmp_path / "hook"
    path.write_text(f"#!{sys.executable}\n")
    os.chmod(path, 0o755)
    hook = CommandHook(str(path))
    path.unlink()
    with pytest.raises(DeliveryError, match="cannot be run"):
        hook.send(ALERT)
