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
    """What `search` asks of a strategy; any object with these four members will do.

    The state is a named tuple of tensors of the strategy's own choice, each with B as its first dimension, with two
    fields that `search` reads: `done`, boolean `[B]`, and `ids`, int32 `[B, W, T]`, what each live hypothesis has
    written so far and zeros after. A row that is done must not change any more.
    """

    @property
    def width(self) -> int:
        """Number of hypotheses W that are kept alive for each row."""

    def start(self, bounds: SearchBounds) -> Any:
        """Gives the state before the first step."""

    def advance(
        self, bounds: SearchBounds, state: Any, logits: tf.Tensor, normalizer: tf.Tensor, index: tf.Tensor
    ) -> tuple[Any, tf.Tensor, tf.Tensor | None]:
        """Takes float32 logits `[B, W, V]` for position `index`.

        `normalizer` `[B, W, 1]` is to be subtracted from the logits to get log-probabilities. It is that of the logits
        before the constraints: to forbid a token makes no other one likelier, so scores stay comparable.

        Gives the next state, the chosen tokens int32 `[B*W]`, and the parents int32 `[B*W]`: for each new hypothesis
        the place of the one it continues among the B*W old ones, or None where each continues itself.
        """

    def result(self, bounds: SearchBounds, state: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Gives ids `[B, R, T]` and scores `[B, R]` of a finished search."""


class Constraint(Protocol):
    """What `search` asks of a rule about which tokens may come; any object with these two members will do."""

    def start(self, bounds: SearchBounds) -> Any:
        """Gives what the rule needs to know of each row: a nested structure of tensors with B rows, () for nothing."""

    def apply(self, bounds: SearchBounds, rows: Any, ids: tf.Tensor, index: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Changes float32 logits `[B, W, V]` for position `index`; `-inf` forbids a token.

        `rows` is what `start` gave, for the rows that are still searched, as `bounds` tells of these alone. `ids` is
        int32 `[B, W, T]`: what each live hypothesis has written so far, and zeros after. A rule has no other memory.
        """


def search(
    step: Callable[[tf.Tensor, tf.Tensor, Any], tuple[tf.Tensor, Any]],
    cache: Any,
    strategy: Strategy,
    *,
    batch_size: int | tf.Tensor,
    max_length: int | tf.Tensor,
    start_id: int = 1,
    end_id: int = 2,
    constraints: Sequence[Constraint] = (),
) -> SearchResult:
    """Decodes step by step until every row is done.

    The loop is one `tf.while_loop`, so it runs eagerly, inside a `tf.function` (also with an unknown batch size and
    without autograph) and in an exported model. What does not change from step to step, such as the encoded source,
    belongs into the closure of `step`; repeat it W times a row there, or fold W into its query length.

    Args:
        step: function `(tokens, index, cache) -> (logits, cache)`. `tokens` is int32 `[B*W]`, the last token of each
            hypothesis (W is `strategy.width`; the hypotheses of a row stand side by side), `index` the position as a
            scalar int32 tensor, counted from 0, `logits` `[B*W, V]` of any float dtype. The cache comes back with
            the structure, shapes and dtypes it went in with.
        cache: nested structure (dicts, lists, tuples) of tensors whose first dimension is B*W, as `step` takes it at
            position 0.
        strategy: `Greedy()`, `Beam()` or another `Strategy`.
        batch_size: B, an int or a scalar int32 tensor.
        max_length: the most tokens of a hypothesis, end id included: an int, a scalar or, a limit a row, an int32
            tensor `[B]`. A hypothesis that reaches it is cut and counts as finished. In a tensor, values below 1
            count as 1.
        start_id: the token fed at position 0; it is not part of the results.
        end_id: the token that ends a hypothesis.
        constraints: rules that change the logits before the strategy sees them, applied in this order.

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
    width = strategy.width
    tokens = tf.fill([batch_size * width], tf.cast(start_id, tf.int32))
    cache = tf.nest.map_structure(tf.convert_to_tensor, cache)
    rows = [constraint.start(bounds) for constraint in constraints]

    def unfinished(index: tf.Tensor, _tokens: tf.Tensor, _cache: Any, state: Any) -> tf.Tensor:
        return tf.logical_and(index < bounds.buffer_length, tf.logical_not(tf.reduce_all(state.done)))

    def body(index: tf.Tensor, tokens: tf.Tensor, cache: Any, state: Any) -> tuple:
        before = (index, tokens, cache, state)
        logits, cache = step(tokens, index, cache)
        logits = _checked_logits(logits, end_id)
        logits = tf.reshape(logits, [batch_size, width, tf.shape(logits)[-1]])  # [B, W, V]
        normalizer = log_normalizer(logits)
        for constraint, own_rows in zip(constraints, rows, strict=True):
            logits = constraint.apply(bounds, own_rows, state.ids, index, logits)
        state, tokens, parents = strategy.advance(bounds, state, logits, normalizer, index)
        if parents is not None:
            cache = tf.nest.map_structure(lambda tensor: tf.gather(tensor, parents), cache)
        return _with_shapes_of(before, (index + 1, tokens, cache, state))

    start = (tf.constant(0), tokens, cache, strategy.start(bounds))
    *_, state = tf.while_loop(unfinished, body, start, parallel_iterations=1)
    return SearchResult(*strategy.result(bounds, state))


def log_normalizer(logits: tf.Tensor) -> tf.Tensor:
    """Gives the number to subtract from logits to get log-probabilities.

    Args:
        logits: float32 `[..., V]`.

    Returns:
        float32 `[..., 1]`; 0 where every token is forbidden (all `-inf`).
    """
    normalizer = tf.reduce_logsumexp(logits, axis=-1, keepdims=True)
    return tf.where(tf.math.is_inf(normalizer), 0.0, normalizer)


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


def _with_shapes_of(before: tuple, after: tuple) -> tuple:
    """Tells the loop that static shapes stay as they were, which a gather with an unknown batch size forgets."""
    tf.nest.assert_same_structure(before, after)
    for old, new in zip(tf.nest.flatten(before), tf.nest.flatten(after), strict=True):
        new.set_shape(old.shape)
    return after
