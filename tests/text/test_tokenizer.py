import json
import subprocess
import sys
import unicodedata

import pytest
import tensorflow as tf

from keras_attn.text import (
    END_ID,
    PADDING_ID,
    START_ID,
    UNKNOWN_ID,
    ByteTokenizer,
    CharacterTokenizer,
    SubwordTokenizer,
    load_tokenizer,
)

TEXTS = [
    "Ein Mann mit Hut, naïve Ångström ﬁancé",
    "cafe\u0301 o\u0308l n\u0303 — combining",
    "Съешь ещё этих мягких французских булок",
    "٥ مارس ٢٠٢١ لُغَة",
    "५ मार्च २०२१ हिन्दी",
    "๕ มีนาคม ๒๕๖๔ น้ำ",
    "二〇二一年三月五日 ㍻",
    "令和3年3月5日 ｶﾞｷﾞ ベ",
    "🎉 👩‍🚀 👍🏽 ①",
    "[de_DE] 5. März 2021",
]
BROKEN = [b"a\xffb", b"caf\xc3", b"\xe3\x81 x", b"\xed\xa0\x80"]


@pytest.fixture(scope="module")
def tokenizers():
    return {
        "subword": SubwordTokenizer.train(TEXTS * 2, vocabulary_size=133),
        "bpe": SubwordTokenizer.train([text.upper() for text in TEXTS] + TEXTS, 240, algorithm="bpe"),
        "character": CharacterTokenizer.train(TEXTS),
        "byte": ByteTokenizer(),
    }


KINDS = pytest.mark.parametrize("kind", ["subword", "bpe", "character", "byte"])


def decoded(strings):
    return [string.decode("utf-8") for string in strings.numpy()]


@KINDS
def test_decoding_gives_the_normalised_text_back_in_every_script(tokenizers, kind):
    tokenizer = tokenizers[kind]
    ids = tokenizer.tokenize(TEXTS)
    expected = [unicodedata.normalize("NFKC", text) for text in TEXTS]
    assert ids.dtype == tf.int32 and ids.shape.as_list() == [len(TEXTS), None]
    assert decoded(tokenizer.detokenize(ids)) == expected
    assert decoded(tokenizer.normalize(TEXTS)) == expected
    assert not set(ids.flat_values.numpy()) & {PADDING_ID, START_ID, END_ID, UNKNOWN_ID}
    assert int(tf.reduce_max(ids)) < tokenizer.vocabulary_size


@KINDS
def test_what_follows_the_end_and_padding_and_start_are_dropped(tokenizers, kind):
    tokenizer = tokenizers[kind]
    a, b = tokenizer.tokenize(["Mann mit", "Hut"]).to_list()
    rows = [
        [START_ID, *a, END_ID, *b, END_ID],
        [START_ID, PADDING_ID, *b, PADDING_ID, PADDING_ID],
        [END_ID, *a],
        [PADDING_ID],
    ]
    expected = ["Mann mit", "Hut", "", ""]
    ragged = tf.ragged.constant(rows, dtype=tf.int32)
    assert decoded(tokenizer.detokenize(ragged)) == expected
    assert decoded(tokenizer.detokenize(ragged.to_tensor())) == expected
    assert decoded(tokenizer.detokenize(tf.cast(ragged.to_tensor(), tf.int64))) == expected


@KINDS
def test_an_unknown_id_reads_as_the_replacement_character(tokenizers, kind):
    tokenizer = tokenizers[kind]
    (row,) = tokenizer.tokenize(["Hut"]).to_list()
    assert decoded(tokenizer.detokenize([[*row, UNKNOWN_ID, END_ID]])) == ["Hut\ufffd"]


@KINDS
def test_empty_texts_and_empty_batches(tokenizers, kind):
    tokenizer = tokenizers[kind]
    assert tokenizer.tokenize(["", "Hut", ""]).row_lengths().numpy()[[0, 2]].tolist() == [0, 0]
    assert decoded(tokenizer.detokenize(tokenizer.tokenize(["", "Hut", ""]))) == ["", "Hut", ""]
    assert tokenizer.tokenize([]).nrows() == 0
    assert decoded(tokenizer.detokenize(tf.zeros([2, 0], tf.int32))) == ["", ""]


@pytest.mark.parametrize("kind", ["character", "byte"])
def test_bytes_that_are_no_utf8_become_replacement_characters(tokenizers, kind):
    expected = [text.decode("utf-8", errors="replace") for text in BROKEN]
    assert decoded(tokenizers[kind].normalize(BROKEN)) == expected
    assert decoded(ByteTokenizer().detokenize(ByteTokenizer().tokenize(BROKEN))) == expected


@KINDS
def test_pieces_label_every_id(tokenizers, kind):
    tokenizer = tokenizers[kind]
    (row,) = tokenizer.tokenize(["Mann mit Hut"]).to_list()
    labels = tokenizer.pieces([START_ID, *row, END_ID])
    assert labels[0] == "<start>" and labels[-1] == "<end>" and len(labels) == len(row) + 2
    assert "".join(labels[1:-1]).replace("▁", " ").strip() == "Mann mit Hut"
    with pytest.raises(ValueError, match=r"Received: id=\d+$"):
        tokenizer.pieces([tokenizer.vocabulary_size])


@KINDS
def test_a_single_text_is_refused(tokenizers, kind):
    with pytest.raises(ValueError, match=r"put a single text into a list.*Received: texts of shape \(\)"):
        tokenizers[kind].tokenize("Hut")


@KINDS
def test_inside_a_graph_with_unknown_batch_size(tokenizers, kind):
    tokenizer = tokenizers[kind]
    dataset = tf.data.Dataset.from_tensor_slices(TEXTS).batch(4).map(tokenizer.tokenize)
    assert [row for batch in dataset for row in batch.to_list()] == tokenizer.tokenize(TEXTS).to_list()


@KINDS
def test_saved_and_loaded_it_is_the_same(tokenizers, kind, tmp_path):
    tokenizer = tokenizers[kind]
    tokenizer.save(tmp_path / "deep" / "folder")
    loaded = load_tokenizer(tmp_path / "deep" / "folder")
    assert type(loaded) is type(tokenizer) and loaded.vocabulary_size == tokenizer.vocabulary_size
    assert loaded.tokenize(TEXTS).to_list() == tokenizer.tokenize(TEXTS).to_list()
    ids = list(range(tokenizer.vocabulary_size))
    assert loaded.pieces(ids) == tokenizer.pieces(ids)
    assert not list(tmp_path.rglob("*.unfinished"))


READER = """
import json, sys
import tensorflow as tf, tensorflow_text
texts = json.load(open(sys.argv[2]))
module = tf.saved_model.load(sys.argv[1])
answers = module.signatures["serving_default"](texts=tf.constant(texts))
assert not [name for name in sys.modules if name.split(".")[0] in ("keras_attn", "sentencepiece")]
print(json.dumps({name: [text.decode() for text in value.numpy()] for name, value in sorted(answers.items())}))
"""


def test_an_export_needs_only_tensorflow_and_tensorflow_text(tokenizers, tmp_path):
    """All tokenizers in one SavedModel, two SentencePiece models among them: none is taken for another."""
    module = tf.Module()
    module.tokenizers = tokenizers

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="texts")])
    def serve(texts):
        answers = {}
        for kind, tokenizer in tokenizers.items():
            ids = tokenizer.tokenize(texts)
            answers[f"{kind}_ids"] = tf.strings.reduce_join(tf.strings.as_string(ids), axis=-1, separator=" ")
            answers[f"{kind}_text"] = tokenizer.detokenize(ids.to_tensor())
            answers[f"{kind}_normal"] = tokenizer.normalize(texts)
        return answers

    tf.saved_model.save(module, str(tmp_path / "model"), signatures=serve)
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS))
    (tmp_path / "model").rename(tmp_path / "moved")
    command = [sys.executable, "-c", READER, str(tmp_path / "moved"), str(tmp_path / "texts.json")]
    reply = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert reply.returncode == 0, reply.stderr
    expected = {}
    for kind, tokenizer in tokenizers.items():
        expected[f"{kind}_ids"] = [" ".join(map(str, row)) for row in tokenizer.tokenize(TEXTS).to_list()]
        expected[f"{kind}_text"] = expected[f"{kind}_normal"] = [unicodedata.normalize("NFKC", t) for t in TEXTS]
    assert json.loads(reply.stdout) == expected


def test_a_folder_that_is_missing_or_holds_no_tokenizer(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(FileNotFoundError, match=r"No tokenizer here: .*tokenizer\.json.* Received: folder="):
            load_tokenizer(folder)


def test_a_missing_model_file_is_named(tokenizers, tmp_path):
    tokenizers["subword"].save(tmp_path)
    (tmp_path / "subword.model").unlink()
    with pytest.raises(FileNotFoundError, match=r"subword\.model can't be read"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ('{"kind":\n "byte"', r"tokenizer\.json, line 2"),
        ("", r"tokenizer\.json, line 1"),
        ("[]", "damaged"),
        ("{}", "the entry 'kind' is missing"),
        ('{"kind": "byte"}', "the entry 'vocabulary_size' is missing"),
        ('{"kind": "bite", "vocabulary_size": 260}', "its kind is 'bite', which is none of subword, character, byte"),
        ('{"kind": "byte", "vocabulary_size": 261}', "has 260 ids, but was saved with 261"),
        ('{"kind": "character", "vocabulary_size": 261}', "'characters'"),
        ('{"kind": "byte", "vocabulary_size": 260, "lowercase": true}', "'lowercase'"),
    ],
)
def test_a_damaged_settings_file_is_named(tmp_path, settings, reason):
    (tmp_path / "tokenizer.json").write_text(settings)
    with pytest.raises(ValueError, match=f"The tokenizer is damaged: (?s:.*){reason}(?s:.*)Received: folder="):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("train", [CharacterTokenizer.train, lambda texts: SubwordTokenizer.train(texts, 20)])
def test_training_needs_texts(train):
    for nothing in ([], ["", "  \n"], iter(())):
        with pytest.raises(ValueError, match=r"every text is empty or blank, or there is none.*Received: "):
            train(nothing)
    with pytest.raises(TypeError, match="put a single one into a list"):
        train("one text")
    with pytest.raises(TypeError, match=r"text 2 is bytes.*Received: text=b'two'"):
        train(["one", b"two"])
