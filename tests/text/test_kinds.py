"""Tokenizers by their kind."""

import pytest

from keras_attn.text import ByteTokenizer, CharacterTokenizer, SubwordTokenizer, train_tokenizer

TEXTS = ["Ein Haus am Meer 2021", "ein Hut im Haus 1987", "Haus und Hut und Meer 2021", "am Meer ein Mann"] * 5


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_subwords(kind):
    tokenizer = train_tokenizer(kind, TEXTS, 25, lowercase=True, split_digits=True)
    direct = SubwordTokenizer.train(TEXTS, 25, algorithm=kind, lowercase=True, split_digits=True)
    assert type(tokenizer) is SubwordTokenizer and tokenizer.vocabulary_size == 25
    assert tokenizer.tokenize(TEXTS[:3]).to_list() == direct.tokenize(TEXTS[:3]).to_list()
    assert tokenizer.detokenize(tokenizer.tokenize(["Ein Haus"])).numpy().tolist() == [b"ein haus"]


def test_characters_and_bytes():
    tokenizer = train_tokenizer("character", ["Abba"], lowercase=True)
    assert type(tokenizer) is CharacterTokenizer and tokenizer.vocabulary_size == 4 + 2
    assert train_tokenizer("character", TEXTS, 7).vocabulary_size == 7
    assert type(train_tokenizer("byte", TEXTS, 9000)) is ByteTokenizer


def test_an_unknown_kind():
    with pytest.raises(ValueError, match=r"`kind` must be .* Received: kind='word'$"):
        train_tokenizer("word", TEXTS, 10)
