"""Rules about which tokens a search may write.

Each is a plain object for `search(..., constraints=[...])`. What one does follows from what a hypothesis has written,
so nothing is kept that beams would have to reorder. Rules that forbid leave the log-probabilities of the other tokens
as they are: the score of a result is what the model says of it. The end may always come where no rule here says
otherwise; a hypothesis for which everything is forbidden ends and is no result.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from keras_attn.decoding.search import Constraint, SearchBounds, log_normalizer

_FORBIDDEN = -float("inf")
_NO_TOKEN = -1


@dataclass(frozen=True, eq=False)
class ForcedPrefix:
    """Begins every result of a row with given tokens. They count in its score as the model likes them.

    Args:
        ids: int32 `[B, P]`, padded with zeros, or `[1, P]` for all rows alike. Where a limit of the length is below
            P, the prefix is cut.
        others: constraints for what comes after the prefix; they see the prefix as written, but rule nothing in it.
            A constraint beside this one rules in the prefix as well.

    Example:
        >>> import tensorflow as tf
        >>> from keras_attn.decoding import ForcedPrefix, Greedy, search
        >>> def step(tokens, index, cache):
        ...     return tf.one_hot([2], 6), cache  # the end is always likeliest
        >>> rule = ForcedPrefix(tf.constant([[5, 4]]))
        >>> search(step, (), Greedy(), batch_size=1, max_length=4, constraints=[rule]).ids.numpy().tolist()
        [[[5, 4, 2, 0]]]
    """

    ids: Any
    others: Sequence[Constraint] = ()

    def start(self, bounds: SearchBounds) -> tuple:
        """Gives each row's prefix, and what the other constraints need.

        Args:
            bounds: the sizes and limits of the search.

        Returns:
            int32 `[B, P]`, and a list.
        """
        ids = tf.convert_to_tensor(self.ids, tf.int32)
        ids = tf.broadcast_to(ids, [bounds.batch_size, tf.shape(ids)[1]])
        return ids, [constraint.start(bounds) for constraint in self.others]

    def apply(self, bounds: SearchBounds, rows: Any, ids: tf.Tensor, index: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Forbids all but the prefix's token, as long as there is one.

        Args:
            bounds: the sizes and limits of the search.
            rows: what `start` gave.
            ids: int32 `[B, W, T]`, what is written.
            index: position of the next token, scalar int32.
            logits: float32 `[B, W, V]`.

        Returns:
            The logits.
        """
        prefix, other_rows = rows
        prefix = tf.pad(prefix, [[0, 0], [0, 1]])  # [B, P + 1]
        token = tf.gather(prefix, tf.minimum(index, tf.shape(prefix)[1] - 1), axis=1)[:, None, None]  # [B, 1, 1]
        forced = tf.where(tf.range(tf.shape(logits)[-1]) == token, logits, _FORBIDDEN)
        free = logits
        for constraint, own_rows in zip(self.others, other_rows, strict=True):
            free = constraint.apply(bounds, own_rows, ids, index, free)
        return tf.where(token > 0, forced, free)


class _Stateless:
    """A constraint that needs to know nothing of a row."""

    def start(self, bounds: SearchBounds) -> tuple:
        """Gives nothing: the rule is the same for all rows.

        Args:
            bounds: the sizes and limits of the search.

        Returns:
            An empty tuple.
        """
        return ()


@dataclass(frozen=True)
class MinLength(_Stateless):
    """Forbids the end before a number of tokens is written. A row's maximum length goes before it.

    Args:
        length: fewest tokens, the end not counted.

    Raises:
        ValueError: if `length` is negative.
    """

    length: int

    def __post_init__(self) -> None:
        if self.length < 0:
            raise ValueError(f"`length` must be 0 or more tokens. Received: length={self.length}")

    def apply(self, bounds: SearchBounds, rows: Any, ids: tf.Tensor, index: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Forbids the end while too little is written.

        Args:
            bounds: the sizes and limits of the search.
            rows: not used.
            ids: int32 `[B, W, T]`, what is written.
            index: position of the next token, scalar int32.
            logits: float32 `[B, W, V]`.

        Returns:
            The logits.
        """
        return tf.where(_is_end(bounds, logits) & (index < self.length), _FORBIDDEN, logits)


@dataclass(frozen=True)
class BannedPhrases(_Stateless):
    """Keeps phrases out of every result: the last token of one may not follow its others.

    It is the tokens that are banned. Where a text can be split in another way, it can still be written.

    Args:
        phrases: the token ids of each phrase, one or more.

    Raises:
        ValueError: if a phrase is empty or is padded.
    """

    phrases: Sequence[Sequence[int]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "phrases", _checked_phrases(self.phrases))

    def apply(self, bounds: SearchBounds, rows: Any, ids: tf.Tensor, index: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Forbids the tokens that would complete a phrase.

        Args:
            bounds: the sizes and limits of the search.
            rows: not used.
            ids: int32 `[B, W, T]`, what is written.
            index: position of the next token, scalar int32.
            logits: float32 `[B, W, V]`.

        Returns:
            The logits.

        Raises:
            ValueError: if a phrase holds an id that is not in the vocabulary.
        """
        _check_ids(self.phrases, logits)
        begun = [_ends_with(ids, index, phrase[:-1]) for phrase in self.phrases]
        last = [tf.fill(tf.shape(ids)[:2], phrase[-1]) for phrase in self.phrases]
        return tf.where(_marked(tf.stack(last, -1), tf.stack(begun, -1), logits), _FORBIDDEN, logits)


@dataclass(frozen=True)
class NoRepeatNgrams(_Stateless):
    """Keeps every result free of repeated n-grams: no n tokens in a row come twice.

    Args:
        size: n, the length of what may not be repeated; 1 allows each token once.

    Raises:
        ValueError: if `size` is below 1.

    Reference:
        Paulus, Xiong, Socher 2017, "A deep reinforced model for abstractive summarization", section 2.5.
    """

    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"`size` must be at least 1 token; 3 is usual. Received: size={self.size}")

    def apply(self, bounds: SearchBounds, rows: Any, ids: tf.Tensor, index: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Forbids what followed the last n - 1 tokens where they stood before.

        Args:
            bounds: the sizes and limits of the search.
            rows: not used.
            ids: int32 `[B, W, T]`, what is written.
            index: position of the next token, scalar int32.
            logits: float32 `[B, W, V]`.

        Returns:
            The logits.
        """
        place = tf.range(tf.shape(ids)[-1])
        follows = tf.broadcast_to((place >= self.size - 1) & (place < index), tf.shape(ids))  # [B, W, T]
        for back in range(1, self.size):
            last = tf.gather(ids, tf.maximum(index - back, 0), axis=2)  # [B, W]
            follows &= _shifted(ids, back) == last[..., None]
        return tf.where(_marked(ids, follows, logits), _FORBIDDEN, logits)


@dataclass(frozen=True)
class RepetitionPenalty(_Stateless):
    """Makes tokens less likely that are written already: logits above 0 are divided by the factor, others multiplied.

    The probability taken from them goes to the other tokens, and scores count with these probabilities.

    Args:
        factor: theta, at least 1; 1.2 is usual.

    Raises:
        ValueError: if `factor` is below 1.

    Reference:
        Keskar et al. 2019, "CTRL", section 4.1. There each logit is divided, which makes negative ones likelier.
    """

    factor: float

    def __post_init__(self) -> None:
        if not 1 <= self.factor < float("inf"):
            raise ValueError(f"`factor` must be at least 1 (no penalty); 1.2 is usual. Received: factor={self.factor}")

    def apply(self, bounds: SearchBounds, rows: Any, ids: tf.Tensor, index: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Lowers the logits of what is written.

        Args:
            bounds: the sizes and limits of the search.
            rows: not used.
            ids: int32 `[B, W, T]`, what is written.
            index: position of the next token, scalar int32.
            logits: float32 `[B, W, V]`.

        Returns:
            The logits, with the sum of their exponentials as it was.
        """
        is_written = tf.broadcast_to(tf.range(tf.shape(ids)[-1]) < index, tf.shape(ids))
        lower = tf.where(logits > 0, logits / self.factor, logits * self.factor)
        lower = tf.where(_marked(ids, is_written, logits), lower, logits)
        return lower + (log_normalizer(logits) - log_normalizer(lower))


@dataclass(frozen=True)
class RequiredPhrases(_Stateless):
    """Has every result contain each of the phrases, wherever the model likes them best.

    As long as a phrase is missing

    - the end is forbidden;
    - a phrase that is begun goes on: after its first tokens only the next one is allowed. (Of several, the one of
      which most is written.)
    - where the end would be the likeliest token, and where only as many steps are left as the missing phrases need,
      only the first tokens of missing phrases are allowed. In a beam the hypotheses are `rivals`: where the best one
      would end, each that misses a phrase has to begin one. Otherwise those would win that put it off by writing on.

    Guaranteed: each result has all the phrases, if a row's maximum length is at least the sum of their lengths, and
    no other rule forbids one of their tokens. Otherwise there may be results without them, or none. Not guaranteed:
    that they stand where they read well, or apart from each other (one may begin in the end of another), and that the
    text goes on after them where the maximum length is short.

    Args:
        phrases: the token ids of each phrase, one or more, without the end.
        rivals: whether the hypotheses of a row stand in their order, best first, as those of `Beam`; False for samples.

    Raises:
        ValueError: if a phrase is empty or is padded.
    """

    phrases: Sequence[Sequence[int]]
    rivals: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "phrases", _checked_phrases(self.phrases))

    def apply(self, bounds: SearchBounds, rows: Any, ids: tf.Tensor, index: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Forbids the end and, where a phrase has to go on or begin, all but its next token.

        Args:
            bounds: the sizes and limits of the search.
            rows: not used.
            ids: int32 `[B, W, T]`, what is written.
            index: position of the next token, scalar int32.
            logits: float32 `[B, W, V]`.

        Returns:
            The logits.

        Raises:
            ValueError: if a phrase holds the end id, or one that is not in the vocabulary.
        """
        _check_ids(self.phrases, logits)
        if any(bounds.end_id in phrase for phrase in self.phrases):
            raise ValueError(
                f"`phrases` must come before the end: leave out the end id, {bounds.end_id}. "
                f"Received: phrases={self.phrases}"
            )
        missing = tf.stack([~_contains(ids, index, phrase) for phrase in self.phrases], -1)  # [B, W, K]
        progress = tf.stack([_progress(ids, index, phrase) for phrase in self.phrases], -1) * tf.cast(missing, tf.int32)
        most = tf.reduce_max(progress, -1, keepdims=True)  # [B, W, 1]
        lengths = tf.constant([len(phrase) for phrase in self.phrases])
        needed = tf.reduce_sum(lengths * tf.cast(missing, tf.int32), -1) - most[..., 0]  # [B, W]
        next_tokens = [tf.gather(phrase, progress[..., k]) for k, phrase in enumerate(self.phrases)]
        is_next = _marked(tf.stack(next_tokens, -1), missing & (progress == most), logits)  # [B, W, V]

        would_end = tf.argmax(logits, -1, tf.int32) == bounds.end_id  # [B, W]
        would_end |= would_end[:, :1] & self.rivals
        left = bounds.max_lengths[:, None] - index  # [B, 1]
        any_missing = tf.reduce_any(missing, -1)
        forced = any_missing & ((most[..., 0] > 0) | would_end | (left <= needed))
        forbidden = (forced[..., None] & ~is_next) | (any_missing[..., None] & _is_end(bounds, logits))
        return tf.where(forbidden, _FORBIDDEN, logits)


def _checked_phrases(phrases: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    phrases = tuple(tuple(int(token) for token in phrase) for phrase in phrases)
    if not phrases or not all(phrases) or min(map(min, phrases)) < 0 or any(0 in p and len(p) > 1 for p in phrases):
        raise ValueError(
            "`phrases` must be one or more lists of token ids, each with at least one id, and without padding (0). "
            f"Received: phrases={phrases}"
        )
    return phrases


def _check_ids(phrases: tuple, logits: tf.Tensor) -> None:
    size, largest = logits.shape[-1], max(map(max, phrases))
    if size is not None and largest >= size:
        raise ValueError(
            f"`phrases` must hold ids of the vocabulary, below {size}: tokenize them with the model's tokenizer. "
            f"Received: id={largest}"
        )


def _is_end(bounds: SearchBounds, logits: tf.Tensor) -> tf.Tensor:
    return tf.range(tf.shape(logits)[-1]) == bounds.end_id  # [V]


def _shifted(ids: tf.Tensor, back: int) -> tf.Tensor:
    """At each place of `[B, W, T]` what stands `back` places before."""
    padded = tf.pad(ids, [[0, 0], [0, 0], [back, 0]], constant_values=_NO_TOKEN)
    return padded[:, :, : tf.shape(ids)[-1]]


def _ends_with(ids: tf.Tensor, index: tf.Tensor, phrase: Sequence[int]) -> tf.Tensor:
    """Whether the last tokens written are these, boolean [B, W]."""
    found = tf.fill(tf.shape(ids)[:2], index >= len(phrase))
    for back, token in enumerate(reversed(phrase), start=1):
        found &= tf.gather(ids, tf.maximum(index - back, 0), axis=2) == token
    return found


def _contains(ids: tf.Tensor, index: tf.Tensor, phrase: Sequence[int]) -> tf.Tensor:
    """Whether these tokens stand anywhere in what is written, boolean [B, W]."""
    found = tf.broadcast_to(tf.range(tf.shape(ids)[-1]) < index, tf.shape(ids))
    for back, token in enumerate(reversed(phrase)):
        found &= _shifted(ids, back) == token
    return tf.reduce_any(found, -1)


def _progress(ids: tf.Tensor, index: tf.Tensor, phrase: Sequence[int]) -> tf.Tensor:
    """How many tokens of the phrase, not all, the end of what is written begins it with, int32 [B, W]."""
    begun = tf.zeros(tf.shape(ids)[:2], tf.int32)
    for count in range(1, len(phrase)):
        begun = tf.where(_ends_with(ids, index, phrase[:count]), count, begun)
    return begun


def _marked(tokens: tf.Tensor, chosen: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Boolean [B, W, V]: the tokens [B, W, N] where they are chosen, boolean [B, W, N]."""
    shape = tf.shape(logits)
    first = tf.range(shape[0] * shape[1])[:, None] * shape[2]  # of each hypothesis
    places = first + tf.reshape(tokens, [shape[0] * shape[1], -1])
    counts = tf.scatter_nd(
        tf.reshape(places, [-1, 1]), tf.reshape(tf.cast(chosen, tf.int32), [-1]), [tf.reduce_prod(shape)]
    )
    return tf.reshape(counts, shape) > 0
