"""The loop itself: what it feeds, what it keeps, where it ends, what it refuses."""

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.decoding import Beam, Greedy, search

NEVER = -float("inf")


def scripted(rows, vocabulary_size=6, dtype=tf.float32):
    """A step that makes row b say rows[b][index]; past its script a row repeats the last token."""
    longest = max(map(len, rows))
    script = tf.constant([row + [row[-1]] * (longest - len(row)) for row in rows])

    def step(tokens, index, cache):
        column = tf.repeat(script[:, tf.minimum(index, longest - 1)], tf.size(tokens) // len(rows))
        return tf.cast(20.0 * tf.one_hot(column, vocabulary_size), dtype), cache

    return step


def test_the_step_sees_its_last_tokens_the_position_and_its_own_cache():
    seen = []

    def step(tokens, index, cache):
        seen.append((tokens.numpy().tolist(), int(index), cache["count"][0].numpy().tolist()))
        logits = tf.one_hot(tokens + 1, 7) * 9.0
        return logits, {"count": [cache["count"][0] + 1], "rest": cache["rest"]}

    cache = {"count": [np.array([10, 20], np.int32)], "rest": ()}
    result = search(step, cache, Greedy(), batch_size=2, max_length=3, start_id=3, end_id=2)
    assert seen == [([3, 3], 0, [10, 20]), ([4, 4], 1, [11, 21]), ([5, 5], 2, [12, 22])]
    assert result.ids.numpy().tolist() == [[[4, 5, 6]]] * 2
    assert result.ids.dtype == tf.int32 and result.scores.dtype == tf.float32


def test_the_loop_ends_when_every_row_has_ended():
    calls = []
    script = scripted([[3, 2], [4, 5, 2]])

    def step(tokens, index, cache):
        calls.append(int(index))
        return script(tokens, index, cache)

    ids = search(step, (), Greedy(), batch_size=2, max_length=50).ids
    assert calls == [0, 1, 2]
    assert ids.shape == (2, 1, 50)
    assert ids[:, 0, :4].numpy().tolist() == [[3, 2, 0, 0], [4, 5, 2, 0]] and not ids[:, :, 4:].numpy().any()


@pytest.mark.parametrize("strategy", [Greedy(), Beam(size=3)])
def test_a_limit_a_row_cuts_that_row_only(strategy):
    step = scripted([[3, 4, 5, 2]] * 4)
    limits = tf.constant([1, 3, 4, 0])
    ids = search(step, (), strategy, batch_size=4, max_length=limits).ids
    assert ids.numpy().tolist() == [[[3, 0, 0, 0]], [[3, 4, 5, 0]], [[3, 4, 5, 2]], [[3, 0, 0, 0]]]


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16, tf.float16, tf.float64])
def test_scores_are_float32_log_probabilities_for_every_dtype_of_logits(dtype):
    scores = search(scripted([[3, 2]], dtype=dtype), (), Greedy(0.0), batch_size=1, max_length=4).scores
    expected = 2 * -np.log1p(5 * np.exp(-20.0))
    assert scores.dtype == tf.float32
    np.testing.assert_allclose(scores.numpy(), [[expected]], atol=1e-6)


@pytest.mark.parametrize(("strategy", "results"), [(Greedy(), 1), (Beam(size=2, num_results=2), 2)])
@pytest.mark.parametrize("drops", [False, True])
def test_static_shapes_are_known_where_they_can_be(strategy, results, drops):
    @tf.function(input_signature=[tf.TensorSpec([None, 5])], autograph=False)
    def decode(table):
        def step(tokens, index, cache, memory=table):
            return tf.repeat(memory, tf.size(tokens) // tf.shape(memory)[0], axis=0), cache

        memory = table if drops else None
        return search(step, (), strategy, batch_size=tf.shape(table)[0], max_length=4, memory=memory)

    ids, scores = decode.get_concrete_function().structured_outputs
    assert ids.shape.as_list() == [None, results, 4]
    assert scores.shape.as_list() == [None, results]
    assert decode(tf.zeros([0, 5])).ids.shape == (0, results, 4)
    assert decode(tf.zeros([3, 5])).ids.shape == (3, results, 4)


def test_the_limit_may_be_an_input_of_the_graph():
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)], autograph=False)
    def decode(limits):
        def step(tokens, index, cache):
            return tf.one_hot(tokens + 1, 9) * 9.0, cache

        return search(step, (), Greedy(), batch_size=tf.shape(limits)[0], max_length=limits, start_id=2, end_id=0)

    assert decode(tf.constant([2, 4])).ids.numpy().tolist() == [[[3, 4, 0, 0]], [[3, 4, 5, 6]]]
    assert decode(tf.constant([], tf.int32)).ids.shape[0] == 0


def test_a_cache_with_an_unknown_batch_keeps_its_static_sizes():
    """The step reshapes by the static sizes of its cache, as attention layers do."""

    @tf.function(input_signature=[tf.TensorSpec([None, 5])], autograph=False)
    def decode(table):
        strategy = Beam(size=3)
        batch = tf.shape(table)[0]

        def step(tokens, index, cache):
            assert cache["keys"].shape[1:] == (4, 2)
            return tf.repeat(table, tf.size(tokens) // batch, axis=0), {"keys": cache["keys"] + 1.0}

        return search(step, {"keys": tf.zeros([batch, 4, 2])}, strategy, batch_size=batch, max_length=4).ids

    table = np.full((2, 5), NEVER, np.float32)
    table[:, 4], table[0, 2] = 0.0, 1.0
    assert decode(table).numpy().tolist() == [[[2, 0, 0, 0]], [[4, 4, 4, 4]]]


def op_counts(strategy):
    """How often each op stands in the traced search; the step itself brings only AddV2."""

    @tf.function(input_signature=[tf.TensorSpec([None, 5])], autograph=False)
    def decode(cache):
        def step(tokens, index, cache):
            return cache + 1.0, cache + 1.0

        return search(step, cache, strategy, batch_size=tf.shape(cache)[0], max_length=4)

    graph = decode.get_concrete_function().graph.as_graph_def()
    nodes = [node.op for node in graph.node]
    for function in graph.library.function:
        nodes += [node.op for node in function.node_def]
    return {op: nodes.count(op) for op in nodes}


def test_greedy_never_gathers_and_nothing_needs_xla():
    greedy, beam = op_counts(Greedy()), op_counts(Beam(size=2))
    assert "GatherV2" not in greedy and "GatherNd" not in greedy
    assert beam["GatherV2"] >= 1
    assert any("While" in op for op in greedy) and any("While" in op for op in beam)
    assert not [op for op in (*greedy, *beam) if op.startswith("Xla")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_length": 0}, r"at least 1.*Received: max_length=0"),
        ({"max_length": [[1, 2]]}, r"one number a row.*Received: max_length of shape \(1, 2\)"),
        ({"end_id": 6}, r"from 0 to 5.*Received: end_id=6"),
        ({"end_id": -1}, r"from 0 to 5.*Received: end_id=-1"),
    ],
)
def test_refusals(arguments, message):
    arguments = {"batch_size": 1, "max_length": 3} | arguments
    with pytest.raises(ValueError, match=message):
        search(scripted([[3, 2]]), (), Greedy(), **arguments)


def test_logits_of_all_positions_are_refused():
    def step(tokens, index, cache):
        return tf.zeros([1, 1, 6]), cache

    with pytest.raises(ValueError, match=r"last position only. Received: logits of shape \(1, 1, 6\)"):
        search(step, (), Greedy(), batch_size=1, max_length=3)


def test_a_cache_that_changes_its_shape_is_refused():
    def step(tokens, index, cache):
        return tf.zeros([1, 6]), tf.concat([cache, cache], axis=1)

    with pytest.raises(ValueError, match="shape"):
        search(step, tf.zeros([1, 2]), Greedy(), batch_size=1, max_length=3)


class Follow:
    """Rows that write the numbers of their own memory one by one, and remember in a growing cache what they wrote.

    The logits are right only if memory, cache and hypotheses of a row stay together.
    """

    def __init__(self, texts):
        longest = max(map(len, texts))
        self.memory = {"text": tf.constant([text + [2] * (longest + 3 - len(text)) for text in texts])}
        self.rows_of_steps = []

    def step(self, tokens, index, cache, memory):
        tf.numpy_function(self.rows_of_steps.append, [tf.shape(memory["text"])[0]], [])
        text = tf.repeat(memory["text"], tf.size(tokens) // tf.shape(memory["text"])[0], axis=0)
        cache = tf.concat([cache, tokens[:, None]], axis=1)  # what was written, the start first
        is_own = tf.reduce_all(cache[:, 1:] == text[:, :index], axis=1, keepdims=True)
        logits = 9.0 * tf.one_hot(text[:, index], 40) + 4.0 * tf.one_hot(text[:, index + 1], 40) - tf.one_hot(2, 40)
        return tf.where(is_own, logits, tf.one_hot(39, 40)), cache

    def search(self, strategy, drops=True):
        rows = tf.shape(self.memory["text"])[0]

        def step(tokens, index, cache, memory=self.memory):
            return self.step(tokens, index, cache, memory)

        return search(
            step,
            tf.zeros([rows, 0], tf.int32),
            strategy,
            batch_size=rows,
            max_length=tf.fill([rows], 12),
            memory=self.memory if drops else None,
        )


@pytest.mark.parametrize("strategy", [Greedy(0.6), Beam(4, 0.6, 3)])
@pytest.mark.parametrize("in_graph", [False, True])
def test_rows_that_are_dropped_change_nothing_but_the_work(strategy, in_graph):
    texts = [[5], [9, 8, 7, 6, 5, 4, 3, 9], [7, 7], [3], [4, 3], [11, 12, 13, 14, 15], [6]]
    follow, whole = Follow(texts), Follow(texts)
    found = (tf.function(follow.search, autograph=False) if in_graph else follow.search)(strategy)
    expected = whole.search(strategy, drops=False)
    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-6)
    for row, text in enumerate(texts):
        assert found.ids.numpy()[row, 0, : len(text) + 1].tolist() == [*text, 2]
    rows = [int(n) for n in follow.rows_of_steps]
    assert rows == sorted(rows, reverse=True) and rows[0] == 7 and len(set(rows)) >= 2
    assert len(rows) == len(whole.rows_of_steps) and sum(rows) < 7 * len(rows)


class Unlike:
    """Forbids each row's own token, and to write the token before once more."""

    def __init__(self, forbidden):
        self.forbidden = tf.constant(forbidden)

    def start(self, bounds):
        return {"forbidden": self.forbidden}

    def apply(self, bounds, rows, ids, index, logits):
        vocabulary_size = tf.shape(logits)[-1]
        before = tf.where(index > 0, ids[:, :, tf.maximum(index - 1, 0)], -1)  # [B, W]
        is_forbidden = tf.one_hot(rows["forbidden"], vocabulary_size)[:, None] + tf.one_hot(before, vocabulary_size)
        return tf.where(is_forbidden > 0, NEVER, logits)


@pytest.mark.parametrize("strategy", [Greedy(), Beam(size=2)])
def test_constraints_see_what_is_written_and_their_own_rows(strategy):
    logits = tf.constant([[0.0, NEVER, -9.0, 3.0, 2.0, 1.0]])

    def step(tokens, index, cache):
        return tf.repeat(logits, tf.shape(tokens)[0], axis=0), cache

    ids = search(step, (), strategy, batch_size=2, max_length=4, constraints=[Unlike([3, 5]), Unlike([2, 2])]).ids
    assert ids.numpy().tolist() == [[[4, 5, 4, 5]], [[3, 4, 3, 4]]]
