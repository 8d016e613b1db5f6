import keras

from keras_attn import ops
from keras_attn.layers.layer import check_positive, project_through
from keras_attn.layers.single_head_attention import SingleHeadAttention

_SCORES = ("dot", "general", "concat", "cosine")


@keras.saving.register_keras_serializable("keras_attn")
class LuongAttention(SingleHeadAttention):
    """Multiplicative attention: global attention with a score of one's choice.

    - `dot`: `score(q, k) = q . k`; both need the same width.
    - `general` (bilinear): `score(q, k) = q . (W k)`.
    - `concat`: `score(q, k) = w . tanh(W [q; k])`.
    - `cosine`: `score(q, k) = beta q . k / (|q| |k|)` with a learned sharpness beta; both need the same width.

    Args:
        score: "dot", "general", "concat" or "cosine".
        units: Width of the comparison for "concat"; the query's width when None.
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
        ValueError: If the score is unknown, widths that must agree differ, or a mask has a wrong rank.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import LuongAttention
        >>> query, value = np.ones((2, 3, 7), "float32"), np.ones((2, 5, 11), "float32")
        >>> tuple(LuongAttention("general")(query, value).shape)
        (2, 3, 11)

    Reference:
        Luong et al. 2015, "Effective Approaches to Attention-based Neural Machine Translation", equation 8: their h_t,
        h_s, v_a, W_a are our q, k, w, W. Cosine: Graves et al. 2014, "Neural Turing Machines", equations 5 and 6.
    """

    def __init__(self, score="general", units=None, dropout=0.0, seed=None, **kwargs):
        super().__init__(dropout, seed, **kwargs)
        if score not in _SCORES:
            raise ValueError(f"`score` must be one of {', '.join(map(repr, _SCORES))}. Received: score={score!r}")
        if units is not None:
            check_positive(units=units)
        self.score = score
        self.units = units

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = key_shape or value_shape
        if self.score in ("dot", "cosine") and query_shape[-1] != key_shape[-1]:
            raise ValueError(
                f"The score {self.score!r} needs queries and keys of the same width; use 'general', or project one. "
                f"Received: query.shape={tuple(query_shape)}, key.shape={tuple(key_shape)}"
            )
        units = self.units or query_shape[-1]
        if self.score == "general":
            self.key_dense = self._dense(query_shape[-1], "key", key_shape)
        elif self.score == "concat":  # W [q; k] is W_q q + W_k k
            self.query_dense = self._dense(units, "query", query_shape)
            self.key_dense = self._dense(units, "key", key_shape)
            self.score_weights = self.add_weight((units,), "glorot_uniform", name="score_weights")
        elif self.score == "cosine":
            self.sharpness = self.add_weight((), "ones", name="sharpness")

    def project_key(self, key):
        return project_through([self.key_dense], key)[0] if self.score in ("general", "concat") else key

    def compare(self, query, key):
        if self.score == "cosine":
            return ops.cosine_scores(query, key) * self.sharpness
        if self.score == "concat":
            (query,) = project_through([self.query_dense], query)
            return ops.additive_scores(query, key, self.score_weights)
        return ops.dot_scores(query, key)

    def _dense(self, units, name, input_shape):
        dense = keras.layers.Dense(units, use_bias=False, dtype=self.dtype_policy, name=name)
        dense.build(input_shape)
        return dense
