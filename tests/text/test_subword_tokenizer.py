import gc
import io
import re
import unicodedata

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf

from keras_attn.text import SubwordTokenizer, load_tokenizer

TEXTS = [
    "a man in a hat walks a dog",
    "two dogs walk in the park 2021",
    "[de_DE] 5. März 2021",
    "[ru_RU] 5 марта 2021 г.",
    "[ar_EG] ٥ مارس ٢٠٢١",
    "[hi_IN] ५ मार्च २०२१",
    "[th_TH] ๕ มีนาคม ๒๕๖๔",
    "[ja_JP] 2021年3月5日 ﾊﾟﾘ",
    "cafe\u0301 Ångström ﬁn 🎉",
]
ALGORITHMS = pytest.mark.parametrize("algorithm", ["unigram", "bpe"])


def saved_model(tokenizer, folder):
    tokenizer.save(folder)
    return (folder / "subword.model").read_bytes()


@ALGORITHMS
def test_ids_and_text_equal_those_of_the_sentencepiece_library(algorithm, tmp_path):
    tokenizer = SubwordTokenizer.train(TEXTS * 3, 96, algorithm=algorithm)
    oracle = sentencepiece.SentencePieceProcessor(model_proto=saved_model(tokenizer, tmp_path))
    texts = [*TEXTS, "a new sentence, ЖЖ unknown", "  spaces \t and\nlines  ", "▁ ﬁ\u00a0x", "<s> </s> <pad> <unk>"]
    ids = tokenizer.tokenize(texts)
    assert tokenizer.vocabulary_size == oracle.get_piece_size() == 96
    assert ids.to_list() == oracle.encode(texts)
    assert [text.decode() for text in tokenizer.detokenize(ids).numpy()] == oracle.decode(oracle.encode(texts))
    assert tokenizer.pieces(ids.to_list()[0]) == oracle.encode(texts[0], out_type=str)
    normalizer = sentencepiece.SentencePieceNormalizer(model_proto=oracle.serialized_model_proto())
    expected = [normalizer.normalize(text).replace("▁", " ").strip() for text in texts]
    assert [text.decode() for text in tokenizer.normalize(texts).numpy()] == expected


@ALGORITHMS
def test_training_is_deterministic(algorithm, tmp_path):
    first = SubwordTokenizer.train(iter(TEXTS * 3), 95, algorithm=algorithm)
    second = SubwordTokenizer.train(TEXTS * 3, 95, algorithm=algorithm)
    assert saved_model(first, tmp_path / "1") == saved_model(second, tmp_path / "2")


def test_sampling_without_dropout_is_tokenizing():
    tokenizer = SubwordTokenizer.train(TEXTS, vocabulary_size=120, algorithm="bpe")
    texts = [*TEXTS, "", "  two   dogs ", "a Ψ and ΨΨ", "▁"]
    ids = tokenizer.tokenize(texts)
    sampled = tokenizer.sample(texts, 0.0, count=2, seed=1)
    assert sampled.dtype == tf.int32 and sampled.to_list() == [*ids.to_list(), *ids.to_list()]
    assert tokenizer.sample([], 0.1, count=3, seed=1).to_list() == []


def test_sampling_is_a_function_of_the_seed_and_keeps_the_text():
    tokenizer = SubwordTokenizer.train(TEXTS, vocabulary_size=120, algorithm="bpe")
    normal = tokenizer.normalize(TEXTS).numpy().tolist()
    sampled = tokenizer.sample(TEXTS, 0.3, count=20, seed=1)
    assert tokenizer.detokenize(sampled).numpy().tolist() == normal * 20
    assert sampled.to_list() == tokenizer.sample(TEXTS, 0.3, count=20, seed=1).to_list()
    assert sampled.to_list() != tokenizer.sample(TEXTS, 0.3, count=20, seed=2).to_list()


@pytest.mark.parametrize("dropout", [0.05, 0.3, 0.7])
def test_words_are_divided_as_often_as_by_the_sentencepiece_library(dropout):
    """The library draws from the same distribution, but does so anew in every process, whatever the seed."""
    texts = ["wanderers", "wandering", "wanders", "sanders", "anders", "and", "wand", "er"]
    tokenizer = SubwordTokenizer.train(texts * 4, vocabulary_size=26, algorithm="bpe")
    library = sentencepiece.SentencePieceProcessor(model_proto=tokenizer._model)
    count = 64  # as many as are drawn of a word
    sampled = np.array([tokenizer.sample(texts, dropout, 1, seed).row_lengths() for seed in range(count)])
    theirs = library.encode(texts * 64 * 20, enable_sampling=True, nbest_size=-1, alpha=dropout)
    expected = np.array([len(row) for row in theirs]).reshape(-1, len(texts))
    error = np.sqrt(expected.var(axis=0) * (1 / len(expected) + 1 / count))
    assert (np.abs(sampled.mean(axis=0) - expected.mean(axis=0)) < 4.5 * error + 1e-9).all()


def test_sampling_needs_merges():
    tokenizer = SubwordTokenizer.train(TEXTS, vocabulary_size=90, algorithm="unigram")
    with pytest.raises(ValueError, match=r"algorithm='bpe'.*Received: a vocabulary of UNIGRAM"):
        tokenizer.sample(TEXTS, 0.1, count=1, seed=1)


def test_text_pieces_that_look_like_marks_never_become_reserved_ids():
    tokenizer = SubwordTokenizer.train([*TEXTS, "< s > / p a d u n k"] * 3, 95)
    rows = tokenizer.tokenize(["a <s> k </s> d", "<pad>"]).to_list()
    assert not {0, 1, 2} & {id_ for row in rows for id_ in row}
    assert tokenizer.detokenize(rows[:1]).numpy().tolist() == [b"a <s> k </s> d"]


def test_tokenizers_live_on_when_a_seed_is_set_and_another_goes():
    """Setting a seed clears TensorFlow's kernel cache, which takes resources without a name along."""
    tokenizer, twin = SubwordTokenizer.train(TEXTS, 92), SubwordTokenizer.train(TEXTS, 92)
    other = SubwordTokenizer.train(TEXTS, 92, algorithm="bpe")
    expected = [tokenizer.tokenize(TEXTS).to_list(), other.tokenize(TEXTS).to_list()]
    dataset = tf.data.Dataset.from_tensors(TEXTS).map(tokenizer.tokenize)
    del twin
    gc.collect()
    tf.random.set_seed(7)
    assert [tokenizer.tokenize(TEXTS).to_list(), other.tokenize(TEXTS).to_list()] == expected
    assert next(iter(dataset)).to_list() == expected[0] != expected[1]


def test_whitespace_and_bytes_that_are_no_utf8():
    tokenizer = SubwordTokenizer.train(TEXTS * 3, 95)
    texts = ["  a\tman \n in\u3000a  hat ", b"a\xffman \xc3"]
    ids = tokenizer.tokenize(texts)
    # SentencePiece reads the replacement character as a space.
    assert tokenizer.detokenize(ids).numpy().tolist() == [b"a man in a hat", b"a man"]
    assert tokenizer.normalize(texts).numpy().tolist() == [b"a man in a hat", b"a man"]


def test_normalize_keeps_what_the_vocabulary_lacks():
    tokenizer = SubwordTokenizer.train(["a man in a hat"] * 2, 12)
    assert tokenizer.normalize(["a  Жук"]).numpy()[0].decode() == "a Жук"
    assert tokenizer.detokenize(tokenizer.tokenize(["a  Жук"])).numpy()[0].decode() == "a \ufffd"


def test_lowercase_and_split_digits(tmp_path):
    tokenizer = SubwordTokenizer.train(["ÄRGER 2021", "Straße 2021"] * 5, 16, lowercase=True, split_digits=True)
    tokenizer.save(tmp_path)
    for one in (tokenizer, load_tokenizer(tmp_path)):
        (row,) = one.tokenize(["ärger STRASSE 2021"]).to_list()
        expected = unicodedata.normalize("NFKC", "ärger STRASSE 2021").casefold()
        assert one.detokenize([row]).numpy()[0].decode() == expected
        assert one.pieces(row)[-4:] == ["2", "0", "2", "1"]


@ALGORITHMS
def test_absurdly_long_lines_and_reserved_marks_are_learned_from(algorithm):
    lines = ["x" * 100_000, "long " * 50_000, "\u2585 qz", "a man", "half a pair \ud83d"]
    tokenizer = SubwordTokenizer.train(lines, 22, algorithm=algorithm)
    texts = ["x" * 50, "long man", "qz"]
    assert [text.decode() for text in tokenizer.detokenize(tokenizer.tokenize(texts)).numpy()] == texts


@ALGORITHMS
def test_a_vocabulary_larger_than_the_texts_allow(algorithm, capfd):
    with pytest.raises(ValueError, match=r"larger than the training.*Received: vocabulary_size=5000$") as info:
        SubwordTokenizer.train(TEXTS, 5000, algorithm=algorithm)
    largest = int(re.search(r"pass vocabulary_size=(\d+) or less", str(info.value))[1])
    assert SubwordTokenizer.train(TEXTS, largest, algorithm=algorithm).vocabulary_size == largest
    assert capfd.readouterr() == ("", "")


@ALGORITHMS
def test_a_vocabulary_smaller_than_the_characters(algorithm):
    with pytest.raises(ValueError, match=r"pass vocabulary_size=(\d+) or more.*Received: vocabulary_size=9$") as info:
        SubwordTokenizer.train(TEXTS, 9, algorithm=algorithm)
    smallest = int(re.search(r"=(\d+) or more", str(info.value))[1])
    assert SubwordTokenizer.train(TEXTS, smallest, algorithm=algorithm).vocabulary_size == smallest


def test_other_training_errors_are_value_errors():
    with pytest.raises(ValueError, match=r"one of unigram, bpe\. Received: algorithm='word'$"):
        SubwordTokenizer.train(TEXTS, 92, algorithm="word")
    with pytest.raises(ValueError, match=r"Received: vocabulary_size=0$"):
        SubwordTokenizer.train(TEXTS, 0)


def test_an_error_of_the_reader_comes_through():
    def texts():
        yield "a"
        raise OSError("line 2 of train.en")

    with pytest.raises(OSError, match=r"line 2 of train\.en"):
        SubwordTokenizer.train(texts(), 20)


def test_models_that_do_not_fit():
    with pytest.raises(ValueError, match=r"isn't a SentencePiece model.*Received: model=b'nothing'$"):
        SubwordTokenizer(b"nothing")
    foreign = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS), model_writer=foreign, vocab_size=92, minloglevel=2, character_coverage=1.0
    )
    with pytest.raises(ValueError, match=r"as ids 0, 1, 2 and 3.*Received: ids=\(-1, 1, 2, 0\)$"):
        SubwordTokenizer(foreign.getvalue())


@pytest.mark.parametrize("damage", [lambda model: model[:-40], lambda model: b"", lambda model: model + b"x"])
def test_a_damaged_model_file_is_noticed(damage, tmp_path):
    model = saved_model(SubwordTokenizer.train(TEXTS, 92), tmp_path)
    (tmp_path / "subword.model").write_bytes(damage(model))
    with pytest.raises(ValueError, match=r"subword\.model is not the file that was saved.*Received: folder="):
        load_tokenizer(tmp_path)
