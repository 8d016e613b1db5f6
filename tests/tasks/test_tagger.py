"""Words into pieces and back, in a graph: no piece belongs to two words, no word is without one."""

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.tasks.tagger import Tagger, padded_table, ragged_words, tokenized, word_pieces
from keras_attn.text import UNKNOWN_ID, CharacterTokenizer, train_tokenizer

TEXTS = ["the cat sat on the mat", "New York, New York", "a 2,000-word text"]
TOKENIZER = train_tokenizer("bpe", TEXTS * 20, 60)


@pytest.fixture(scope="module")
def tagger(tagging):
    return Tagger(tagging.task.model, tagging.task.tokenizer, "signs", 8)


@pytest.mark.parametrize("kind", ["bpe", "unigram", "character", "byte"])
def test_words_come_back_from_their_pieces(kind):
    words = [word for text in TEXTS for word in text.split()]
    tokenizer = train_tokenizer(kind, TEXTS * 20, None if kind == "character" else 40, or_fewer=True)
    pieces = word_pieces(tf.constant(words), tokenizer)
    assert [text.decode() for text in tokenizer.detokenize(pieces).numpy()] == words
    assert max(map(len, pieces.to_list())) > 1


def test_every_word_has_one_piece_to_sixteen():
    pieces = word_pieces(tf.constant(["\u200b", "\u00ad", "cat", "q" * 10_000_000]), TOKENIZER).to_list()
    assert [len(word) >= 1 for word in pieces] == [True] * 4 and len(pieces[3]) <= 16
    nothing = CharacterTokenizer.train(["ab"], lowercase=True)  # case folding takes a soft hyphen away
    assert word_pieces(tf.constant(["\u00ad", "b"]), nothing).to_list()[0] == [UNKNOWN_ID]


def test_starts_point_at_first_pieces(tagger):
    rows = [["send", "iced", "tea"], [], ["Florence"]]
    inputs = tagger.inputs(ragged_words(rows))
    for row, words in enumerate(tokenized(rows, tagger.tokenizer)):
        flat = [piece for word in words for piece in word]
        assert inputs["ids"][row].numpy().tolist() == flat + [0] * (inputs["ids"].shape[1] - len(flat))
        starts = np.cumsum([0, *map(len, words)])[: len(words)].tolist()
        assert inputs["word_starts"][row].numpy().tolist() == starts + [-1] * (3 - len(words))


def test_nothing_at_all(tagger):
    inputs = tagger.inputs(ragged_words([[], []]))
    assert inputs["ids"].shape == (2, 1) and inputs["word_starts"].numpy().tolist() == [[-1], [-1]]
    assert tagger.answers(inputs)["score"].numpy().tolist() == [1.0, 1.0]


def test_long_texts_are_cut(tagger):
    words, starts, ends = tagger.words(tf.constant(["a b " * 100, "x" * 10_000_000]))
    assert words.row_lengths().numpy().tolist() == [8, 1] and starts[0, -1] == 14 and ends[0, -1] == 15


def test_the_probability_is_that_of_all_tags(tagger):
    """Scores of a sentence's best path and of all others sum to one."""
    inputs = tagger.inputs(ragged_words([["tea", "Paris"]]))
    scores = tagger._model[0](inputs)["tags"].numpy()[0].astype("float64")
    paths = np.array([[scores[0, 0, i] + scores[1, i, j] for j in range(9)] for i in range(9)])
    assert float(tagger.answers(inputs)["score"][0]) == pytest.approx(np.exp(paths - paths.max()).sum() ** -1, rel=1e-4)


def test_padded_tables_are_never_empty():
    assert padded_table(tf.ragged.constant([[], []], dtype=tf.int32), -1).numpy().tolist() == [[-1], [-1]]
