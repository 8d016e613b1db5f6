import io
import os
import sys

import pytest

from keras_attn.commands import terminal


def test_quiet_import_keeps_back_only_the_announcements(capfd):
    with terminal.quiet_import():
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n")
        os.write(2, b"I0000 00:00:1795339915.942589   26160 cudart_stub.cc:31] Could not find cuda drivers.\n")
        os.write(2, b"E0000 something that matters\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "E0000 something that matters\nafter\n"


def test_standard_input_line_by_line(monkeypatch):
    content = b"\xef\xbb\xbf" + "ab\r\n\nhé\u2028x".encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert list(terminal.standard_input()) == ["ab", "", "hé\u2028x"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ab\n\xff\n")))
    with pytest.raises(ValueError, match=r"standard input:2: not valid UTF-8"):
        list(terminal.standard_input())


@pytest.mark.parametrize("columns", [40, 100])
def test_a_table_fits_the_terminal(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal.print_table("Title", ("name", "value"), [("accuracy", "x" * 60), ("f1", "2")])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns and "accuracy" in "".join(lines) and "".join(lines).count("x") == 60


def test_no_bar_where_nobody_looks(capsys):
    with terminal.progress_bar(3) as advance:
        advance(2)
    assert capsys.readouterr() == ("", "")


def test_a_file_is_no_folder(tmp_path):
    terminal.check_is_no_file(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match="is a file; give the name of a folder"):
        terminal.check_is_no_file(tmp_path / "file")
