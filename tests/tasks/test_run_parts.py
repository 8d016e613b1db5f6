import pytest

from keras_attn.tasks.run_parts import read_part, write_part


def test_what_was_written_is_read(tmp_path):
    write_part(tmp_path, "part.json", {"größe": [1, None, 2.5]})
    assert read_part(str(tmp_path), "part.json", dict) == {"größe": [1, None, 2.5]}
    assert "größe" in (tmp_path / "part.json").read_text("utf-8")  # for people too


@pytest.mark.parametrize("content", ["{", '{"other": 1}', "[]", "\x00"])
def test_what_cannot_be_used_is_damaged(content, tmp_path):
    (tmp_path / "part.json").write_text(content, "utf-8")
    with pytest.raises(ValueError, match=r"part\.json is missing or damaged \(.*\); copy .* Received: run='.*'"):
        read_part(tmp_path, "part.json", lambda values: values["wanted"])
    with pytest.raises(ValueError, match=r"part\.json is missing or damaged"):
        read_part(tmp_path, "part.json", lambda values: values["wanted"].items())
    with pytest.raises(ValueError, match=r"none\.json is missing or damaged \(.*No such file"):
        read_part(tmp_path, "none.json", dict)
