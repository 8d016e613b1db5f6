import warnings

import numpy as np
import pytest

from keras_attn.tasks.texts import as_tensor, check_texts, made_up_texts, warn_of_unreadable
from keras_attn.text import ByteTokenizer


def test_what_is_no_list_of_texts():
    check_texts("texts", ["a", ""])
    with pytest.raises(
        ValueError, match=r"`texts` must be a list of texts: write predict\(\[text\]\)\. Received: texts='a'"
    ):
        check_texts("texts", "a")
    with pytest.raises(ValueError, match=r"of type str\. Received: sources\[1\]=3"):
        check_texts("sources", ["a", 3])


def test_no_texts_are_a_tensor_too():
    assert as_tensor([]).shape == (0,) and as_tensor(["文", "\ud83d"]).numpy().tolist() == ["文".encode(), b"?"]


def test_texts_are_made_up_the_same_each_time():
    texts = made_up_texts(ByteTokenizer())
    assert texts == made_up_texts(ByteTokenizer()) and len(texts) == len(set(texts)) == 16


def test_texts_that_nobody_can_read_are_warned_of():
    with pytest.warns(UserWarning, match="2 of 3 texts are mostly of characters that no training text had") as found:
        warn_of_unreadable(np.array([0.5, 0.49, 1.0]), stacklevel=1)
    assert found[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_unreadable(np.array([0.0, 0.49]), stacklevel=1)
        warn_of_unreadable(np.zeros(0), stacklevel=1)
