"""Which keys a query sees through a sliding window."""

import dataclasses

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_attn")
@dataclasses.dataclass(frozen=True)
class SlidingWindow:
    """Lets each query see the keys near it, every so many positions, and a few that everybody sees.

    With `d` the query's position minus the key's, a query sees a key when
    `-after * dilation <= d <= before * dilation` and `d` is a multiple of `dilation`. Besides, everybody sees the first
    `num_global` positions and these see everybody. A causal mask is a separate matter: both must allow a pair.

    Args:
        before: Number of keys seen before the query's own position.
        after: Number of keys seen after it.
        dilation: Distance between two neighbouring keys that are seen; 1 for no gaps.
        num_global: Number of positions at the start of the sequence that see and are seen by all.

    Raises:
        ValueError: If an argument is not an integer or too small.

    Example:
        >>> from keras_attn.ops.sliding_window import SlidingWindow
        >>> SlidingWindow(before=1).mask(3, 3).numpy().astype(int).tolist()
        [[1, 0, 0], [1, 1, 0], [0, 1, 1]]

    Reference:
        Beltagy et al. 2020, "Longformer: The Long-Document Transformer", section 3.1, figure 2; their window of size
        `w` is `before = after = w / 2`, their global positions are any, ours the first ones.
    """

    before: int
    after: int = 0
    dilation: int = 1
    num_global: int = 0

    def __post_init__(self):
        for name, least in (("before", 0), ("after", 0), ("dilation", 1), ("num_global", 0)):
            number = getattr(self, name)
            if not isinstance(number, int) or isinstance(number, bool) or number < least:
                raise ValueError(
                    f"`{name}` counts positions: pass an integer of at least {least}. Received: {name}={number!r}"
                )

    @property
    def reach(self):
        """How far back the window goes, in positions; at least 1."""
        return max(1, self.before * self.dilation)

    def mask(self, query_length, key_length, query_start=None):
        """Writes the window out as a mask of all pairs.

        Args:
            query_length: Number of queries T, a Python integer or an integer scalar tensor.
            key_length: Number of keys S, likewise.
            query_start: Position of the first query, an integer or an integer scalar tensor; `S - T` when None, so
                that the two sequences end together.

        Returns:
            Boolean tensor [T, S], True where the query sees the key.
        """
        if query_start is None:
            query_start = key_length - query_length
        query = (ops.arange(query_length, dtype="int32") + ops.cast(query_start, "int32"))[:, None]
        key = ops.arange(key_length, dtype="int32")[None, :]
        distance = query - key  # [T, S]
        seen = ops.logical_and(distance >= -self.after * self.dilation, distance <= self.before * self.dilation)
        if self.dilation > 1:
            seen = ops.logical_and(seen, ops.equal(distance % self.dilation, 0))
        if self.num_global:
            sees_all = ops.logical_and(query >= 0, query < self.num_global)
            seen = ops.logical_or(seen, ops.logical_or(sees_all, key < self.num_global))
        return seen

    def get_config(self):
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config):
        """Makes the window that `get_config` described.

        Args:
            config: Dict of the constructor's arguments.

        Returns:
            A `SlidingWindow`.
        """
        return cls(**config)
