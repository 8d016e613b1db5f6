"""BERT's tokenizer against that of transformers, id for id."""

import json
import random
import sys
import unicodedata

import pytest
import tensorflow as tf

from keras_attn.text import WordpieceTokenizer, load_tokenizer

SPECIAL = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789éüñçßöÖÉабвгдежзийклмнопрстуфхцчшщъыьэюя")
WORDS = [
    "the",
    "cat",
    "##s",
    "##at",
    "un",
    "##aff",
    "##able",
    "Straße",
    "strasse",
    "naive",
    "naïve",
    "中",
    "国",
    "日",
    "σ",
    "ς",
]
SIGNS = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~«»¿¡—…。、「」€")
VOCABULARY = list(dict.fromkeys([*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS), *WORDS, *SIGNS]))
TEXTS = [
    "The cats, unaffable: they're 12.5% naïve!",
    "ÀÉÎÕÜ Straße STRASSE ĞÖK İstanbul café cafe\u0301",
    "Съешь ещё этих мягких ЙОД",
    "ΣΑΣ ΟΔΟΣ σας",
    "中国 and 日本の中国人, 中a国b",
    "٥ مارس ٢٠٢١ לשלום हिन्दी ไทย 한국어 ქართული",
    "🎉 party 👍🏽 x",
    "a-b_c/d\\e[f]g{h}i|j~k`l^m",
    "«quoted» ¿qué? — end… 100€ 3°",
    "tabs\tand\nlines\r\n and\u00a0spaces\u2003wide\u3000ideographic\u2028line",
    "zero\u200bwidth soft\u00adhyphen bell\x07 nul\x00 bom\ufeff replaced\ufffd",
    "x" * 100,
    "x" * 101,
    "ж" * 100 + " " + "ж" * 101,
    "",
    "   ",
    "[CL] [unused0]",
    "##able un##able",
]


def theirs(lowercase, folder, **config):
    transformers = pytest.importorskip("transformers", reason="needs transformers: pip install 'keras_attn[test]'")
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", "utf-8")
    return transformers.BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=lowercase, **config)


@pytest.fixture(scope="module", params=[True, False], ids=["lowercase", "cased"])
def pair(request, tmp_path_factory):
    reference = theirs(request.param, tmp_path_factory.mktemp("bert"))
    return reference, WordpieceTokenizer(VOCABULARY, lowercase=request.param)


def ids_of(reference, texts):
    return reference(texts, add_special_tokens=False)["input_ids"]


def test_ids_equal_those_of_transformers(pair):
    reference, ours = pair
    for text, expected, ids in zip(TEXTS, ids_of(reference, TEXTS), ours.tokenize(TEXTS).to_list(), strict=True):
        assert ids == expected, text
    assert ours.tokenize(TEXTS).dtype == tf.int32
    assert any(ours.unknown_id in row for row in ours.tokenize(TEXTS).to_list())


def test_random_strings(pair):
    reference, ours = pair
    draw = random.Random(3)
    pool = [*LETTERS, *SIGNS, *" \t中国日é\u0301\u200d🎉ไİß"]
    texts = ["".join(draw.choices(pool, k=draw.randint(1, 40))).replace("[", "(") for _ in range(500)]
    assert ours.tokenize(texts).to_list() == ids_of(reference, texts)


def test_special_ids(pair):
    reference, ours = pair
    assert (ours.padding_id, ours.start_id, ours.end_id) == (0, reference.cls_token_id, reference.sep_token_id)
    assert (ours.unknown_id, ours.mask_id) == (reference.unk_token_id, reference.mask_token_id)


def test_names_of_special_tokens_are_text():
    tokenizer = WordpieceTokenizer(VOCABULARY)
    (ids,) = tokenizer.tokenize(["[SEP][MASK]"]).to_list()
    assert not {tokenizer.end_id, tokenizer.mask_id} & set(ids)
    assert tokenizer.pieces(ids)[0] == "▁["


def test_detokenize_and_normalize():
    tokenizer = WordpieceTokenizer(VOCABULARY)
    texts = ["The cats, unaffable!", "", "Naïve ZZ"]
    ids = tokenizer.tokenize(texts)
    expected = [b"the cats , unaffable !", b"", b"naive zz"]
    assert tokenizer.detokenize(ids).numpy().tolist() == expected == tokenizer.normalize(texts).numpy().tolist()
    (row,) = tokenizer.tokenize(["cats"]).to_list()
    padded = [[tokenizer.start_id, *row, tokenizer.unknown_id, tokenizer.end_id, *row, 0]]
    assert tokenizer.detokenize(padded).numpy()[0].decode() == "cats \ufffd"


def test_pieces_and_word_starts():
    tokenizer = WordpieceTokenizer(VOCABULARY)
    (row,) = tokenizer.tokenize(["cats!"]).to_list()
    ids = [tokenizer.start_id, *row, tokenizer.end_id, 0, tokenizer.unknown_id, tokenizer.mask_id]
    labels = ["<start>", "▁cat", "s", "▁!", "<end>", "<pad>", "<unknown>", "▁[MASK]"]
    assert tokenizer.pieces(ids) == labels
    assert tokenizer.word_starts()[row].tolist() == [True, False, True]


def test_saved_and_loaded(tmp_path):
    for lowercase in (True, False):
        tokenizer = WordpieceTokenizer(VOCABULARY, lowercase)
        tokenizer.save(tmp_path / str(lowercase))
        loaded = load_tokenizer(tmp_path / str(lowercase))
        assert type(loaded) is WordpieceTokenizer and loaded.vocabulary == tokenizer.vocabulary
        assert loaded.tokenize(TEXTS).to_list() == tokenizer.tokenize(TEXTS).to_list()


def test_in_a_saved_model(tmp_path):
    from keras_attn.export import export_saved_model

    module, tokenizer = tf.Module(), WordpieceTokenizer(VOCABULARY)
    module.tokenizer = tokenizer

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="texts")])
    def serve(texts):
        return {"ids": tokenizer.tokenize(texts).to_tensor()}

    version = export_saved_model(module, {"serving_default": serve}, tmp_path / "model")
    ids = tf.saved_model.load(str(version)).signatures["serving_default"](texts=tf.constant(TEXTS))["ids"]
    assert ids.numpy().tolist() == tokenizer.tokenize(TEXTS).to_tensor().numpy().tolist()
    assert "FastWordpieceTokenizeWithOffsets" in (version / "ops.txt").read_text("utf-8")


def write_folder(folder, vocabulary=VOCABULARY, config=None):
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in vocabulary), "utf-8")
    if config is not None:
        (folder / "tokenizer_config.json").write_text(
            config if isinstance(config, str) else json.dumps(config), "utf-8"
        )


def test_the_folder_says_whether_case_counts(tmp_path):
    write_folder(tmp_path)
    assert WordpieceTokenizer.read(tmp_path).lowercase
    write_folder(tmp_path, config={"do_lower_case": False, "strip_accents": None})
    assert not WordpieceTokenizer.read(tmp_path).lowercase
    assert WordpieceTokenizer.read(tmp_path).vocabulary == tuple(VOCABULARY)
    (tmp_path / "vocab.txt").write_bytes("\r\n".join(VOCABULARY).encode("utf-8"))
    assert WordpieceTokenizer.read(tmp_path).vocabulary == tuple(VOCABULARY)


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ([*SPECIAL[1:], "a"], r"must hold \[PAD\] too\. Received: 6 pieces, such as \['\[unused0\]', "),
        (["a", *SPECIAL], r"\[PAD\] must be the first piece.*Received: its id=1$"),
        ([*SPECIAL, "a", "b", "a"], r"line 9 repeats line 7.*Received: piece='a'$"),
    ],
)
def test_a_vocabulary_that_is_none(tmp_path, vocabulary, message):
    write_folder(tmp_path, vocabulary)
    with pytest.raises(ValueError, match=rf"vocab\.txt: .*{message}"):
        WordpieceTokenizer.read(tmp_path)


def test_files_that_are_missing_or_damaged(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"vocab\.txt: no such file.*Received: folder="):
        WordpieceTokenizer.read(tmp_path)
    write_folder(tmp_path, config="{")
    with pytest.raises(ValueError, match=r"tokenizer_config\.json: not valid JSON"):
        WordpieceTokenizer.read(tmp_path)
    write_folder(tmp_path, config={"do_lower_case": True, "strip_accents": False})
    with pytest.raises(ValueError, match=r"Received: strip_accents=False, do_lower_case=True"):
        WordpieceTokenizer.read(tmp_path)
    write_folder(tmp_path, config={})
    (tmp_path / "vocab.txt").write_bytes(b"[PAD]\n\xff\n")
    with pytest.raises(ValueError, match=r"vocab\.txt: line 2 is no valid UTF-8"):
        WordpieceTokenizer.read(tmp_path)


@pytest.mark.long
def test_every_character(pair):
    """Between two letters, so that what is removed, folded or split shows.

    The two libraries know Unicode in different versions: what has come or changed since 3.2 is left out.
    """
    reference, ours = pair
    old = unicodedata.ucd_3_2_0
    categories = ((chr(code), unicodedata.category(chr(code))) for code in range(sys.maxunicode + 1))
    characters = [c for c, category in categories if category == old.category(c) and category not in ("Cn", "Cs", "Co")]
    texts = [f"a{character}b" for character in characters]
    different = []
    for start in range(0, len(texts), 20000):
        part = texts[start : start + 20000]
        for text, ids, expected in zip(part, ours.tokenize(part).to_list(), ids_of(reference, part), strict=True):
            if ids != expected:
                different.append(text[1])
    assert not different and len(characters) > 90_000
