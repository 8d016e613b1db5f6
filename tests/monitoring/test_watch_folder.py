"""The folder's state: whole or not there, one process at a time."""

import json
import re

import pytest

from keras_attn.monitoring import FolderInUseError, WatchFolder


def test_a_state_comes_back(tmp_path):
    folder = WatchFolder(tmp_path / "a" / "watch")
    assert folder.read() is None
    for state in ({"offset": 1, "text": "\u00fc"}, {"offset": 2}):
        folder.write(state)
        assert {name: value for name, value in folder.read().items() if name != "version"} == state
    assert [path.name for path in folder.path.iterdir()] == ["state.json"]


def test_a_write_that_fails_leaves_the_old_state(tmp_path):
    folder = WatchFolder(tmp_path)
    folder.write({"offset": 1})
    with pytest.raises(TypeError):
        folder.write({"offset": 2, "odd": object()})
    (tmp_path / ".state.json.partial").write_text('{"off')  # of a killed process
    assert folder.read()["offset"] == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_damaged_state(text, tmp_path):
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(ValueError, match=re.escape(f"{tmp_path / 'state.json'} is damaged")):
        WatchFolder(tmp_path).read()


def test_a_state_of_another_version(tmp_path):
    (tmp_path / "state.json").write_text(json.dumps({"version": 99}))
    with pytest.raises(ValueError, match=r"another version.*Received: version=99"):
        WatchFolder(tmp_path).read()


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "watch").write_text("x")
    with pytest.raises(FileExistsError, match="is a file; give the name of a folder"):
        WatchFolder(tmp_path / "watch")


def test_one_at_a_time(tmp_path):
    with WatchFolder(tmp_path).lock(), pytest.raises(FolderInUseError, match="Another process watches with"):
        WatchFolder(tmp_path).lock().__enter__()
    with WatchFolder(tmp_path).lock():
        pass
