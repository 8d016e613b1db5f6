import keras

from keras_attn import ops
from keras_attn.layers.layer import Layer, check_positive


@keras.saving.register_keras_serializable("keras_attn")
class AttentionPooling(Layer):
    """Sums a sequence into one vector, each step by how much it matters.

    `u_s = tanh(W x_s + b)`, `a = softmax_s(w . u_s)`, `y = sum_s a_s x_s`.

    Args:
        units: Width U of the comparison; the input's width when None.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [B, S, D].
        mask: Boolean [B, S], False at padding.
        return_attention_scores: Whether to return the weights too.

    Returns:
        Tensor [B, D]; with `return_attention_scores` also the weights a [B, S].

    Masking:
        Padding gets no weight; a sequence of padding alone gives zeros.

    Raises:
        ValueError: If `units` is not positive.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import AttentionPooling
        >>> tuple(AttentionPooling()(np.ones((2, 3, 8), "float32")).shape)
        (2, 8)

    Reference:
        Yang et al. 2016, "Hierarchical Attention Networks for Document Classification", equations 5 to 7: their u_w is
        our w.
    """

    def __init__(self, units=None, **kwargs):
        super().__init__(**kwargs)
        if units is not None:
            check_positive(units=units)
        self.units = units
        self.supports_masking = True

    def build(self, input_shape):
        units = self.units or input_shape[-1]
        self.hidden_dense = keras.layers.Dense(units, activation="tanh", dtype=self.dtype_policy, name="hidden")
        self.hidden_dense.build(input_shape)
        self.score_weights = self.add_weight((units,), "glorot_uniform", name="score_weights")

    def call(self, inputs, mask=None, return_attention_scores=False):
        scores = keras.ops.matmul(self.hidden_dense(inputs), self.score_weights[:, None])  # [B, S, 1]
        scores = keras.ops.transpose(scores, (0, 2, 1))  # [B, 1, S]
        mask = None if mask is None else keras.ops.cast(mask, "bool")[:, None]
        weights = keras.ops.cast(ops.masked_softmax(scores, mask), self.compute_dtype)
        output = keras.ops.squeeze(keras.ops.matmul(weights, inputs), 1)  # [B, D]
        return (output, keras.ops.squeeze(weights, 1)) if return_attention_scores else output

    def compute_mask(self, inputs, mask=None):
        return None
