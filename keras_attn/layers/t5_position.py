import functools

import keras

from keras_attn import ops
from keras_attn.layers.attention_position import AttentionPosition
from keras_attn.layers.layer import check_positive
from keras_attn.ops.score_bias import ScoreBias


@keras.saving.register_keras_serializable("keras_attn")
class T5Position(AttentionPosition):
    """A learned number for each head and group of distances; give it to an attention layer as its `position`.

    `score_ij = q_i . k_j / sqrt(H) + b_n[bucket(j - i)]`. Near distances have buckets of their own, far ones share
    buckets that grow geometrically, and from `max_distance` on all share the last: see `keras_attn.ops.t5_buckets`.

    Args:
        num_buckets: Number of buckets.
        max_distance: The distance from which on all are the same.
        bidirectional: Whether keys after the query have one half of the buckets. Otherwise they count as distance 0,
            for attention with a causal mask.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Raises:
        ValueError: If there are too few buckets, or `max_distance` is among the distances with a bucket each.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import MultiHeadAttention, T5Position
        >>> x = np.ones((2, 3, 8), "float32")
        >>> tuple(MultiHeadAttention(num_heads=2, key_dim=4, position=T5Position())(x, x).shape)
        (2, 3, 8)

    Reference:
        Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer",
        section 2.1. They leave out the division by `sqrt(H)`, and share the numbers among all layers: give the same
        object to each.
    """

    def __init__(self, num_buckets=32, max_distance=128, bidirectional=True, **kwargs):
        super().__init__(**kwargs)
        check_positive(num_buckets=num_buckets, max_distance=max_distance)
        nearest = keras.ops.zeros((1,), "int32")
        ops.t5_buckets(nearest, num_buckets, max_distance, bidirectional)  # refuses here what it would refuse later
        self.num_buckets = num_buckets
        self.max_distance = max_distance
        self.bidirectional = bidirectional

    def build(self, query_shape, value_dim=None):
        self.table = self.add_weight((self.num_buckets, query_shape[-2]), "random_normal", name="table")

    def score_bias(self):
        function = functools.partial(ops.t5_bias, max_distance=self.max_distance, bidirectional=self.bidirectional)
        return ScoreBias(function, (keras.ops.convert_to_tensor(self.table),))
