import dataclasses
import re

import pytest

from keras_attn.tasks import SearchOptions
from keras_attn.tasks.search_options import make_options


def test_lists_become_tuples_and_options_are_plain_values():
    options = make_options(require=["Hut"], ban=("a", "b"), prefix=["x", ""], top_p=1, sample=True)
    assert options == SearchOptions(require=("Hut",), ban=("a", "b"), prefix=("x", ""), top_p=1.0, sample=True)
    assert hash(options) == hash(dataclasses.replace(options))


def test_each_option_is_documented():
    for field in dataclasses.fields(SearchOptions):
        assert re.search(rf"^        {field.name}: [A-Z]", SearchOptions.__doc__, re.MULTILINE), field.name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"baem_size": 3}, "Did you mean `beam_size`?.*Received: baem_size=3"),
        ({"beam_size": 0}, "`beam_size` must be at least 1. Received: beam_size=0"),
        ({"beam_size": 2.5}, "a whole number or None. Received: beam_size=2.5"),
        ({"num_results": 3, "beam_size": 2}, "raise `beam_size`.*Received: beam_size=2, num_results=3"),
        ({"length_penalty": -1}, "Received: length_penalty=-1"),
        ({"length_penalty": "mean"}, "a number or one of 'average' or None. Received: length_penalty='mean'"),
        ({"coverage_penalty": -0.1}, "Received: coverage_penalty=-0.1"),
        ({"coverage_penalty": float("nan")}, "Received: coverage_penalty=nan"),
        ({"temperature": 0.5}, "add `sample`. Received: sample=False, temperature=0.5"),
        ({"seed": 1}, "add `sample`. Received: sample=False, seed=1"),
        ({"sample": True, "beam_size": 3}, "leave out `beam_size`.*Received: sample=True, beam_size=3"),
        ({"sample": True, "temperature": 0.0}, "must be above 0.*Received: temperature=0.0"),
        ({"sample": True, "top_k": 0}, "Received: top_k=0"),
        ({"sample": True, "top_p": 1.5}, "above 0 and at most 1. Received: top_p=1.5"),
        ({"sample": True, "min_p": -1.0}, "Received: min_p=-1.0"),
        ({"sample": True, "seed": 2**31}, "Received: seed=2147483648"),
        ({"require": "Hut"}, "must be a list of texts. Received: require='Hut'"),
        ({"require": ["Hut", " "]}, r"not blank. Received: require=\('Hut', ' '\)"),
        ({"ban": [""]}, "not blank. Received: ban="),
        ({"require": ["mein Hut"], "ban": ["Hut"]}, "leave out one.*Received: require='mein Hut', ban='Hut'"),
        ({"no_repeat_ngram": 0}, "Received: no_repeat_ngram=0"),
        ({"repetition_penalty": 0.5}, "Received: repetition_penalty=0.5"),
        ({"min_length": -1}, "Received: min_length=-1"),
        ({"min_length": 5, "max_length": 4}, "Received: min_length=5, max_length=4"),
        ({"max_length": 0}, "Received: max_length=0"),
        ({"prefix": 3}, "a text or a list of texts. Received: prefix=3"),
    ],
    ids=str,
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        make_options(**options)
