import keras

from keras_attn import ops
from keras_attn.layers.attention_position import AttentionPosition
from keras_attn.layers.layer import check_positive
from keras_attn.ops.score_bias import ScoreBias


@keras.saving.register_keras_serializable("keras_attn")
class ShawPosition(AttentionPosition):
    """A learned vector for each distance, added to keys and values; give it to an attention layer as its `position`.

    `score_ij = q_i . (k_j + a^K[c]) / sqrt(H)` and `z_i = sum_j p_ij (v_j + a^V[c])`, with the clipped distance
    `c = max(-k, min(k, j - i))`. The heads share the vectors.

    Args:
        max_distance: The distance k from which on all are the same.
        use_values: Whether the values have vectors too.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Raises:
        ValueError: If `max_distance` is not positive.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import MultiHeadAttention, ShawPosition
        >>> x = np.ones((2, 3, 8), "float32")
        >>> position = ShawPosition(max_distance=16)
        >>> tuple(MultiHeadAttention(num_heads=2, key_dim=4, position=position)(x, x).shape)
        (2, 3, 8)

    Reference:
        Shaw et al. 2018, "Self-Attention with Relative Position Representations", equations 3 and 4: their a^K, a^V, k,
        alpha, d_z are our a^K, a^V, k, p, H. They found a^V to matter little beside a^K (section 4.3).
    """

    def __init__(self, max_distance, use_values=True, **kwargs):
        super().__init__(**kwargs)
        check_positive(max_distance=max_distance)
        self.max_distance = max_distance
        self.use_values = use_values

    def build(self, query_shape, value_dim=None):
        rows, key_dim = 2 * self.max_distance + 1, query_shape[-1]
        self.key_table = self.add_weight((rows, key_dim), "glorot_uniform", name="key_table")
        if self.use_values:
            self.value_table = self.add_weight((rows, value_dim or key_dim), "glorot_uniform", name="value_table")

    def score_bias(self):
        return ScoreBias(ops.shaw_bias, (keras.ops.convert_to_tensor(self.key_table),))

    def value_bias(self):
        return ScoreBias(ops.shaw_values, (keras.ops.convert_to_tensor(self.value_table),)) if self.use_values else None
