"""What is told of texts that were there before, and of labels that nobody has learnt."""

from keras_attn.data import LabelledText, TaggedText
from keras_attn.tasks.classification_labels import Labels
from keras_attn.tasks.seen_texts import counted, data_notes, known_of_test, save_training_keys, training_keys
from keras_attn.tasks.tagging_labels import TagSet
from keras_attn.training import RunFolder


def test_keys_of_the_training_are_kept(tmp_path):
    keys = LabelledText(["a b", "c"], {"label": ["x", "y"]}).text_keys()
    save_training_keys(tmp_path, keys)
    assert training_keys(RunFolder(tmp_path)) == keys and max(keys) > 2**32
    assert training_keys(RunFolder(tmp_path / "other")) == training_keys(None) == []


def test_a_test_without_what_was_not_learnt(tmp_path, capsys):
    labels = Labels({"label": ["x", "y"]})
    save_training_keys(tmp_path, LabelledText(["A b", "q"], {"label": ["x", "y"]}).text_keys())
    data = LabelledText(["a  b", "c", "d", "d", "e"], {"label": ["x", "z", "y", "x", "z"]})
    known, counts = known_of_test(labels, data, RunFolder(tmp_path))
    assert known.texts == ["a  b", "d", "d"]
    assert counts == {"left_out": 2, "in_training": 1, "repeated": 1}
    assert capsys.readouterr().err.splitlines() == [
        "2 test texts left out, for unknown labels: 'z' (2).",
        "1 of 3 test texts were in the training.",
    ]
    assert known_of_test(labels, known, None)[1] == {"left_out": 0, "in_training": 0, "repeated": 1}
    assert capsys.readouterr().err == ""


def test_sentences_are_called_sentences(capsys):
    tag_set = TagSet(["city"])
    data = TaggedText([["to", "Rome"], ["tea"]], [["O", "B-city"], ["B-food"]])
    known, counts = known_of_test(tag_set, data, None, "types or labels")
    assert known.words == [["to", "Rome"]] and counts["left_out"] == 1
    assert capsys.readouterr().err == "1 test sentences left out, for unknown types or labels: 'food' (1).\n"
    assert data_notes(data, data, known, {"food": 1}, "types or labels") == [
        "2 training sentences, 1 validation sentences.",
        "1 validation sentences left out, for types or labels that no training sentence has: 'food' (1).",
        "1 validation sentences are in the training too; 0 training sentences repeat others.",
    ]


def test_counted():
    assert counted({str(i): i for i in range(7)}) == "'0' (0), '1' (1), '2' (2), '3' (3), '4' (4) and 2 more"
