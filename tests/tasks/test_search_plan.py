import pytest

from keras_attn.decoding import (
    BannedPhrases,
    Beam,
    Greedy,
    MinLength,
    NoRepeatNgrams,
    RepetitionPenalty,
    RequiredPhrases,
    Sample,
)
from keras_attn.tasks import TranslationSettings
from keras_attn.tasks.search_options import make_options
from keras_attn.tasks.search_plan import SearchPlan, make_plan
from keras_attn.text import train_tokenizer

SETTINGS = TranslationSettings(beam_size=3, length_penalty=0.6, max_length=8)


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer("character", ["abcd"], None, False, False)


@pytest.fixture(scope="module")
def plan(tokenizer):
    return lambda **options: make_plan(make_options(**options), SETTINGS, tokenizer)


@pytest.mark.parametrize(
    ("options", "strategy"),
    [
        ({}, Beam(3, 0.6, 1, exact=False)),
        ({"beam_size": 1}, Greedy(0.6)),
        ({"beam_size": 1, "length_penalty": "average"}, Greedy("average")),
        ({"num_results": 2, "length_penalty": 0.0}, Beam(3, 0.0, 2, exact=False)),
        ({"num_results": 5}, Beam(5, 0.6, 5, exact=False)),
        ({"coverage_penalty": 0.2}, Beam(3, 0.6, 3, exact=False)),
        ({"exact": True}, Beam(3, 0.6, 1, exact=True)),
        (
            {"sample": True, "temperature": 0.5, "top_k": 3, "top_p": 0.8, "min_p": 0.1, "seed": 4, "num_results": 2},
            Sample(0.5, 3, 0.8, 0.1, 4, 2, 0.6),
        ),
    ],
    ids=str,
)
def test_strategies(plan, options, strategy):
    assert plan(**options).strategy == strategy


def test_nothing_asked_for_is_no_constraint(plan):
    assert plan() == SearchPlan(Beam(3, 0.6, 1, exact=False))


@pytest.mark.parametrize("options", [{"prefix": "a"}, {"sample": True}, {"ban": ["z"], "min_length": 1}], ids=str)
def test_pieces_that_are_no_text_are_banned_where_anything_is_asked_for(plan, options):
    assert plan(**options).constraints[0] == BannedPhrases([[0], [1], [3]])


def test_constraints_stand_in_their_order_whatever_was_asked_first(plan, tokenizer):
    a, b, c = tokenizer.tokenize(["abc"]).to_list()[0]
    found = plan(require=["ab"], ban=["c", "zz"], min_length=2, max_length=6, no_repeat_ngram=2, repetition_penalty=1.2)
    assert found.constraints == (
        BannedPhrases([[0], [1], [3], [c]]),  # what is no text too; what the vocabulary cannot write needs no ban
        RepetitionPenalty(1.2),
        NoRepeatNgrams(2),
        MinLength(2),
        RequiredPhrases([[a, b]]),
    )
    assert found.extra_length == found.min_length == 2 and found.max_length == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"require": ["az"]}, "can write.*Received: require='az'"),
        ({"prefix": "日"}, "can write.*Received: prefix='日'"),
        ({"prefix": ["a", "z"]}, "can write.*Received: prefix='z'"),
        ({"max_length": 9}, "at most the run's, 8.*Received: max_length=9"),
        ({"prefix": "abcdabcda"}, "at most 8 tokens.*Received: prefix of 9 tokens, require of 0 tokens, min_length=0"),
        ({"prefix": ["a", "abc"], "require": ["abc", "dab"]}, "at most 8.*prefix of 3 tokens, require of 6 tokens"),
        ({"require": ["ab", "cd"], "max_length": 3}, "raise `max_length`.*require of 4 tokens"),
        ({"min_length": 9}, "at most 8 tokens.*min_length=9"),
        ({"require": ["abcab"], "no_repeat_ngram": 2}, "Received: require='abcab', no_repeat_ngram=2"),
    ],
    ids=str,
)
def test_refusals(plan, options, message):
    with pytest.raises(ValueError, match=message):
        plan(**options)


def test_what_is_banned_in_tokens_cannot_be_required():
    tokenizer = train_tokenizer("character", ["aA"], None, True, False)  # lowercase: the tokens are the same
    with pytest.raises(ValueError, match=r"as the vocabulary splits them.*Received: require='xA', ban=\('a',\)|aA"):
        make_plan(make_options(require=["aA"], ban=["AA"]), SETTINGS, tokenizer)
