"""Versions on disk and which of them are served."""

import pytest

from keras_attn.serving.model_folder import check_name, chosen_versions, find_versions, fingerprint


def write(folder, *versions):
    for version in versions:
        (folder / version).mkdir(parents=True)
        (folder / version / "saved_model.pb").write_bytes(b"x")


def test_versions(tmp_path):
    write(tmp_path, "1", "2", "10", "007", ".tmp-3", "draft", "-1", "0", "\u0663", "9" * 30)
    (tmp_path / "5").mkdir()  # empty
    (tmp_path / "6").write_bytes(b"")
    found = find_versions(tmp_path)
    assert list(found) == [1, 2, 7, 10] and found[7] == tmp_path / "007"
    assert find_versions(tmp_path / "10") == {10: tmp_path / "10"}
    assert find_versions(tmp_path / "draft") == {1: tmp_path / "draft"}
    assert find_versions(tmp_path / "nowhere") == find_versions(tmp_path / "6") == {}


def test_policies():
    versions = {1: "a", 2: "b", 10: "c"}
    assert chosen_versions(versions, "latest") == {10: "c"}
    assert chosen_versions(versions, "all") == versions
    assert chosen_versions(versions, (10, 1, 4)) == {1: "a", 10: "c"}
    assert chosen_versions({}, "latest") == {}


def test_a_change_is_seen(tmp_path):
    write(tmp_path, "1")
    before = fingerprint(tmp_path / "1")
    assert fingerprint(tmp_path / "1") == before
    (tmp_path / "1" / "variables").write_bytes(b"more")
    assert fingerprint(tmp_path / "1") != before
    assert fingerprint(tmp_path / "2") == ()


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a b", "a:b", "-a", None, "ä", "a\n", "a\x00"])
def test_names_that_are_none(name):
    with pytest.raises(ValueError, match="name"):
        check_name(name)
