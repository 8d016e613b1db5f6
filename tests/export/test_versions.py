"""Versions are whole or absent, whatever happens while they are written; tests/export/test_saved_model.py has more."""

import pytest

from keras_attn.export.versions import MAIN_FILES, ExportError, write_version


def write(folder):
    (folder / MAIN_FILES["onnx"]).write_text("a model")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_versions_of_every_format_count_up(tmp_path):
    assert [write_version(tmp_path / "model", write, "onnx").name for _ in range(2)] == ["1", "2"]
    assert names(tmp_path / "model" / "2") == ["encoder.onnx"]


def test_a_folder_holds_one_format(tmp_path):
    write_version(tmp_path, write, "onnx")
    with pytest.raises(ExportError, match=r"holds a model in the format 'onnx'.*Received: .*format='litert'"):
        write_version(tmp_path, write, "litert")
    assert names(tmp_path) == ["1"]


def test_a_full_disk_leaves_the_old_version(tmp_path):
    write_version(tmp_path, write, "onnx")

    def fill(folder):
        write(folder)
        with open("/dev/full", "w") as file:  # whatever is written to it finds no room
            file.write("x" * 10_000)

    for folder in (tmp_path, tmp_path / "new"):
        with pytest.raises(ExportError, match=r"\(No space left on device\): make room.*Received: folder="):
            write_version(folder, fill, "onnx")
    assert names(tmp_path) == ["1"]
    assert (tmp_path / "1" / "encoder.onnx").read_text() == "a model"
