"""Strategies for `search`: plain objects that hold the rule for one advance."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import tensorflow as tf

from keras_attn.decoding.search import SearchBounds, log_normalizer


class _GreedyState(NamedTuple):
    ids: tf.Tensor  # int32 [B, 1, T]
    score: tf.Tensor  # float32 [B], sum of log-probabilities
    length: tf.Tensor  # int32 [B], tokens written so far
    done: tf.Tensor  # bool [B]


@dataclass(frozen=True)
class Greedy:
    """Takes the likeliest token at each step; among equals the one with the lowest id.

    The search of one hypothesis a row that is never reordered: no cache is ever gathered.

    Args:
        length_penalty: power of the length in the score, `log p / ((5 + length) / 6) ** length_penalty`, at least 0;
            "average" divides by the length. It changes the score that is reported, not the ids.

    Raises:
        ValueError: if `length_penalty` is negative or no number.

    Example:
        >>> from keras_attn.decoding import Greedy
        >>> Greedy()
        Greedy(length_penalty=1.0)

    Reference:
        Wu et al. 2016, "Google's Neural Machine Translation System", equation 14 (`length_penalty` is alpha).
    """

    length_penalty: float | Literal["average"] = 1.0

    def __post_init__(self) -> None:
        check_length_penalty(self.length_penalty)

    def start(self, bounds: SearchBounds) -> _GreedyState:
        """Gives the state before the first step: nothing written.

        Args:
            bounds: the sizes and limits of the search.

        Returns:
            The state.
        """
        rows = [bounds.batch_size]
        return _GreedyState(
            ids=tf.zeros([*rows, 1, bounds.buffer_length], tf.int32),
            score=tf.zeros(rows),
            length=tf.zeros(rows, tf.int32),
            done=tf.zeros(rows, tf.bool),
        )

    def advance(
        self,
        bounds: SearchBounds,
        state: _GreedyState,
        logits: tf.Tensor,
        normalizer: tf.Tensor | None,
        index: tf.Tensor,
    ) -> tuple[_GreedyState, tf.Tensor, None]:
        """Appends the likeliest token to each row that is not done.

        Args:
            bounds: the sizes and limits of the search.
            state: the state so far.
            logits: float32 `[B, 1, V]`.
            normalizer: float32 `[B, 1, 1]`, to be subtracted from the logits, or None: see `Strategy`.
            index: position of the new token, scalar int32.

        Returns:
            The new state, the tokens `[B]`, and None: nothing is to be reordered.
        """
        logits = logits[:, 0]  # [B, V]
        tokens = tf.argmax(logits, axis=-1, output_type=tf.int32)  # the first of equals
        if normalizer is None:  # a softmax takes a third of the time of a sum of exponentials
            log_prob = tf.math.log(tf.reduce_max(tf.nn.softmax(logits), axis=-1))  # [B]
            log_prob = tf.where(tf.math.is_nan(log_prob), -float("inf"), log_prob)  # every token is forbidden
        else:
            log_prob = tf.reduce_max(logits, axis=-1) - normalizer[:, 0, 0]
        tokens = tf.where(state.done, 0, tokens)
        after = _GreedyState(
            ids=write(state.ids, tokens[:, None], index),
            score=tf.where(state.done, state.score, state.score + log_prob),
            length=tf.where(state.done, state.length, index + 1),
            done=state.done | (tokens == bounds.end_id) | (index + 1 >= bounds.max_lengths) | tf.math.is_inf(log_prob),
        )
        return after, tokens, None

    def result(self, bounds: SearchBounds, state: _GreedyState) -> tuple[tf.Tensor, tf.Tensor]:
        """Gives the one hypothesis of each row.

        Args:
            bounds: the sizes and limits of the search.
            state: the state after the last step.

        Returns:
            ids `[B, 1, T]` and scores `[B, 1]`.
        """
        scores = state.score / length_factor(state.length, self.length_penalty)
        return tf.where(tf.math.is_inf(scores)[:, None, None], 0, state.ids), scores[:, None]


class _BeamState(NamedTuple):
    ids: tf.Tensor  # int32 [B, W, T], live hypotheses: 1 at first, `size` as soon as there are so many
    scores: tf.Tensor  # float32 [B, W], their sums of log-probabilities, best first; -inf: an empty place
    pool_ids: tf.Tensor  # int32 [B, size, T], finished hypotheses
    pool_scores: tf.Tensor  # float32 [B, size], normalised, best first; -inf: an empty place
    done: tf.Tensor  # bool [B]


@dataclass(frozen=True)
class Beam:
    """Keeps the `size` best unfinished hypotheses of a row, and apart from them the `size` best finished ones.

    Each step looks at the best `2 * size` continuations. At most `size` of these end, so `size` live ones are always
    left. Those that end enter the finished pool with their normalised score. A row is done

    - when no live hypothesis can still come among the `num_results` best of the pool: log-probabilities only fall, so
      what a live hypothesis can reach is bounded by its present sum, divided by the length factor of the row's
      maximum length. Stopping there never changes the result;
    - or at the row's maximum length. Live hypotheses are then cut, and enter the pool like those that ended;
    - or, unless `exact`, when `size` hypotheses have ended. Those that end then have to be among the best `size` of
      the continuations to count, or many that are poor would end the search too early.

    Ties go to the hypothesis that finished first, then to the lower beam, then to the lower token id. With `size=1`
    this is not greedy search: a hypothesis that ends as the second-best continuation is kept, and the live one goes
    on after an end that was the best. Its score is never below the greedy one.

    Args:
        size: number of live hypotheses W, and of finished ones kept.
        length_penalty: power of the length in the score, `log p / ((5 + length) / 6) ** length_penalty`, where the
            length counts the end id; at least 0. Larger values favour longer results. "average" is the mean
            log-probability of a token, `log p / length`.
        num_results: number of results R a row, at most `size`.
        exact: whether to go on until no live hypothesis can win any more, which takes up to twice as many steps.

    Raises:
        ValueError: if `size` is below 1, `num_results` not from 1 to `size`, or `length_penalty` negative.

    Example:
        >>> from keras_attn.decoding import Beam
        >>> Beam(size=5, num_results=2)
        Beam(size=5, length_penalty=1.0, num_results=2, exact=True)

    Reference:
        Wu et al. 2016, "Google's Neural Machine Translation System", section 7 and equation 14 (`length_penalty` is
        alpha); without its coverage penalty and its pruning.
    """

    size: int = 4
    length_penalty: float | Literal["average"] = 1.0
    num_results: int = 1
    exact: bool = True

    def __post_init__(self) -> None:
        check_length_penalty(self.length_penalty)
        if self.size < 1:
            raise ValueError(f"`size` must be at least 1 hypothesis. Received: size={self.size}")
        if not 1 <= self.num_results <= self.size:
            raise ValueError(
                f"`num_results` must be from 1 to `size`, here {self.size}: ask for fewer results or search with a "
                f"larger beam. Received: num_results={self.num_results}"
            )

    def start(self, bounds: SearchBounds) -> _BeamState:
        """Gives the state before the first step: one empty live hypothesis a row, and an empty pool.

        Args:
            bounds: the sizes and limits of the search.

        Returns:
            The state.
        """
        rows, length = bounds.batch_size, bounds.buffer_length
        return _BeamState(
            ids=tf.zeros([rows, 1, length], tf.int32),
            scores=tf.zeros([rows, 1]),
            pool_ids=tf.zeros([rows, self.size, length], tf.int32),
            pool_scores=tf.fill([rows, self.size], -float("inf")),
            done=tf.zeros([rows], tf.bool),
        )

    def advance(
        self, bounds: SearchBounds, state: _BeamState, logits: tf.Tensor, normalizer: tf.Tensor | None, index: tf.Tensor
    ) -> tuple[_BeamState, tf.Tensor, tf.Tensor]:
        """Continues the live hypotheses by one token and moves those that end to the pool.

        Args:
            bounds: the sizes and limits of the search.
            state: the state so far.
            logits: float32 `[B, W, V]`.
            normalizer: float32 `[B, W, 1]`, to be subtracted from the logits, or None: see `Strategy`.
            index: position of the new tokens, scalar int32.

        Returns:
            The new state, and for each live hypothesis its last token and its parent, both `[B*W]`.
        """
        scores, beams, tokens = self._candidates(state.scores, logits, normalizer)  # [B, C] each
        ids = write(tf.gather(state.ids, beams, batch_dims=1), tokens, index)  # [B, C, T]
        ended = tokens == bounds.end_id
        at_limit = index + 1 >= bounds.max_lengths  # [B]
        counted = ended if self.exact else ended & (tf.range(tf.shape(ended)[1]) < self.size)
        entering = (counted | at_limit[:, None]) & ~state.done[:, None]  # [B, C]
        pool_ids, pool_scores = self._finish(state, ids, tf.where(entering, scores, -float("inf")), index + 1)

        width = tf.minimum(self.size, tf.shape(scores)[1])
        scores, chosen = tf.math.top_k(tf.where(ended, -float("inf"), scores), width)  # [B, W]
        reachable = scores[:, 0] / length_factor(bounds.max_lengths, self.length_penalty)  # [B]
        is_over = reachable <= pool_scores[:, self.num_results - 1]
        if not self.exact:
            is_over |= pool_scores[:, self.size - 1] > -float("inf")
        after = _BeamState(
            ids=tf.gather(ids, chosen, batch_dims=1),
            scores=scores,
            pool_ids=pool_ids,
            pool_scores=pool_scores,
            done=state.done | at_limit | is_over,
        )
        old_width = tf.shape(logits)[1]
        parents = tf.gather(beams, chosen, batch_dims=1) + old_width * tf.range(bounds.batch_size)[:, None]
        tokens = tf.gather(tokens, chosen, batch_dims=1)
        return after, tf.reshape(tokens, [-1]), tf.reshape(parents, [-1])

    def result(self, bounds: SearchBounds, state: _BeamState) -> tuple[tf.Tensor, tf.Tensor]:
        """Gives the best finished hypotheses of each row.

        Args:
            bounds: the sizes and limits of the search.
            state: the state after the last step.

        Returns:
            ids `[B, R, T]` and scores `[B, R]`.
        """
        return state.pool_ids[:, : self.num_results], state.pool_scores[:, : self.num_results]

    def _candidates(
        self, scores: tf.Tensor, logits: tf.Tensor, normalizer: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Gives the best C continuations of each row, 2 `size` if there are so many: sums, beams and tokens `[B, C]`.

        Within a hypothesis the logits have the order of the sums, so its best are found without writing out
        log-probabilities `[B, W, V]`.
        """
        best, tokens = _top(logits, 2 * self.size)  # [B, W, C']
        normalizer = log_normalizer(logits, best[..., :1]) if normalizer is None else normalizer
        sums = scores[..., None] + (best - normalizer)
        width, per_beam = tf.shape(best)[1], tf.shape(best)[2]
        flat = [-1, width * per_beam]
        sums, places = tf.math.top_k(tf.reshape(sums, flat), tf.minimum(2 * self.size, flat[1]))  # [B, C]
        return sums, places // per_beam, tf.gather(tf.reshape(tokens, flat), places, batch_dims=1)

    def _finish(
        self, state: _BeamState, ids: tf.Tensor, scores: tf.Tensor, length: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Gives the pool with the candidates of this length in it: the best W of both.

        A candidate of `-inf` stays out: `top_k` takes the lower index among equals, so the empty places go first.
        """
        scores = tf.concat([state.pool_scores, scores / length_factor(length, self.length_penalty)], axis=1)
        pool_scores, places = tf.math.top_k(scores, self.size)  # [B, W]
        return tf.gather(tf.concat([state.pool_ids, ids], axis=1), places, batch_dims=1), pool_scores


def check_length_penalty(length_penalty: float | str) -> None:
    """Checks what strategies normalise by.

    Args:
        length_penalty: "average", or a number of at least 0.

    Raises:
        ValueError: if it is neither.
    """
    if length_penalty != "average" and (isinstance(length_penalty, str) or not length_penalty >= 0):
        raise ValueError(
            "`length_penalty` must be 0 (no normalisation) or more, 1.0 is usual, or 'average'. "
            f"Received: length_penalty={length_penalty!r}"
        )


def length_factor(length: tf.Tensor, length_penalty: float | str) -> tf.Tensor:
    """Gives what a sum of log-probabilities is divided by.

    Args:
        length: int32 of any shape, tokens counted with the end id.
        length_penalty: "average", or a number of at least 0.

    Returns:
        float32 of that shape: the length (1 at least), or `((5 + length) / 6) ** length_penalty`.
    """
    length = tf.cast(length, tf.float32)
    return tf.maximum(length, 1.0) if length_penalty == "average" else ((5.0 + length) / 6.0) ** length_penalty


def _top(logits: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """`top_k` of float32 `[B, W, V]`: numbers and ids `[B, W, C]`, C at most V; faster where V is large.

    The best C lie in the C groups of ids with the best maxima; the rest is never looked at twice. Among equals the
    lowest group comes first, and the lowest id in it, as with `top_k`.
    """
    vocabulary_size = logits.shape[-1]
    if vocabulary_size is None or vocabulary_size < 96 * count:
        return tf.math.top_k(logits, tf.minimum(count, tf.shape(logits)[-1]))
    size = next((size for size in range(96, 47, -1) if vocabulary_size % size == 0), 64)
    whole = vocabulary_size - vocabulary_size % size
    shape = tf.shape(logits)[:2]
    groups = tf.reshape(logits[..., :whole], [shape[0], shape[1], whole // size, size])
    chosen = tf.sort(tf.math.top_k(tf.reduce_max(groups, axis=-1), count)[1], axis=-1)  # [B, W, C]
    few = tf.reshape(tf.gather(groups, chosen, batch_dims=2), [shape[0], shape[1], count * size])
    best, places = tf.math.top_k(tf.concat([few, logits[..., whole:]], axis=-1), count)
    in_group = size * tf.gather(chosen, tf.minimum(places // size, count - 1), batch_dims=2) + places % size
    return best, tf.where(places < count * size, in_group, places - count * size + whole)


def write(ids: tf.Tensor, tokens: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """Puts tokens into their place.

    Args:
        ids: int32 `[..., T]`.
        tokens: int32 `[...]`.
        index: position, scalar int32.

    Returns:
        `ids` with the tokens at that position.
    """
    return tf.where(tf.range(tf.shape(ids)[-1]) == index, tokens[..., None], ids)
