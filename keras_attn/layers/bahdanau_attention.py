import keras

from keras_attn import ops
from keras_attn.layers.layer import check_positive, project_through
from keras_attn.layers.single_head_attention import SingleHeadAttention


@keras.saving.register_keras_serializable("keras_attn")
class BahdanauAttention(SingleHeadAttention):
    """Additive attention, with both projections of the paper.

    `score(q, k) = w . tanh(W q + U k + b)`; the values are summed by the softmax of the scores over the keys.

    Args:
        units: Width U of the comparison.
        use_bias: Whether the comparison has the bias b.
        dropout: Share of the attention probabilities set to zero in training.
        seed: Seed of the dropout.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        query: Float tensor [B, T, D], such as the decoder's states.
        value: Float tensor [B, S, D'], such as the encoder's states; summed as it is.
        key: Float tensor [B, S, D'']; `value` when None.
        query_mask: Boolean [B, T], False at padding.
        value_mask: Boolean [B, S], False at padding.
        key_mask: Boolean [B, S], False at padding.
        attention_mask: Boolean [T, S] or [B, T, S].
        return_attention_scores: Whether to return the attention probabilities too.
        training: Whether dropout is on.
        use_causal_mask: Whether queries see only what comes before them and themselves (right-aligned).

    Returns:
        Tensor [B, T, D']; with `return_attention_scores` also the probabilities [B, T, S].

    Masking:
        True = may attend. A query that may attend to nothing gives zeros.

    Raises:
        ValueError: If an argument is out of range or a mask has a wrong rank.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import BahdanauAttention
        >>> query, value = np.ones((2, 3, 7), "float32"), np.ones((2, 5, 11), "float32")
        >>> output, scores = BahdanauAttention(units=13)(query, value, return_attention_scores=True)
        >>> tuple(output.shape), tuple(scores.shape)
        ((2, 3, 11), (2, 3, 5))

    Reference:
        Bahdanau et al. 2015, "Neural Machine Translation by Jointly Learning to Align and Translate", appendix A.1.2:
        their s, h, v_a, W_a, U_a are our q, k, w, W, U. The bias is not in the paper; `use_bias=False` leaves it out.
    """

    def __init__(self, units, use_bias=True, dropout=0.0, seed=None, **kwargs):
        super().__init__(dropout, seed, **kwargs)
        check_positive(units=units)
        self.units = units
        self.use_bias = use_bias

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = key_shape or value_shape
        self.query_dense = keras.layers.Dense(self.units, use_bias=False, dtype=self.dtype_policy, name="query")
        self.query_dense.build(query_shape)
        self.key_dense = keras.layers.Dense(self.units, use_bias=self.use_bias, dtype=self.dtype_policy, name="key")
        self.key_dense.build(key_shape)
        self.score_weights = self.add_weight((self.units,), "glorot_uniform", name="score_weights")

    def project_key(self, key):
        return project_through([self.key_dense], key)[0]

    def compare(self, query, key):
        (query,) = project_through([self.query_dense], query)
        return ops.additive_scores(query, key, self.score_weights)
