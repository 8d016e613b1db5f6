"""Sampling: tokens drawn by their probabilities, with numbers that a seed fixes."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import tensorflow as tf

from keras_attn.decoding.search import SearchBounds, log_normalizer
from keras_attn.decoding.strategies import check_length_penalty, length_factor, write


class _SampleState(NamedTuple):
    ids: tf.Tensor  # int32 [B, W, T]
    scores: tf.Tensor  # float32 [B, W], sums of the model's log-probabilities
    lengths: tf.Tensor  # int32 [B, W], tokens written so far
    ended: tf.Tensor  # bool [B, W]
    done: tf.Tensor  # bool [B], all have ended


@dataclass(frozen=True)
class Sample:
    """Draws each token by its probability, `softmax(logits / temperature)`, from those that the filters leave.

    The filters work one after the other, on what the one before has left: `top_k`, `top_p`, `min_p`. What they leave
    is scaled to a sum of 1.

    The random numbers follow from `seed`, the position and the sample's place alone, so the same seed gives the same
    text again, whatever else is in the batch. Rows share them: ask for `num_results` different samples of a text, not
    for the same text several times. Results come best first, and equal ones stay.

    Args:
        temperature: above 0; below 1 prefers the likely tokens more, above 1 less.
        top_k: only the k likeliest tokens; None for all. Among equals those with the lower ids.
        top_p: only the likeliest tokens that together have this probability, as few as possible; from above 0 to 1,
            None for all.
        min_p: only tokens with at least this share of the likeliest one's probability, from 0 to 1; None for all.
        seed: any whole number of 32 bits.
        num_results: samples a row, R.
        length_penalty: as in `Greedy`; the score is of the model's own probabilities, at temperature 1 and unfiltered.

    Raises:
        ValueError: if a value is out of its range.

    Example:
        >>> from keras_attn.decoding import Sample, search
        >>> def step(tokens, index, cache):
        ...     return tf.zeros([2, 6]), cache
        >>> draw = Sample(seed=3, num_results=2)
        >>> first, again = (search(step, (), draw, batch_size=1, max_length=4).ids for _ in range(2))
        >>> bool(tf.reduce_all(first == again))
        True

    Reference:
        Holtzman et al. 2020, "The curious case of neural text degeneration" (`top_p`); Nguyen et al. 2024, "Turning up
        the heat: min-p sampling" (`min_p`).
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    seed: int = 0
    num_results: int = 1
    length_penalty: float | Literal["average"] = 1.0

    def __post_init__(self) -> None:
        check_length_penalty(self.length_penalty)
        for name, holds, wanted in (
            ("temperature", lambda value: 0 < value < float("inf"), "above 0; for the likeliest token use Greedy"),
            ("top_k", lambda value: value is None or value >= 1, "at least 1 token, or None for all"),
            ("top_p", lambda value: value is None or 0 < value <= 1, "above 0 and at most 1, or None for all"),
            ("min_p", lambda value: value is None or 0 <= value <= 1, "from 0 to 1, or None for all"),
            ("seed", lambda value: -(2**31) <= value < 2**31, "a whole number of 32 bits"),
            ("num_results", lambda value: value >= 1, "at least 1 sample"),
        ):
            if not holds(getattr(self, name)):
                raise ValueError(f"`{name}` must be {wanted}. Received: {name}={getattr(self, name)!r}")

    def start(self, bounds: SearchBounds) -> _SampleState:
        """Gives the state before the first step: nothing written.

        Args:
            bounds: the sizes and limits of the search.

        Returns:
            The state.
        """
        places = [bounds.batch_size, self.num_results]
        return _SampleState(
            ids=tf.zeros([*places, bounds.buffer_length], tf.int32),
            scores=tf.zeros(places),
            lengths=tf.zeros(places, tf.int32),
            ended=tf.zeros(places, tf.bool),
            done=tf.zeros(places[:1], tf.bool),
        )

    def advance(
        self,
        bounds: SearchBounds,
        state: _SampleState,
        logits: tf.Tensor,
        normalizer: tf.Tensor | None,
        index: tf.Tensor,
    ) -> tuple[_SampleState, tf.Tensor, None]:
        """Appends a token to each sample that has not ended.

        Args:
            bounds: the sizes and limits of the search.
            state: the state so far.
            logits: float32 `[B, W, V]`.
            normalizer: float32 `[B, W, 1]`, to be subtracted from the logits, or None: see `Strategy`.
            index: position of the new tokens, scalar int32.

        Returns:
            The new state, the tokens `[B*W]`, and None: nothing is to be reordered.
        """
        tokens = self._draw(logits, index)  # [B, W]
        normalizer = log_normalizer(logits) if normalizer is None else normalizer
        log_probs = (tf.gather(logits, tokens[..., None], batch_dims=2) - normalizer)[..., 0]
        tokens = tf.where(state.ended, 0, tokens)
        at_limit = index + 1 >= bounds.max_lengths[:, None]  # [B, 1]
        ended = state.ended | (tokens == bounds.end_id) | at_limit | tf.math.is_inf(log_probs)
        after = _SampleState(
            ids=write(state.ids, tokens, index),
            scores=tf.where(state.ended, state.scores, state.scores + log_probs),
            lengths=tf.where(state.ended, state.lengths, index + 1),
            ended=ended,
            done=tf.reduce_all(ended, axis=1),
        )
        return after, tf.reshape(tokens, [-1]), None

    def result(self, bounds: SearchBounds, state: _SampleState) -> tuple[tf.Tensor, tf.Tensor]:
        """Gives the samples of each row, best first.

        Args:
            bounds: the sizes and limits of the search.
            state: the state after the last step.

        Returns:
            ids `[B, R, T]` and scores `[B, R]`.
        """
        scores = state.scores / length_factor(state.lengths, self.length_penalty)
        scores, places = tf.math.top_k(scores, self.num_results)
        ids = tf.gather(state.ids, places, batch_dims=1)
        return tf.where(tf.math.is_inf(scores)[..., None], 0, ids), scores

    def _draw(self, logits: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        """The token of each sample, int32 [B, W]: the first whose cumulative probability exceeds a random number."""
        tokens = None
        if self.top_k is not None or self.top_p is not None:  # only these need an order
            size = tf.shape(logits)[-1]
            count = size if self.top_k is None else tf.minimum(self.top_k, size)
            logits, tokens = tf.math.top_k(logits, count)
        best = tf.reduce_max(logits, -1, keepdims=True)
        weights = tf.exp((logits - tf.where(tf.math.is_inf(best), 0.0, best)) / self.temperature)  # [B, W, K]
        if self.top_p is not None:
            before = tf.cumsum(weights, axis=-1, exclusive=True)
            weights = tf.where(before < self.top_p * tf.reduce_sum(weights, -1, keepdims=True), weights, 0.0)
        if self.min_p is not None:
            weights = tf.where(weights < self.min_p, 0.0, weights)  # the likeliest has 1
        until = tf.cumsum(weights, axis=-1)
        total = until[..., -1:]
        number = tf.random.stateless_uniform([self.num_results, 1], tf.stack([self.seed, index]))
        # A sum that equals the total by rounding is the last one that has any probability.
        place = tf.math.count_nonzero((until <= number * total) & (until < total), axis=-1, dtype=tf.int32)  # [B, W]
        return place if tokens is None else tf.gather(tokens, place[..., None], batch_dims=2)[..., 0]
