"""A tokenizer of UTF-8 bytes: nothing to train, nothing unknown."""

import tensorflow as tf

from keras_attn.text.tokenizer import (
    REPLACEMENT_CHARACTER,
    SPECIAL_PIECES,
    UNKNOWN_ID,
    Tokenizer,
    join_pieces,
    normalize_unicode,
    replace_invalid_utf8,
)

NUM_RESERVED = len(SPECIAL_PIECES)


class ByteTokenizer(Tokenizer):
    """Each byte of the NFKC-normalised UTF-8 text is an id: the byte's value + 4.

    The vocabulary always has 260 ids and needs no training; a text takes one id a byte, that is one for an ASCII
    letter, two for a Cyrillic one, three for a Chinese character. Bytes that don't make UTF-8 (a model may write
    some) become U+FFFD in `detokenize`.

    Example:
        >>> tokenizer = ByteTokenizer()
        >>> tokenizer.tokenize(["Aé"]).to_list()
        [[69, 199, 173]]
        >>> tokenizer.detokenize([[69, 199, 173, 2, 0]]).numpy()[0].decode()
        'Aé'
    """

    kind = "byte"

    def __init__(self):
        super().__init__(vocabulary_size=NUM_RESERVED + 256)

    def _tokenize(self, texts):
        texts = self._normalize(texts)
        values = tf.io.decode_raw(tf.strings.reduce_join(texts), tf.uint8)  # all rows' bytes, one after the other
        lengths = tf.strings.length(texts, unit="BYTE")
        return tf.RaggedTensor.from_row_lengths(tf.cast(values, tf.int32) + NUM_RESERVED, lengths)

    def _detokenize(self, ids):
        strings = [b""] * NUM_RESERVED + [bytes([value]) for value in range(256)]
        strings[UNKNOWN_ID] = REPLACEMENT_CHARACTER.encode("utf-8")
        return replace_invalid_utf8(join_pieces(tf.gather(tf.constant(strings), ids)))

    def _normalize(self, texts):
        return normalize_unicode(texts)

    def _piece(self, id_):
        value = id_ - NUM_RESERVED
        if value == ord(" "):
            return "▁"
        return chr(value) if ord(" ") < value < 127 else f"<0x{value:02X}>"

    def _begins_word(self, label):
        is_within_character = label.startswith("<0x") and int(label[3:5], 16) >= 0x80
        return not is_within_character and super()._begins_word(label)
