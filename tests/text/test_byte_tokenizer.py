import unicodedata

import tensorflow as tf

from keras_attn.text import ByteTokenizer

TEXTS = ["Aé ﬁ", "ещё", "日本", "", "👍🏽\n\t\0x", "e\u0301"]


def test_ids_are_the_bytes_of_the_nfkc_text_plus_four():
    tokenizer = ByteTokenizer()
    expected = [[byte + 4 for byte in unicodedata.normalize("NFKC", text).encode("utf-8")] for text in TEXTS]
    assert tokenizer.tokenize(TEXTS).to_list() == expected
    assert tokenizer.vocabulary_size == 260


def test_every_byte_has_its_id_and_back():
    tokenizer = ByteTokenizer()
    ascii_ids = [[byte + 4] for byte in range(128)]
    assert tokenizer.tokenize([chr(byte) for byte in range(128)]).to_list() == ascii_ids
    assert tokenizer.detokenize(ascii_ids).numpy().tolist() == [bytes([byte]) for byte in range(128)]


def test_ids_that_spell_no_utf8_are_answered_with_valid_utf8():
    rows = [b"caf\xc3", b"\xff\xfe", b"\xe6\x97\xa5"]
    ids = tf.ragged.constant([[byte + 4 for byte in row] for row in rows], dtype=tf.int32)
    expected = [row.decode("utf-8", errors="replace") for row in rows]
    assert [text.decode("utf-8") for text in ByteTokenizer().detokenize(ids).numpy()] == expected


def test_labels_of_bytes():
    labels = ByteTokenizer().pieces([0, 3, ord("A") + 4, ord(" ") + 4, 4, 0xE6 + 4, 127 + 4])
    assert labels == ["<pad>", "<unknown>", "A", "▁", "<0x00>", "<0xE6>", "<0x7F>"]
