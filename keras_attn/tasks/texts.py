"""Lists of texts, as people pass them to a task."""

import warnings

import numpy as np
import tensorflow as tf

_UNREADABLE = 0.5  # share of a text's tokens that are unknown, from which on the tokenizer cannot read it


def check_texts(name, texts):
    """Refuses what is no list of texts.

    Args:
        name: Name of the argument.
        texts: What was given.

    Raises:
        ValueError: If it is a single text, or holds something else.
    """
    if isinstance(texts, str):
        raise ValueError(f"`{name}` must be a list of texts: write predict([text]). Received: {name}={texts!r}")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"`{name}` must be a list of texts, of type str. Received: {name}[{i}]={text!r:.60}")


def warn_of_unreadable(unknown_shares, stacklevel):
    """Warns where texts are of characters that the tokenizer never saw.

    Args:
        unknown_shares: For each text the share of its tokens that are unknown, array [N].
        stacklevel: As for `warnings.warn`, counted from the caller.
    """
    count = int((unknown_shares >= _UNREADABLE).sum())
    if count:
        warnings.warn(
            f"{count} of {len(unknown_shares)} texts are mostly of characters that no training text had: their answers "
            "mean nothing",
            stacklevel=stacklevel + 1,
        )


def as_tensor(texts):
    """Makes a string tensor; half surrogate pairs, which no UTF-8 has, become `?`.

    Args:
        texts: List of texts.

    Returns:
        `tf.string` [B].

    Example:
        >>> from keras_attn.tasks.texts import as_tensor
        >>> as_tensor(["a", "b\\ud83d"]).numpy().tolist()
        [b'a', b'b?']
    """
    return tf.constant([text.encode("utf-8", errors="replace") for text in texts], tf.string)


def made_up_texts(tokenizer):
    """Makes texts of random pieces of a vocabulary, for runs that kept none.

    Args:
        tokenizer: The tokenizer.

    Returns:
        List of sixteen texts.
    """
    random = np.random.default_rng(0)
    ids = [random.integers(4, tokenizer.vocabulary_size, length).tolist() for length in range(1, 17)]
    return [text.decode("utf-8") for text in tokenizer.detokenize(tf.ragged.constant(ids)).numpy()]
