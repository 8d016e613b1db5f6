"""Greedy and beam search against loops in plain Python, and against trying every hypothesis there is."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.decoding import Beam, Greedy, search

START, END = 1, 2
NEVER = -float("inf")


class PrefixModel:
    """A random recurrent model: its logits depend on the row and on the whole prefix, through the cache alone.

    A hypothesis that is continued with another one's cache gets other logits.
    """

    def __init__(self, seed, batch_size, vocabulary_size, end_bias=0.0, state_size=5):
        random = np.random.default_rng(seed)
        self.batch_size, self.vocabulary_size = batch_size, vocabulary_size
        self.start = random.normal(size=(batch_size, state_size))
        self.recur = random.normal(size=(state_size, state_size))
        self.embed = 2.0 * random.normal(size=(vocabulary_size, state_size))
        self.out = 1.5 * random.normal(size=(state_size, vocabulary_size))
        self.bias = end_bias * (np.arange(vocabulary_size) == END)

    def row(self, index):
        """The same model for one of its rows."""
        one = object.__new__(PrefixModel)
        one.__dict__ = self.__dict__ | {"batch_size": 1, "start": self.start[index : index + 1]}
        return one

    def cache(self, start=None):
        start = tf.constant(self.start, tf.float32) if start is None else start
        return {"state": start, "counts": [tf.zeros([tf.shape(start)[0], self.vocabulary_size])]}

    def step(self, tokens, index, cache):
        recur, embed, out, bias = (
            tf.constant(array, tf.float32) for array in (self.recur, self.embed, self.out, self.bias)
        )
        counts = cache["counts"][0] + tf.one_hot(tokens, self.vocabulary_size)
        state = tf.tanh(cache["state"] @ recur + tf.gather(embed, tokens) + 0.1 * tf.cast(index, tf.float32))
        return state @ out + bias - 0.3 * counts, {"state": state, "counts": [counts]}

    def log_probs(self, row, prefix):
        """float64 log-probabilities of the token after `prefix`."""
        state, counts = self.start[row], np.zeros(self.vocabulary_size)
        for index, token in enumerate([START, *prefix]):
            counts[token] += 1
            state = np.tanh(state @ self.recur + self.embed[token] + 0.1 * index)
        logits = state @ self.out + self.bias - 0.3 * counts
        return logits - math.log(np.exp(logits).sum())

    def search(self, strategy, max_length):
        return search(self.step, self.cache(), strategy, batch_size=self.batch_size, max_length=max_length)


def normalised(log_prob, length, length_penalty):
    return log_prob / ((5 + length) / 6) ** length_penalty


def greedy_by_hand(model, row, limit):
    prefix, total = [], 0.0
    while len(prefix) < limit and END not in prefix:
        log_probs = model.log_probs(row, prefix)
        prefix.append(int(log_probs.argmax()))
        total += log_probs[prefix[-1]]
    return prefix, total


def beam_by_hand(model, row, limit, size, length_penalty, exact=True):
    """Beam search as described; an exact one never stops before the limit."""
    live, pool = [([], 0.0)], []
    for length in range(1, limit + 1):
        candidates = []
        for prefix, total in live:
            log_probs = model.log_probs(row, prefix)
            candidates += [([*prefix, token], total + value) for token, value in enumerate(log_probs)]
        candidates = sorted(candidates, key=lambda pair: -pair[1])[: 2 * size]
        ended = [pair for pair in (candidates if exact else candidates[:size]) if pair[0][-1] == END]
        live = [pair for pair in candidates if pair[0][-1] != END][:size]
        entering = ended + (live if length == limit else [])
        pool += [(ids, normalised(total, length, length_penalty)) for ids, total in entering]
        pool = sorted(pool, key=lambda pair: -pair[1])[:size]
        if not exact and len(pool) == size:
            break
    return pool


def every_hypothesis(model, row, limit, length_penalty):
    """All hypotheses that end within the limit, and all that are cut by it, best first."""
    tokens, found = range(model.vocabulary_size), []
    for length in range(1, limit + 1):
        for ids in itertools.product(tokens, repeat=length):
            if END in ids[:-1] or (ids[-1] != END and length < limit):
                continue
            total = sum(model.log_probs(row, ids[:place])[ids[place]] for place in range(length))
            found.append((list(ids), normalised(total, length, length_penalty)))
    return sorted(found, key=lambda pair: -pair[1])


def assert_same(result, row, expected, length):
    """Compares one row's results with (ids, score) pairs; what is missing has to be -inf and zeros."""
    ids, scores = result.ids.numpy()[row], result.scores.numpy()[row]
    for place in range(len(ids)):
        wanted, score = expected[place] if place < len(expected) else ([], NEVER)
        assert ids[place].tolist() == wanted + [0] * (length - len(wanted)), f"row {row}, place {place}"
        np.testing.assert_allclose(scores[place], score, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0, 3.0])
def test_greedy_is_the_loop_by_hand(length_penalty):
    model, limits = PrefixModel(seed=7, batch_size=11, vocabulary_size=5), [1, 2, 3, 5, 7, 7, 7, 7, 7, 7, 7]
    result = model.search(Greedy(length_penalty), tf.constant(limits))
    ended = 0
    for row, limit in enumerate(limits):
        ids, total = greedy_by_hand(model, row, limit)
        ended += ids[-1] == END
        assert_same(result, row, [(ids, normalised(total, len(ids), length_penalty))], 7)
    assert 2 <= ended <= 9  # both ways to finish are there


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0, 3.0])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("end_bias", [-2.0, 1.0])
def test_beam_is_the_loop_by_hand(size, length_penalty, end_bias):
    """The loop by hand never stops early: so this shows as well that stopping early changes nothing."""
    model = PrefixModel(seed=13, batch_size=7, vocabulary_size=7, end_bias=end_bias)
    limits = [1, 2, 5, 8, 8, 8, 8]
    result = model.search(Beam(size, length_penalty, num_results=size), tf.constant(limits))
    for row, limit in enumerate(limits):
        assert_same(result, row, beam_by_hand(model, row, limit, size, length_penalty), 8)


def test_a_beam_that_is_not_exact_stops_when_as_many_have_ended():
    model, limits = PrefixModel(seed=13, batch_size=7, vocabulary_size=7, end_bias=1.0), [1, 2, 5, 8, 8, 8, 8]
    differ = 0
    for size, length_penalty in itertools.product((1, 2, 3), (0.0, 1.0, 3.0)):
        result = model.search(Beam(size, length_penalty, exact=False), tf.constant(limits))
        for row, limit in enumerate(limits):
            expected = beam_by_hand(model, row, limit, size, length_penalty, exact=False)
            assert_same(result, row, expected[:1], 8)
            differ += expected[0] != beam_by_hand(model, row, limit, size, length_penalty)[0]
    assert differ  # somewhere it pays to search on


def top_by_sorting(row, count):
    order = sorted(range(len(row)), key=lambda i: (-row[i], i))[:count]
    return [row[i] for i in order], order


@pytest.mark.parametrize("vocabulary_size", [960, 1200, 1201])
def test_large_vocabularies_are_searched_by_groups_with_the_same_ties(vocabulary_size):
    """1201 is prime, and numbers of one digit tie by the dozen, also across groups and with those past the last one."""
    logits = np.random.default_rng(3).integers(0, 9, (3, vocabulary_size)).astype("float32")
    logits[1, :-4], logits[2] = NEVER, np.arange(vocabulary_size)[::-1] % 7

    def step(tokens, index, cache):
        return tf.repeat(tf.constant(logits), tf.size(tokens) // 3, axis=0), cache

    result = search(step, (), Beam(5, 0.0, num_results=5), batch_size=3, max_length=1, end_id=0)
    for row in range(3):
        best, ids = top_by_sorting(logits[row], 5)
        expected = np.array(best, "float64") - np.log(np.exp(logits[row].astype("float64")).sum())
        wanted = [i if score > NEVER else 0 for i, score in zip(ids, best, strict=True)]
        assert result.ids.numpy()[row, :, 0].tolist() == wanted
        np.testing.assert_allclose(result.scores[row], expected, rtol=1e-5)


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0, 3.0])
def test_a_wide_beam_finds_the_best_of_all_hypotheses_in_order(length_penalty):
    model, limits = PrefixModel(seed=3, batch_size=5, vocabulary_size=3), [4, 1, 2, 3, 4]
    result = model.search(Beam(32, length_penalty, num_results=32), tf.constant(limits))
    for row, limit in enumerate(limits):
        expected = every_hypothesis(model, row, limit, length_penalty)
        assert len(expected) == sum(2**length for length in range(limit)) + 2**limit
        assert_same(result, row, expected, 4)


def test_a_wide_beam_finds_the_best_of_a_larger_vocabulary():
    model = PrefixModel(seed=5, batch_size=3, vocabulary_size=5)
    result = model.search(Beam(128), 3)
    for row in range(3):
        assert_same(result, row, every_hypothesis(model, row, 3, 1.0)[:1], 3)


def test_one_result_is_the_first_of_many():
    model = PrefixModel(seed=17, batch_size=5, vocabulary_size=7)
    one, three = model.search(Beam(3), 6), model.search(Beam(3, num_results=3), 6)
    assert one.ids.shape == (5, 1, 6) and three.ids.shape == (5, 3, 6)
    np.testing.assert_array_equal(one.ids[:, 0], three.ids[:, 0])
    np.testing.assert_array_equal(one.scores[:, 0], three.scores[:, 0])


@pytest.mark.parametrize("strategy", [Greedy(), Beam(3, num_results=3)])
def test_a_row_alone_gives_what_it_gives_among_others(strategy):
    model = PrefixModel(seed=19, batch_size=5, vocabulary_size=7, end_bias=0.5)
    limits = [3, 8, 5, 8, 1]
    together = model.search(strategy, tf.constant(limits))
    for row, limit in enumerate(limits):
        alone = model.row(row).search(strategy, limit)
        np.testing.assert_array_equal(together.ids[row, :, :limit], alone.ids[0])
        assert not together.ids[row, :, limit:].numpy().any()
        np.testing.assert_allclose(together.scores[row], alone.scores[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("strategy", [Greedy(), Beam(3, num_results=2)])
def test_a_graph_with_an_unknown_batch_gives_what_eager_gives(strategy):
    model = PrefixModel(seed=23, batch_size=5, vocabulary_size=7)

    @tf.function(input_signature=[tf.TensorSpec([None, 5]), tf.TensorSpec([None], tf.int32)], autograph=False)
    def decode(start, limits):
        rows = tf.shape(start)[0]
        return search(model.step, model.cache(start), strategy, batch_size=rows, max_length=limits)

    limits = tf.constant([6, 2, 6, 4, 6])
    eager, graph = model.search(strategy, limits), decode(model.start.astype("float32"), limits)
    np.testing.assert_array_equal(eager.ids, graph.ids)
    np.testing.assert_allclose(eager.scores, graph.scores, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(decode(model.start[:1].astype("float32"), limits[:1]).ids[0], eager.ids[0])


@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_a_beam_of_one_is_greedy_where_the_end_is_never_a_close_second(length_penalty):
    """Equal as long as the end id is not among the two best before greedy takes it, and nothing follows it.

    Otherwise a beam of one may do better, since it also keeps the ends that came second; never worse.
    """
    model = PrefixModel(seed=37, batch_size=23, vocabulary_size=7)
    greedy, beam = model.search(Greedy(length_penalty), 9), model.search(Beam(1, length_penalty), 9)
    equal = better = 0
    for row in range(23):
        ids, _ = greedy_by_hand(model, row, 9)
        second_best = any(END in np.argsort(model.log_probs(row, ids[:place]))[-2:] for place in range(len(ids) - 1))
        same = np.array_equal(greedy.ids[row], beam.ids[row])
        assert beam.scores[row, 0] >= greedy.scores[row, 0] - 1e-5
        better += not same
        if not second_best and (ids[-1] != END or length_penalty == 0.0):
            assert same
            equal += 1
    assert equal and better  # both cases are there


def constant_step(logits):
    """A step that gives every hypothesis the same logits."""
    return lambda tokens, index, cache: (tf.repeat(tf.constant([logits]), tf.shape(tokens)[0], axis=0), cache)


@pytest.mark.parametrize("forbidden", [NEVER, -1e9])
def test_an_end_that_is_forbidden_never_comes(forbidden):
    step = constant_step([0.0, 0.0, forbidden, 1.0, 0.5])
    log_prob = 1.0 - math.log(2 + math.e + math.exp(0.5))
    for strategy in (Greedy(0.0), Beam(3, 0.0)):
        result = search(step, (), strategy, batch_size=2, max_length=4)
        assert result.ids.numpy().tolist() == [[[3, 3, 3, 3]]] * 2
        np.testing.assert_allclose(result.scores, [[4 * log_prob]] * 2, rtol=1e-5)


def test_an_end_that_is_forced_is_the_only_result():
    step = constant_step([NEVER, NEVER, 0.0, NEVER, NEVER])
    assert search(step, (), Greedy(), batch_size=1, max_length=3).ids.numpy().tolist() == [[[2, 0, 0]]]
    result = search(step, (), Beam(3, num_results=3), batch_size=1, max_length=3)
    assert result.ids.numpy().tolist() == [[[2, 0, 0], [0, 0, 0], [0, 0, 0]]]
    assert result.scores.numpy().tolist() == [[0.0, NEVER, NEVER]]


def test_where_every_token_is_forbidden_the_score_is_minus_infinity_not_nan():
    step = constant_step([NEVER] * 5)
    for strategy in (Greedy(), Beam(2, num_results=2)):
        result = search(step, (), strategy, batch_size=1, max_length=3)
        assert np.all(result.scores.numpy() == NEVER)


def test_a_cut_hypothesis_competes_with_those_that_ended():
    """Token 3 has 0.6, the end 0.4: after two steps '2' has 0.4, the cut '3 3' 0.36 and '3 2' 0.24."""
    step = constant_step([NEVER, NEVER, math.log(0.4), math.log(0.6), NEVER])
    result = search(step, (), Beam(3, 0.0, num_results=3), batch_size=1, max_length=2)
    assert result.ids.numpy().tolist() == [[[2, 0], [3, 3], [3, 2]]]
    np.testing.assert_allclose(result.scores, [[math.log(0.4), math.log(0.36), math.log(0.24)]], rtol=1e-5)
    two = search(step, (), Beam(2, 0.0, num_results=2), batch_size=1, max_length=2)
    assert two.ids.numpy().tolist() == [[[2, 0], [3, 3]]]


@pytest.mark.parametrize(("length_penalty", "steps"), [(0.0, 1), (1.0, 2)])
def test_a_row_stops_at_the_first_step_where_nothing_can_improve(length_penalty, steps):
    """The end has 0.7 and token 3 has 0.3; the limit is 19, so the bound divides by (5 + 19) / 6 = 4 ** penalty.

    Beam 1, penalty 0: after a step the live log 0.3 cannot beat the pool's log 0.7. Penalty 1: the bound is
    log(0.3) / 4 = -0.301, above log(0.7) = -0.357; after two steps 2 log(0.3) / 4 = -0.602 is below.
    """
    calls = []
    constant = constant_step([NEVER, NEVER, math.log(0.7), math.log(0.3)])

    def step(tokens, index, cache):
        calls.append(int(index))
        return constant(tokens, index, cache)

    result = search(step, (), Beam(1, length_penalty), batch_size=2, max_length=19)
    assert len(calls) == steps
    assert result.ids[:, 0, :2].numpy().tolist() == [[2, 0]] * 2


def test_ties_go_to_the_lower_token_and_the_lower_beam():
    """All five tokens are equally likely. Greedy: always 0, until the limit.

    Beam of 2, candidates 4 a step. Step 1: 0 1 2 3 of the one start; '2' ends; live '0', '1'. Step 2: '0 0', '0 1',
    '0 2', '0 3', all of the first beam; '0 2' ends and the pool is full.
    """
    step = constant_step([0.0] * 5)
    assert search(step, (), Greedy(), batch_size=1, max_length=3).ids.numpy().tolist() == [[[0, 0, 0]]]
    result = search(step, (), Beam(2, 0.0, num_results=2), batch_size=1, max_length=3)
    assert result.ids.numpy().tolist() == [[[2, 0, 0], [0, 2, 0]]]
    np.testing.assert_allclose(result.scores, [[-math.log(5), -2 * math.log(5)]], rtol=1e-6)


def test_a_tie_between_finished_hypotheses_goes_to_the_first():
    """With end 1/2 at the start and then certain: '2' and '3 2' have the same sum, and penalty 0."""

    def step(tokens, index, cache):
        first = tf.constant([NEVER, NEVER, 0.0, 0.0])
        later = tf.constant([NEVER, NEVER, 0.0, NEVER])
        return tf.repeat(tf.where(index == 0, first, later)[None], tf.shape(tokens)[0], axis=0), cache

    result = search(step, (), Beam(2, 0.0, num_results=2), batch_size=1, max_length=3)
    assert result.ids.numpy().tolist() == [[[2, 0, 0], [3, 2, 0]]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Greedy(length_penalty=-0.5), "Received: length_penalty=-0.5"),
        (lambda: Beam(length_penalty=-1), "Received: length_penalty=-1"),
        (lambda: Beam(size=0), "Received: size=0"),
        (lambda: Beam(size=3, num_results=4), "larger beam. Received: num_results=4"),
        (lambda: Beam(num_results=0), "Received: num_results=0"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_strategies_are_plain_frozen_values():
    assert Beam(4, 1.0, 1) == Beam() and hash(Beam()) == hash(Beam())
    assert Greedy() == Greedy(1.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Beam().size = 3
