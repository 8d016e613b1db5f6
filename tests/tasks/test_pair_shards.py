"""Training from many files through a cache of tokens is training from their pairs in memory."""

import numpy as np
import pytest

from keras_attn.tasks import PairShards, Translation
from keras_attn.tasks.pair_shards import encoder_of
from keras_attn.text import load_tokenizer
from tests.tasks.conftest import REVERSER


@pytest.fixture
def files(words, tmp_path):
    """Two files of words and their reverse."""
    made = []
    for number in (0, 1):
        path = tmp_path / f"part-{number}.tsv"
        path.write_text("".join(f"{word}\t{word[::-1]}\n" for word in words.train[number::2]), "utf-8")
        made.append(str(path))
    return made


def test_a_cache_leaves_no_merges_out(files, words, trained, tmp_path):
    task = Translation("tiny", **{**REVERSER, "tokenizer": "bpe", "vocabulary_size": 12, "bpe_dropout": 0.1})
    with pytest.raises(ValueError, match=r"set bpe_dropout=0.*Received: bpe_dropout=0\.1"):
        task.fit(PairShards(files, tmp_path / "cache", processes=1), trained.pairs(words.unseen), run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_it_learns_the_same_weights(files, words, trained, tmp_path, capsys):
    shards, settings = PairShards(files, tmp_path / "cache", processes=1), {**REVERSER, "epochs": 1}
    pairs = trained.pairs([*words.train[0::2], *words.train[1::2]])  # in the order of the files
    held_out = trained.pairs(words.unseen)
    first, second = Translation("tiny", **settings), Translation("tiny", **settings)
    first.fit(shards, held_out, run=tmp_path / "first")
    assert "Tokenized 2 of 2 files." in capsys.readouterr().err
    second.fit(pairs, held_out, run=tmp_path / "second")
    for found, expected in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    first.fit(shards, held_out, run=tmp_path / "third")
    assert "Tokenized" not in capsys.readouterr().err  # the cache was there
    changed = Translation("tiny", **{**settings, "lowercase": True})
    with pytest.raises(ValueError, match="its lowercase differ"):
        changed.fit(shards, held_out, run=tmp_path / "fourth")
    assert not (tmp_path / "fourth").exists()


def test_there_must_be_a_file(tmp_path):
    with pytest.raises(ValueError, match=r"needs one file of pairs.* Received: files=\[\]"):
        PairShards([], tmp_path / "cache")


def test_ids_are_those_of_the_tokenizer(trained, words):
    folder = trained.run / "tokenizer"
    ids, sizes = encoder_of(folder)(words.unseen)
    expected = load_tokenizer(folder).tokenize(words.unseen).to_list()
    assert sizes.tolist() == [len(row) for row in expected] and ids.tolist() == [i for row in expected for i in row]
