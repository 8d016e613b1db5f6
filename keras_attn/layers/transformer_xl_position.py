import keras

from keras_attn import ops
from keras_attn.layers.attention_position import AttentionPosition
from keras_attn.ops.score_bias import ScoreBias


@keras.saving.register_keras_serializable("keras_attn")
class TransformerXLPosition(AttentionPosition):
    """Scores of content and of distance, each with its own bias; give it to an attention layer as its `position`.

    `score_ij = ((q_i + u_n) . k_j + (q_i + v_n) . (W_n R[i - j])) / sqrt(H)`, where R[d] holds N*H sines and cosines of
    the distance d, and W, u and v are learned. Any length works.

    Args:
        **kwargs: Keras's own, such as `name` and `dtype`.

    Raises:
        ValueError: If N*H is odd.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import MultiHeadAttention, TransformerXLPosition
        >>> x = np.ones((2, 3, 8), "float32")
        >>> tuple(MultiHeadAttention(num_heads=2, key_dim=4, position=TransformerXLPosition())(x, x).shape)
        (2, 3, 8)

    Reference:
        Dai et al. 2019, "Transformer-XL: Attentive Language Models beyond a Fixed-Length Context", section 3.3: their
        W_{k,R}, u, v, R_{i-j} are our W, u, v, R[i - j], and N*H is their d. Ours has sine and cosine as neighbours in
        R, which is the same up to the order of W's rows.
    """

    def build(self, query_shape, value_dim=None):
        heads = tuple(query_shape[-2:])
        size = heads[0] * heads[1]
        if size % 2:
            raise ValueError(
                "Sines and cosines come in pairs: the number of heads times their size must be even. "
                f"Received: num_heads={heads[0]}, key_dim={heads[1]}"
            )
        self.kernel = self.add_weight((size, *heads), "glorot_uniform", name="kernel")
        self.content_bias = self.add_weight(heads, "zeros", name="content_bias")
        self.distance_bias = self.add_weight(heads, "zeros", name="distance_bias")

    def encode_query(self, query, start=0):
        return query + keras.ops.cast(self.content_bias, query.dtype)

    def score_bias(self):
        shift = self.distance_bias - self.content_bias  # the query comes with the content's bias in it
        return ScoreBias(ops.transformer_xl_bias, (shift, keras.ops.convert_to_tensor(self.kernel)))
