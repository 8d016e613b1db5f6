"""The one decoding loop. What a step does with the logits is the business of a strategy."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf


class SearchResult(NamedTuple):
    """The best hypotheses of a search.

    Attributes:
        ids: int32 `[B, R, T]`, R results a row, best first. No start id; the end id is kept and followed by zeros.
        scores: float32 `[B, R]`, length-normalised log-probabilities, best first. A result that does not exist
            (fewer than R hypotheses are possible, or constraints forbid every one) has the score `-inf` and ids that
            are all zero.
    """

    ids: tf.Tensor
    scores: tf.Tensor


class SearchBounds(NamedTuple):
    """What a strategy is told about the search it takes part in.

    Attributes:
        batch_size: number of rows B, an int or a scalar int32 tensor.
        max_lengths: int32 `[B]`, the most tokens each row may have, at least 1.
        buffer_length: T, the largest of `max_lengths`, an int where it is known and a scalar int32 tensor otherwise.
        end_id: the id that ends a hypothesis.
    """

    batch_size: Any
    max_lengths: tf.Tensor
    buffer_length: Any
    end_id: int


class Strategy(Protocol):
    """What `search` asks of a strategy; any object with these three members will do.

    The state is a named tuple of tensors of the strategy's own choice, each with B as its first dimension, with two
    fields that `search` reads: `done`, boolean `[B]`, and `ids`, int32 `[B, W, T]`, what each live hypothesis has
    written so far and zeros after. W may change from step to step: a beam begins with one. A row that is done must not
    change any more; rows are treated each by itself, since those that are done may be taken away.
    """

    def start(self, bounds: SearchBounds) -> Any:
        """Gives the state before the first step."""

    def advance(
        self, bounds: SearchBounds, state: Any, logits: tf.Tensor, normalizer: tf.Tensor | None, index: tf.Tensor
    ) -> tuple[Any, tf.Tensor, tf.Tensor | None]:
        """Takes float32 logits `[B, W, V]` for position `index`.

        `normalizer` `[B, W, 1]` is to be subtracted from the logits to get log-probabilities; None where it is what
        `log_normalizer(logits)` gives. With constraints it is that of the logits before them: to forbid a token makes
        no other one likelier, so scores stay comparable.

        Gives the next state, the chosen tokens int32 `[B*W]`, and the parents int32 `[B*W]`: for each new hypothesis
        the place of the one it continues among the old ones of all rows, or None where each continues itself.
        """

    def result(self, bounds: SearchBounds, state: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Gives ids `[B, R, T]` and scores `[B, R]` of a finished search, or of what there is of it."""


class Constraint(Protocol):
    """What `search` asks of a rule about which tokens may come; any object with these two members will do."""

    def start(self, bounds: SearchBounds) -> Any:
        """Gives what the rule needs to know of each row: a nested structure of tensors with B rows, () for nothing."""

    def apply(self, bounds: SearchBounds, rows: Any, ids: tf.Tensor, index: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Changes float32 logits `[B, W, V]` for position `index`; `-inf` forbids a token.

        `rows` is what `start` gave, for the rows that are still searched, as `bounds` tells of these alone. `ids` is
        int32 `[B, W, T]`: what each live hypothesis has written so far, and zeros after. A rule has no other memory.
        """


class _Live(NamedTuple):
    """All that belongs to the rows that are still searched."""

    rows: tf.Tensor  # int32 [B], their places in the results
    max_lengths: tf.Tensor  # int32 [B]
    memory: Any
    constraint_rows: list
    state: Any
    tokens: tf.Tensor  # int32 [B*W]
    cache: Any  # [B*W, ...]


def search(
    step: Callable[..., tuple[tf.Tensor, Any]],
    cache: Any,
    strategy: Strategy,
    *,
    batch_size: int | tf.Tensor,
    max_length: int | tf.Tensor,
    start_id: int = 1,
    end_id: int = 2,
    constraints: Sequence[Constraint] = (),
    memory: Any = None,
) -> SearchResult:
    """Decodes step by step until every row is done.

    The loop is made of `tf.while_loop`s, so it runs eagerly, inside a `tf.function` (also with an unknown batch size
    and without autograph) and in an exported model. With a `memory` the rows that are done are dropped from the batch
    whenever they are an eighth of it, so that later steps have less to compute.

    Args:
        step: function `(tokens, index, cache, memory) -> (logits, cache)`, without `memory` if there is none. `tokens`
            is int32 `[B*W]`, the last token of each hypothesis (the W of a row stand side by side; a beam begins with
            W = 1), `index` the position as a scalar int32 tensor, counted from 0, `logits` `[B*W, V]` of any float
            dtype. The cache comes back with the structure and dtypes it went in with.
        cache: nested structure (dicts, lists, tuples) of tensors whose first dimension is B: what `step` takes for each
            hypothesis at position 0. Its rows follow their hypotheses. A dimension of size 0 may grow.
        strategy: `Greedy()`, `Beam()` or another `Strategy`.
        batch_size: B, an int or a scalar int32 tensor.
        max_length: the most tokens of a hypothesis, end id included: an int, a scalar or, a limit a row, an int32
            tensor `[B]`. A hypothesis that reaches it is cut and counts as finished. In a tensor, values below 1
            count as 1.
        start_id: the token fed at position 0; it is not part of the results.
        end_id: the token that ends a hypothesis.
        constraints: rules that change the logits before the strategy sees them, applied in this order.
        memory: nested structure of tensors whose first dimension is B and that do not change from step to step, such as
            the encoded source. None if `step` needs none or holds it itself; then no row is dropped.

    Returns:
        A `SearchResult`: ids `[B, R, T]` with T the largest limit, and scores `[B, R]`.

    Raises:
        ValueError: if `max_length` is below 1 or of rank 2 or more, if `logits` is not `[B*W, V]`, or if `end_id` is
            not an id of the vocabulary.

    Example:
        >>> import tensorflow as tf
        >>> from keras_attn.decoding import Greedy, search
        >>> follower = tf.constant([0, 3, 0, 4, 2])  # 1 (start) -> 3 -> 4 -> 2 (end)
        >>> def step(tokens, index, cache):
        ...     return 5.0 * tf.one_hot(tf.gather(follower, tokens), 5), cache
        >>> search(step, (), Greedy(), batch_size=1, max_length=5).ids.numpy().tolist()
        [[[3, 4, 2, 0, 0]]]
    """
    bounds = _bounds(batch_size, max_length, end_id)
    live = _all_live(strategy, bounds, cache, start_id, constraints, memory)
    invariants = _shapes_that_stay(live, bounds)

    def run(index: tf.Tensor, live: _Live) -> tuple[tf.Tensor, _Live, SearchResult]:
        """Steps until rows are to be dropped, or all are done."""
        some = bounds._replace(batch_size=tf.shape(live.rows)[0], max_lengths=live.max_lengths)

        def unfinished(index: tf.Tensor, state: Any, _tokens: tf.Tensor, _cache: Any) -> tf.Tensor:
            left = tf.math.count_nonzero(~state.done, dtype=tf.int32)
            return (index < bounds.buffer_length) & (left > 0 if memory is None else 8 * left > 7 * some.batch_size)

        def body(index: tf.Tensor, state: Any, tokens: tf.Tensor, cache: Any) -> tuple:
            logits, cache = step(tokens, index, cache, *(() if memory is None else (live.memory,)))
            logits = _checked_logits(logits, end_id)
            logits = tf.reshape(logits, [some.batch_size, tf.shape(state.ids)[1], tf.shape(logits)[-1]])  # [B, W, V]
            normalizer = log_normalizer(logits) if constraints else None
            for constraint, rows in zip(constraints, live.constraint_rows, strict=True):
                logits = constraint.apply(some, rows, state.ids, index, logits)
            state, tokens, parents = strategy.advance(some, state, logits, normalizer, index)
            if parents is not None:
                cache = tf.nest.map_structure(lambda tensor: tf.gather(tensor, parents), cache)
            return _with_shapes((index + 1, state, tokens, cache), shapes)

        shapes = (tf.TensorShape([]), invariants.state, invariants.tokens, invariants.cache)
        index, state, tokens, cache = _loop(unfinished, body, (index, live.state, live.tokens, live.cache), shapes)
        result = SearchResult(*strategy.result(some, state))
        return index, live._replace(state=state, tokens=tokens, cache=cache), result

    nothing = SearchResult(*strategy.result(bounds, live.state))
    if memory is None:
        *_, result = run(tf.constant(0), live)
        return _with_shapes(result, tf.nest.map_structure(lambda tensor: tensor.shape, nothing))

    def any_left(index: tf.Tensor, live: _Live, _results: SearchResult) -> tf.Tensor:
        return (index < bounds.buffer_length) & (tf.size(live.rows) > 0)

    def run_and_drop(index: tf.Tensor, live: _Live, results: SearchResult) -> tuple:
        index, live, result = run(index, live)
        results = tf.nest.map_structure(
            lambda all_rows, some: tf.tensor_scatter_nd_update(all_rows, live.rows[:, None], some), results, result
        )
        return index, _with_shapes(_those_left(live), invariants), results

    shapes = (tf.TensorShape([]), invariants, tf.nest.map_structure(lambda tensor: tensor.shape, nothing))
    *_, results = _loop(any_left, run_and_drop, (tf.constant(0), live, nothing), shapes)
    return results


def _loop(condition: Callable, body: Callable, start: tuple, shapes: tuple) -> tuple:
    return tf.while_loop(condition, body, start, shape_invariants=shapes, parallel_iterations=1)


def _all_live(
    strategy: Strategy,
    bounds: SearchBounds,
    cache: Any,
    start_id: int,
    constraints: Sequence[Constraint],
    memory: Any,
) -> _Live:
    """What there is before the first step."""
    state = strategy.start(bounds)
    width = tf.shape(state.ids)[1]
    return _Live(
        rows=tf.range(bounds.batch_size),
        max_lengths=bounds.max_lengths,
        memory=() if memory is None else tf.nest.map_structure(tf.convert_to_tensor, memory),
        constraint_rows=[constraint.start(bounds) for constraint in constraints],
        state=state,
        tokens=tf.fill([bounds.batch_size * width], tf.cast(start_id, tf.int32)),
        cache=tf.nest.map_structure(lambda tensor: tf.repeat(tensor, width, axis=0), cache),
    )


def _those_left(live: _Live) -> _Live:
    """Drops the rows that are done."""
    rows = tf.where(~live.state.done)[:, 0]
    width = tf.cast(tf.shape(live.state.ids)[1], rows.dtype)
    hypotheses = tf.reshape(rows[:, None] * width + tf.range(width), [-1])

    def chosen(structure: Any, places: tf.Tensor) -> Any:
        return tf.nest.map_structure(lambda tensor: tf.gather(tensor, places), structure)

    by_hypothesis = {"tokens": live.tokens, "cache": live.cache}
    return chosen(live._replace(tokens=(), cache=()), rows)._replace(**chosen(by_hypothesis, hypotheses))


def _shapes_that_stay(live: _Live, bounds: SearchBounds) -> _Live:
    """The static shapes that hold at every step: rows and hypotheses change in number, and what is empty may grow."""

    def shape(tensor: tf.Tensor) -> tf.TensorShape:
        return tf.TensorShape([None, *(size or None for size in tensor.shape[1:])])

    def state_shape(tensor: tf.Tensor) -> tf.TensorShape:
        return tf.TensorShape([None] * tensor.shape.rank)

    state = tf.nest.map_structure(state_shape, live.state)
    length = tf.get_static_value(bounds.buffer_length)
    state = state._replace(ids=tf.TensorShape([None, None, length]))
    return tf.nest.map_structure(shape, live._replace(state=()))._replace(state=state)


def _with_shapes(structure: Any, shapes: Any) -> Any:
    """Sets the static shapes of tensors, which a gather by unknown places forgets."""
    tf.nest.assert_same_structure(structure, shapes)
    for tensor, shape in zip(tf.nest.flatten(structure), tf.nest.flatten(shapes), strict=True):
        tensor.set_shape(shape)
    return structure


def log_normalizer(logits: tf.Tensor, largest: tf.Tensor | None = None) -> tf.Tensor:
    """Gives the number to subtract from logits to get log-probabilities.

    Args:
        logits: float32 `[..., V]`.
        largest: their maxima `[..., 1]`, where they are known.

    Returns:
        float32 `[..., 1]`; 0 where every token is forbidden (all `-inf`).
    """
    largest = tf.reduce_max(logits, axis=-1, keepdims=True) if largest is None else largest
    largest = tf.where(tf.math.is_inf(largest), 0.0, largest)
    total = tf.reduce_sum(tf.exp(logits - largest), axis=-1, keepdims=True)
    return tf.where(total > 0.0, tf.math.log(total) + largest, 0.0)


def _bounds(batch_size: int | tf.Tensor, max_length: int | tf.Tensor, end_id: int) -> SearchBounds:
    """Brings the length limit into its two forms: one number a row, and the length of the id buffer."""
    if isinstance(max_length, int) and max_length < 1:
        raise ValueError(f"`max_length` must be at least 1: one token is the end id. Received: max_length={max_length}")
    limits = tf.maximum(tf.convert_to_tensor(max_length, tf.int32), 1)
    if limits.shape.rank is not None and limits.shape.rank > 1:
        raise ValueError(
            "`max_length` must be a number or one number a row, shape [B]. "
            f"Received: max_length of shape {tuple(limits.shape)}"
        )
    known = tf.get_static_value(tf.convert_to_tensor(max_length, tf.int32))
    buffer_length = tf.reduce_max(limits) if known is None else int(np.max(known, initial=1))
    if known is None:
        buffer_length = tf.maximum(buffer_length, 1)  # the maximum of an empty batch is the smallest integer
    return SearchBounds(batch_size, tf.broadcast_to(limits, [batch_size]), buffer_length, end_id)


def _checked_logits(logits: tf.Tensor, end_id: int) -> tf.Tensor:
    """Checks what can be known while tracing, and casts to float32."""
    logits = tf.convert_to_tensor(logits)
    if logits.shape.rank not in (None, 2):
        raise ValueError(
            "`step` must return logits of shape [B*W, V], those of the last position only. "
            f"Received: logits of shape {tuple(logits.shape)}"
        )
    vocabulary_size = None if logits.shape.rank is None else logits.shape[-1]
    if vocabulary_size is not None and not 0 <= end_id < vocabulary_size:
        raise ValueError(
            f"`end_id` must be an id of the vocabulary, from 0 to {vocabulary_size - 1}. Received: end_id={end_id}"
        )
    return tf.cast(logits, tf.float32)
