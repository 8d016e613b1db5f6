import json

import pytest

from keras_attn.data import LabelledText, read_labelled_text
from keras_attn.data.labelled_text import count_labels


@pytest.fixture
def write(tmp_path):
    def write_file(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write_file


def test_a_table_of_one_head(write):
    path = write("x.csv", "text,label\nfine film, good \nbad film,bad\n ,good\nno label,\n")
    data = read_labelled_text(path)
    assert data.texts == ["fine film", "bad film"] and data.labels == {"label": ["good", "bad"]}
    assert data.skipped == [f"{path}:4: skipped, empty column 'text'", f"{path}:5: skipped, empty column 'label'"]
    assert not data.is_multi_label("label")
    report = data.skipped_report("training")
    assert report.startswith("2 training rows left out:\n") and f"{path}:5" in report


def test_several_heads_and_columns_of_other_names(write):
    path = write("x.tsv", "mood\tbody\ttopic\ngood\tfine film\tfilm\nbad\tcold soup\tfood\n")
    data = read_labelled_text(path, "body", ("topic", "mood"))
    assert data.texts == ["fine film", "cold soup"]
    assert data.labels == {"topic": ["film", "food"], "mood": ["good", "bad"]}


def test_several_labels_in_a_cell(write):
    data = read_labelled_text(write("x.csv", "text,label\na,x|y\nb,x\nc,\nd,y| x |x\n"), separator="|")
    assert data.labels == {"label": [("x", "y"), ("x",), (), ("y", "x")]}
    assert data.is_multi_label("label") and data.skipped == []


def test_lists_in_jsonl_are_several_labels(write):
    rows = [{"text": "a", "label": ["x", "y"]}, {"text": "b", "label": []}, {"text": "c", "label": "x"}]
    path = write("x.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert read_labelled_text(path).labels == {"label": [("x", "y"), (), ("x",)]}


def test_numbers_are_names(write):
    rows = [{"text": "a", "label": 1}, {"text": 2, "label": 1.0}, {"text": "c", "label": None}]
    data = read_labelled_text(write("x.jsonl", "".join(json.dumps(row) + "\n" for row in rows)))
    assert data.texts == ["a", "2"] and data.labels == {"label": ["1", "1"]} and len(data.skipped) == 1


def test_a_folder_a_class(write, tmp_path):
    write("films/good/1.txt", "fine\nfilm")
    write("films/good/.hidden", "no")
    broken = write("films/bad/1.txt", b"caf\xe9")
    empty = write("films/bad/2.txt", "")
    write("films/bad/3.txt", "\ufeffdull")
    data = read_labelled_text(tmp_path / "films")
    assert data.texts == ["dull", "fine\nfilm"] and data.labels == {"label": ["bad", "good"]}
    assert data.skipped == [
        f"{broken}: skipped, not valid UTF-8 at byte offset 3",
        f"{empty}: skipped, empty column 'text'",
    ]
    with pytest.raises(ValueError, match=r"a folder a class gives one head\. Received: label_columns=\['a', 'b'\]"):
        read_labelled_text(tmp_path / "films", label_columns=("a", "b"))
    with pytest.raises(ValueError, match=r"good: the folder has no sub-folders"):
        read_labelled_text(tmp_path / "films" / "good")


def test_errors(write):
    with pytest.raises(ValueError, match=r"no column 'label'; there are 'text', 'mark'"):
        read_labelled_text(write("x.csv", "text,mark\na,1\n"))
    with pytest.raises(ValueError, match=r"No labelled text is left: 1 rows left out, the first .*x\.csv:2: skipped"):
        read_labelled_text(write("x.csv", "text,label\na,\n"))
    with pytest.raises(
        ValueError, match=r"need a column of their own\. Received: text_column='a', label_columns=\['a'\]"
    ):
        read_labelled_text(write("x.csv", "a\nb\n"), "a", ("a",))


def test_repeated_texts_are_counted():
    data = LabelledText(["A film", "a  FILM ", "another", "third"], {"label": ["x"] * 4})
    others = LabelledText(["a film", "Third", "new"], {"label": ["x"] * 3})
    assert data.count_duplicates() == (0, 1)
    assert data.count_duplicates(others.text_keys()) == (3, 1)
    assert all(0 <= key < 2**64 for key in data.text_keys())


def test_a_fingerprint_tells_data_apart():
    first = LabelledText(["a", "b"], {"label": ["x", "y"]})
    assert first.fingerprint() == LabelledText(["a", "b"], {"label": ["x", "y"]}, ["a row"]).fingerprint()
    others = [(["a", "b"], ["x", "x"]), (["a", "c"], ["x", "y"]), (["b", "a"], ["y", "x"])]
    fingerprints = {LabelledText(texts, {"label": labels}).fingerprint() for texts, labels in others}
    assert len({*fingerprints, first.fingerprint()}) == 4


def test_count_labels():
    assert list(count_labels([("x", "y"), (), ("y",)]).items()) == [("y", 2), ("x", 1)]
