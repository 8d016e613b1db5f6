"""Text into words, by one rule, inside the TensorFlow graph and outside."""

import tensorflow as tf
import tensorflow_text as tf_text

from keras_attn.text.tokenizer import replace_invalid_utf8

_ALONE = r"\p{Han}\p{Hiragana}\p{Katakana}"
_LETTERS = rf"(?:[^\P{{L}}{_ALONE}]|[\p{{M}}\p{{N}}_])+"
_RULES = {
    "signs": rf"{_LETTERS}(?:['’.,:/@&-]{_LETTERS})*|[^\s\p{{Z}}]",
    "spaces": r"[^\s\p{Z}]+",
}


def split_words(texts, rule="signs"):
    """Splits texts into words.

    `spaces`: what stands between white space. `signs`: letters, marks and digits, with such signs as stand between two
    of them (O'Brien, 2,000, 3:30, well-known, a@b.org); each other sign; each letter of Chinese and Japanese.

    Args:
        texts: `tf.string` [B]; bytes that are no UTF-8 are read as U+FFFD.
        rule: "signs" or "spaces".

    Returns:
        Three `tf.RaggedTensor`s [B, None]: the words, and the characters (int32) where each begins and ends.

    Raises:
        ValueError: If the rule is unknown.

    Example:
        >>> from keras_attn.text import split_words
        >>> words, starts, ends = split_words(["Ça va, O'Brien?"])
        >>> [word.decode() for word in words[0].numpy()], starts[0].numpy().tolist(), ends[0].numpy().tolist()
        (['Ça', 'va', ',', "O'Brien", '?'], [0, 3, 5, 7, 14], [2, 5, 6, 14, 15])
    """
    if rule not in _RULES:
        raise ValueError(f"`rule` must be one of {', '.join(map(repr, _RULES))}. Received: rule={rule!r}")
    texts = replace_invalid_utf8(tf.convert_to_tensor(texts, tf.string))
    pattern = _RULES[rule]
    words, begin, _ = tf_text.regex_split_with_offsets(texts, rf"[\s\p{{Z}}]+|{pattern}", pattern)
    # What comes before a word, which the offsets count in bytes, counted in characters.
    before = tf.strings.substr(
        tf.gather(texts, words.value_rowids()), tf.zeros_like(begin.flat_values), begin.flat_values
    )
    starts = tf.strings.length(before, "UTF8_CHAR")
    ends = starts + tf.strings.length(words.flat_values, "UTF8_CHAR")
    return words, words.with_flat_values(starts), words.with_flat_values(ends)
