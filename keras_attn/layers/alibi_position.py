import keras

from keras_attn import ops
from keras_attn.layers.attention_position import AttentionPosition
from keras_attn.ops.score_bias import ScoreBias


@keras.saving.register_keras_serializable("keras_attn")
class AlibiPosition(AttentionPosition):
    """The further a key, the lower its score (linear biases); give it to an attention layer as its `position`.

    `score_ij = q_i . k_j / sqrt(H) - m_n |j - i|`, with slopes `m_n = 2^(-8 n / N)` for the heads n = 1 to N. Nothing
    is learned, and lengths beyond those of the training work.

    Args:
        **kwargs: Keras's own, such as `name` and `dtype`.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import AlibiPosition, MultiHeadAttention
        >>> x = np.ones((2, 3, 8), "float32")
        >>> tuple(MultiHeadAttention(num_heads=2, key_dim=4, position=AlibiPosition())(x, x).shape)
        (2, 3, 8)

    Reference:
        Press et al. 2022, "Train Short, Test Long: Attention with Linear Biases Enables Input Length Extrapolation",
        section 3: their m is our m_n. They attend to earlier keys alone; without a causal mask ours falls off on both
        sides. If N is no power of two the slopes are those of `keras_attn.ops.alibi_slopes`, as in their code.
    """

    def score_bias(self):
        return ScoreBias(ops.alibi_bias)
