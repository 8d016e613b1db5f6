"""Each rule against every hypothesis there is, sieved in plain Python."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.decoding import (
    BannedPhrases,
    Beam,
    ForcedPrefix,
    Greedy,
    MinLength,
    NoRepeatNgrams,
    RepetitionPenalty,
    RequiredPhrases,
    Sample,
    search,
)
from tests.decoding.test_strategies import END, NEVER, PrefixModel, assert_same, normalised

LIMITS = [4, 3, 4]
WIDE = Beam(400, 0.6, num_results=400)  # more than there are hypotheses


def begin(model):
    """The cache of the model before the first step."""
    return {
        "state": tf.constant(model.start, tf.float32),
        "counts": [tf.zeros([len(model.start), model.vocabulary_size])],
    }


def run(model, strategy, *constraints, limits=LIMITS):
    return search(
        model.step,
        begin(model),
        strategy,
        batch_size=model.batch_size,
        max_length=tf.constant(limits),
        constraints=constraints,
    )


@pytest.fixture(scope="module")
def model():
    return PrefixModel(seed=5, batch_size=3, vocabulary_size=5, end_bias=0.5)


def is_allowed_everywhere(model, row, limit, ids, allowed):
    return all(ids[place] in allowed(model, row, limit, list(ids[:place])) for place in range(len(ids)))


def hypotheses(model, row, limit, is_right):
    """All hypotheses that end within the limit or are cut by it, and that are right; best first."""
    found = []
    for length in range(1, limit + 1):
        for ids in itertools.product(range(model.vocabulary_size), repeat=length):
            if END not in ids[:-1] and (ids[-1] == END or length == limit) and is_right(row, limit, list(ids)):
                total = sum(model.log_probs(row, ids[:place])[ids[place]] for place in range(length))
                found.append((list(ids), normalised(total, length, 0.6)))
    return sorted(found, key=lambda pair: -pair[1])


def contains(ids, phrase):
    return any(ids[start : start + len(phrase)] == phrase for start in range(len(ids)))


def ngrams(ids, size):
    return [tuple(ids[start : start + size]) for start in range(len(ids) - size + 1)]


PREFIXES = [[3, 0, 0], [4, 1, 3], [1, 2, 0]]
SIEVES = {
    "prefix": (
        ForcedPrefix(tf.constant(PREFIXES)),
        lambda row, limit, ids: all(ids[i : i + 1] in ([], [t]) for i, t in enumerate(PREFIXES[row]) if t),
    ),
    "one prefix": (ForcedPrefix(tf.constant([[4, 3]])), lambda row, limit, ids: ids[:2] == [4, 3]),
    "banned": (
        BannedPhrases([[3, 1], [4], [1, 1, 3]]),
        lambda row, limit, ids: not any(contains(ids, phrase) for phrase in ([3, 1], [4], [1, 1, 3])),
    ),
    "banned ids": (BannedPhrases([[0], [1]]), lambda row, limit, ids: not {0, 1} & {*ids}),
    "banned end": (BannedPhrases([[3, END]]), lambda row, limit, ids: not contains(ids, [3, END])),
    "no token twice": (NoRepeatNgrams(1), lambda row, limit, ids: len(set(ids)) == len(ids)),
    "no pair twice": (NoRepeatNgrams(2), lambda row, limit, ids: len(set(ngrams(ids, 2))) == len(ids) - 1),
    "no triple twice": (NoRepeatNgrams(3), lambda row, limit, ids: len({*ngrams(ids, 3)}) == len(ngrams(ids, 3))),
    "at least two": (MinLength(2), lambda row, limit, ids: END not in ids[:2]),
    "more than may be": (MinLength(9), lambda row, limit, ids: END not in ids),
}


@pytest.mark.parametrize("name", SIEVES)
def test_a_wide_beam_finds_exactly_what_the_rule_leaves(model, name):
    constraint, is_right = SIEVES[name]
    result = run(model, WIDE, constraint)
    for row, limit in enumerate(LIMITS):
        expected = hypotheses(model, row, limit, is_right)
        every = hypotheses(model, row, limit, lambda *_: True)
        assert 0 < len(expected) <= len(every) < 400 and (limit < 4 or len(expected) < len(every))
        assert_same(result, row, expected, 4)


def test_rules_hold_together(model):
    names = ["banned", "no pair twice", "at least two"]
    result = run(model, WIDE, *(SIEVES[name][0] for name in names))
    for row, limit in enumerate(LIMITS):
        expected = hypotheses(model, row, limit, lambda *given: all(SIEVES[name][1](*given) for name in names))
        assert expected
        assert_same(result, row, expected, 4)


def test_a_prefix_goes_before_its_other_rules(model):
    """3 3 breaks both rules itself; after it they hold, and see it."""
    others = [NoRepeatNgrams(1), MinLength(3)]
    result = run(model, WIDE, ForcedPrefix(tf.constant([[3, 3]]), others))

    def is_right(row, limit, ids):
        return ids[:2] == [3, 3] and len({3, *ids[2:]}) == len(ids[1:]) and END not in ids[:3]

    for row, limit in enumerate(LIMITS):
        assert_same(result, row, hypotheses(model, row, limit, is_right), 4)
    assert np.all(run(model, WIDE, ForcedPrefix(tf.constant([[3, 3]])), *others).scores.numpy() == NEVER)


def test_the_score_of_a_forced_prefix_is_the_models(model):
    result = run(model, Greedy(0.0), ForcedPrefix(tf.constant([[4, 1, 3, 3]])))
    for row, limit in enumerate(LIMITS):
        ids = [4, 1, 3, 3][:limit]
        total = sum(model.log_probs(row, ids[:place])[ids[place]] for place in range(limit))
        assert_same(result, row, [(ids, total)], 4)


@pytest.mark.parametrize("factor", [1.0, 1.7])
def test_the_repetition_penalty_is_keskars(model, factor):
    def penalised(row, prefix):
        logits = logits_by_hand(model, row, prefix)
        for token in set(prefix):
            logits[token] = logits[token] / factor if logits[token] > 0 else logits[token] * factor
        return logits - math.log(np.exp(logits).sum())

    result = run(model, WIDE, RepetitionPenalty(factor))
    for row, limit in enumerate(LIMITS):
        every = [ids for ids, _ in hypotheses(model, row, limit, lambda *_: True)]
        totals = [sum(penalised(row, ids[:place])[ids[place]] for place in range(len(ids))) for ids in every]
        expected = [(ids, normalised(total, len(ids), 0.6)) for ids, total in zip(every, totals, strict=True)]
        assert_same(result, row, sorted(expected, key=lambda pair: -pair[1]), 4)


def logits_by_hand(model, row, prefix):
    """What `PrefixModel.log_probs` normalises."""
    state, counts = model.start[row], np.zeros(model.vocabulary_size)
    for index, token in enumerate([1, *prefix]):
        counts[token] += 1
        state = np.tanh(state @ model.recur + model.embed[token] + 0.1 * index)
    return state @ model.out + model.bias - 0.3 * counts


def required_by_hand(phrases):
    """What `RequiredPhrases` says it does, on lists."""

    def allowed(model, row, limit, prefix):
        every = set(range(model.vocabulary_size))
        missing = [phrase for phrase in phrases if not contains(prefix, phrase)]
        if not missing:
            return every
        begun = {
            tuple(phrase): max(n for n in range(len(phrase)) if prefix[len(prefix) - n :] == phrase[:n])
            for phrase in missing
        }
        most = max(begun.values())
        needed = sum(map(len, missing)) - most
        would_end = int(np.argmax(model.log_probs(row, prefix))) == END
        if most or would_end or limit - len(prefix) <= needed:
            return {phrase[most] for phrase in missing if begun[tuple(phrase)] == most}
        return every - {END}

    return allowed


@pytest.mark.parametrize("phrases", [[[3]], [[3, 4]], [[1, 1]], [[4, 1], [1, 3]], [[3], [4]], [[1, 3, 1]]], ids=str)
def test_required_phrases_do_what_they_say(model, phrases):
    allowed = required_by_hand(phrases)
    result = run(model, WIDE, RequiredPhrases(phrases, rivals=False))
    for row, limit in enumerate(LIMITS):
        expected = hypotheses(
            model, row, limit, lambda row, limit, ids: is_allowed_everywhere(model, row, limit, ids, allowed)
        )
        if sum(map(len, phrases)) <= limit:
            assert expected and all(contains(ids, phrase) for ids, _ in expected for phrase in phrases)
        assert_same(result, row, expected, 4)


@pytest.mark.parametrize(("rivals", "ids"), [(True, [3, 5, 2, 0, 0, 0, 0, 0]), (False, [4, 4, 4, 4, 4, 4, 4, 5])])
def test_rivals_do_not_win_by_putting_a_phrase_off(rivals, ids):
    """After 3 the end is likeliest, after 4 and 6 one of these is; the phrase, 5, costs 8 wherever it comes."""
    after = np.full((7, 7), NEVER, "float32")
    after[:, 5], after[1, 3], after[1, 4] = -8.0, 0.0, -1.0
    after[3, END], after[5, END] = 0.0, 0.0
    after[[4, 6], 4], after[[4, 6], 6], after[[4, 6], END] = 0.0, -0.1, -0.5

    def step(tokens, index, cache):
        return tf.gather(after, tokens), cache

    rule = RequiredPhrases([[5]], rivals=rivals)
    result = search(step, (), Beam(2, 0.0), batch_size=1, max_length=8, constraints=[rule])
    assert result.ids.numpy().tolist() == [[ids]]


@pytest.mark.parametrize("strategy", [Greedy(), Beam(3, num_results=3), Sample(num_results=3)], ids=type)
def test_every_result_has_all_required_phrases(strategy):
    model, random = PrefixModel(seed=8, batch_size=7, vocabulary_size=9, end_bias=1.0), np.random.default_rng(0)
    for _ in range(6):
        phrases = [random.choice([1, 3, 4, 5], random.integers(1, 4)).tolist() for _ in range(random.integers(1, 4))]
        needed = sum(map(len, phrases))
        limits = [needed + extra for extra in (0, 0, 1, 2, 3, 5, 8)]
        result = run(model, strategy, RequiredPhrases(phrases), limits=limits)
        assert np.isfinite(result.scores.numpy()[:, 0]).all()
        for ids, score in zip(result.ids.numpy().reshape(-1, max(limits)), result.scores.numpy().flat, strict=True):
            assert score == NEVER or all(contains(ids.tolist(), phrase) for phrase in phrases)


@pytest.mark.parametrize("strategy", [Greedy(), Beam(2, num_results=2), Sample(num_results=2)], ids=type)
@pytest.mark.parametrize(
    "constraints",
    [
        [RequiredPhrases([[3, 4]]), BannedPhrases([[4]])],
        [RequiredPhrases([[3, 3]]), NoRepeatNgrams(1)],
        [BannedPhrases([[1], [3], [4], [END]]), NoRepeatNgrams(1)],
        [MinLength(4), BannedPhrases([[1], [3], [4]]), ForcedPrefix(tf.constant([[4]]))],
    ],
    ids=["banned", "repeated", "nothing left", "prefix"],
)
def test_contradictions_end_and_give_no_result(model, strategy, constraints):
    result = run(model, strategy, *constraints)
    assert np.all(result.scores.numpy() == NEVER) and not result.ids.numpy().any()


@pytest.mark.parametrize("strategy", [Greedy(), Beam(3, num_results=2), Sample(num_results=2, seed=3)], ids=type)
def test_a_graph_of_any_batch_gives_what_eager_gives_and_rows_are_alone(strategy):
    model = PrefixModel(seed=21, batch_size=5, vocabulary_size=7)
    prefixes = np.array([[3, 0], [0, 0], [4, 5], [1, 0], [0, 0]], "int32")
    limits = np.array([6, 4, 6, 5, 6], "int32")

    def decode(start, limits, prefixes):
        others = [
            BannedPhrases([[3, 4]]),
            NoRepeatNgrams(2),
            RepetitionPenalty(1.3),
            MinLength(2),
            RequiredPhrases([[5, 6]]),
        ]
        cache = {"state": start, "counts": [tf.zeros([tf.shape(start)[0], 7])]}
        rule = ForcedPrefix(prefixes, others)
        return search(model.step, cache, strategy, batch_size=tf.shape(start)[0], max_length=limits, constraints=[rule])

    start = model.start.astype("float32")
    eager = decode(start, limits, prefixes)
    specs = [tf.TensorSpec([None, 5]), tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, None], tf.int32)]
    graph = tf.function(decode, input_signature=specs, autograph=False)
    together = graph(start, limits, prefixes)
    np.testing.assert_array_equal(together.ids, eager.ids)
    np.testing.assert_allclose(together.scores, eager.scores, rtol=1e-5, atol=1e-5)
    for row in range(5):
        alone = graph(start[row : row + 1], limits[row : row + 1], prefixes[row : row + 1])
        np.testing.assert_array_equal(alone.ids[0], eager.ids[row, :, : limits[row]])
    assert graph(start[:0], limits[:0], prefixes[:0]).ids.shape[0] == 0
    ops = {node.op for f in graph.get_concrete_function().graph.as_graph_def().library.function for node in f.node_def}
    assert not [op for op in ops if op.startswith("Xla")]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MinLength(-1), "Received: length=-1"),
        (lambda: NoRepeatNgrams(0), "Received: size=0"),
        (lambda: RepetitionPenalty(0.9), "Received: factor=0.9"),
        (lambda: RepetitionPenalty(float("nan")), "Received: factor=nan"),
        (lambda: BannedPhrases([]), r"Received: phrases=\(\)"),
        (lambda: BannedPhrases([[3], []]), r"at least one id.*Received: phrases=\(\(3,\), \(\)\)"),
        (lambda: RequiredPhrases([[0, 3]]), r"without padding \(0\).*Received: phrases=\(\(0, 3\),\)"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_ids_that_cannot_be_are_refused_by_the_search(model):
    for rule in (BannedPhrases([[3, 5]]), RequiredPhrases([[5]])):
        with pytest.raises(ValueError, match=r"below 5.*Received: id=5"):
            run(model, Greedy(), rule)
    with pytest.raises(ValueError, match=r"leave out the end id, 2. Received: phrases=\(\(3, 2\),\)"):
        run(model, Greedy(), RequiredPhrases([[3, END]]))
