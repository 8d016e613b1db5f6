import itertools

import numpy as np
import pytest

from keras_attn.data import TaggedBatches

RANDOM = np.random.default_rng(0)
PIECES = [
    [RANDOM.integers(4, 99, count).tolist() for count in RANDOM.integers(1, 4, length)]
    for length in RANDOM.integers(1, 20, 61)
]
TAGS = [RANDOM.integers(0, 5, len(words)).tolist() for words in PIECES]


def test_every_word_is_where_its_start_says_with_its_tag():
    batches = TaggedBatches(PIECES, TAGS, range(61), batch_size=7, max_length=12, seed=2)
    assert batches.truncated == sum(len(words) > 12 for words in PIECES)
    seen = []
    for inputs, targets in batches.as_dataset().as_numpy_iterator():
        assert all(array.dtype == np.int32 for array in (*inputs.values(), *targets.values()))
        assert inputs["word_starts"].shape == targets["tags"].shape
        for ids, starts, tags, row in zip(*inputs.values(), *targets.values(), strict=True):
            words, count = PIECES[row][:12], min(len(PIECES[row]), 12)
            assert ids.tolist() == [*itertools.chain(*words), *[0] * (len(ids) - sum(map(len, words)))]
            assert (starts[count:] == -1).all() and (tags[count:] == -1).all()
            assert tags[:count].tolist() == TAGS[row][:12]
            for start, word in zip(starts, words, strict=False):
                assert ids[start : start + len(word)].tolist() == word
            seen.append(int(row))
    assert sorted(seen) == list(range(61))


def test_without_labels():
    assert TaggedBatches(PIECES, TAGS)[0][1].keys() == {"tags"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], []), "0 sentences"),
        (([[[5]], []], [[0], []]), "one word or more"),
        (([[[5]]], [[0, 1]]), "a tag for each word"),
        (([[[5], []]], [[0, 1]]), "a word without pieces"),
        (([[[5]]], [[0]], [1, 2]), "2 labels, 1 sentences"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        TaggedBatches(*arguments)
