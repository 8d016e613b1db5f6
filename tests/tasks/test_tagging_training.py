"""What is said of the data before a training, and what goes into its batches."""

import numpy as np

from keras_attn.data import TaggedText
from keras_attn.tasks import tagging_training as learning
from tests.tasks.tagging_cases import made


def test_what_there_is_to_say_of_the_data():
    data, extra = made(40, 1), made(3, 9)
    strange = TaggedText(
        [*extra.words, ["a"], data.words[0]],
        [*extra.tags, ["B-food"], data.tags[0]],
        [*extra.labels, "order", data.labels[0]],
        ["here:7: skipped, no label"],
        2,
    )
    tag_set, known, notes = learning.look_through(data, strange)
    assert len(known.words) == 4 and tag_set.labels == ["order", "question"]
    said = " ".join(notes)
    assert notes[0] == "40 training sentences, 4 validation sentences."
    assert "1 validation sentences left out, for types or labels that no training sentence has: 'food' (1)." in said
    assert "validation sentences are in the training too" in said and "here:7" in said and "2 validation tags" in said


def test_a_batch_holds_the_words_with_their_tags(tagging):
    batches = learning.make_batches(tagging.task, tagging.validation, shuffle=False)
    inputs, targets = batches[0]
    tokenizer = tagging.task.tokenizer
    for row in range(16):
        words, tags = tagging.validation.words[row], tagging.validation.tags[row]
        starts = inputs["word_starts"][row][: len(words)].tolist()
        ends = [*starts[1:], np.count_nonzero(inputs["ids"][row])]
        ids = [inputs["ids"][row, a:b].tolist() for a, b in zip(starts, ends, strict=True)]
        assert [text.decode() for text in tokenizer.detokenize(_ragged(ids)).numpy()] == words
        assert [tagging.task.tag_set.tags[tag] for tag in targets["tags"][row] if tag >= 0] == tags
        assert tagging.task.tag_set.labels[targets["label"][row]] == tagging.validation.labels[row]


def _ragged(rows):
    import tensorflow as tf

    return tf.ragged.constant(rows)


def test_baselines_come_back(tagging, tmp_path):
    learning.save_baselines(tmp_path, tagging.task.baselines, tagging.task.label_baseline)
    baselines, label_baseline = learning.load_baselines(tmp_path)
    data = tagging.validation
    for own, again in zip(tagging.task.baselines, baselines, strict=True):
        assert own.tag(data.words) == again.tag(data.words)
    assert learning.label_accuracy(label_baseline, tagging.task.tag_set, data) == 100.0
    assert learning.load_baselines(tmp_path / "nowhere") == ([], None)
