import unicodedata
from collections import Counter

import pytest

from keras_attn.text import CharacterTokenizer, load_tokenizer

TEXTS = ["banana ﬁg", "Ба́нан", "バナナ ﾊﾞ", "กล้วย", "केला", "موز", "香蕉 🍌👍🏽", "cafe\u0301"]


def test_characters_come_by_frequency_then_code_point():
    counts = Counter(unicodedata.normalize("NFKC", "".join(text + "\0" for text in TEXTS)))
    del counts["\0"]
    expected = sorted(counts, key=lambda character: (-counts[character], ord(character)))
    tokenizer = CharacterTokenizer.train(TEXTS)
    assert list(tokenizer.characters) == expected
    assert tokenizer.vocabulary_size == len(expected) + 4
    limited = CharacterTokenizer.train(iter(TEXTS), vocabulary_size=9)
    assert list(limited.characters) == expected[:5] and limited.vocabulary_size == 9


def test_training_does_not_depend_on_the_order_of_texts():
    assert CharacterTokenizer.train(TEXTS).characters == CharacterTokenizer.train(TEXTS[::-1]).characters


def test_more_texts_than_one_step_are_all_counted():
    tokenizer = CharacterTokenizer.train(["a"] * 1500 + ["b"] * 1501)
    assert tokenizer.characters == "ba"


def test_ids_against_a_python_dictionary():
    tokenizer = CharacterTokenizer.train(TEXTS, vocabulary_size=20)
    ids = {character: id_ for id_, character in enumerate(tokenizer.characters, start=4)}
    expected = [[ids.get(character, 3) for character in unicodedata.normalize("NFKC", text)] for text in TEXTS]
    assert tokenizer.tokenize(TEXTS).to_list() == expected
    assert any(3 in row for row in expected)


def test_whitespace_is_kept_and_unknown_characters_show():
    tokenizer = CharacterTokenizer("ab \n\t")
    ids = tokenizer.tokenize([" a \n\tb ", "axb"])
    assert ids.to_list() == [[6, 4, 6, 7, 8, 5, 6], [4, 3, 5]]
    assert [text.decode() for text in tokenizer.detokenize(ids).numpy()] == [" a \n\tb ", "a\ufffdb"]


def test_lowercase_folds_case_in_every_script():
    tokenizer = CharacterTokenizer.train(["Straße ΑΣ ДОМ ﬁ"], lowercase=True)
    (text,) = tokenizer.detokenize(tokenizer.tokenize(["STRASSE ας Дом FI"])).numpy()
    assert text.decode() == unicodedata.normalize("NFKC", "STRASSE ας Дом FI").casefold() == "strasse ασ дом fi"
    assert tokenizer.normalize(["ΑΣ"]).numpy()[0].decode() == "ασ"


def test_lowercase_survives_saving(tmp_path):
    CharacterTokenizer("ab", lowercase=True).save(tmp_path)
    assert load_tokenizer(tmp_path).tokenize(["AB"]).to_list() == [[4, 5]]


def test_errors():
    with pytest.raises(ValueError, match=r"at most 6 characters.*=6 or less.*Received: vocabulary_size=7$"):
        CharacterTokenizer.train(["abab"], vocabulary_size=7)
    with pytest.raises(ValueError, match=r"pass vocabulary_size=5 or more\. Received: vocabulary_size=4$"):
        CharacterTokenizer.train(["abab"], vocabulary_size=4)
    with pytest.raises(ValueError, match=r"leave out \['a'\]\. Received: characters='aba'$"):
        CharacterTokenizer("aba")
    with pytest.raises(ValueError, match=r"at least one character\. Received: characters=''$"):
        CharacterTokenizer("")
