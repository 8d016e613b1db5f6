import keras

from keras_attn import ops
from keras_attn.layers.layer import Layer, check_rate


class SingleHeadAttention(Layer):
    """Base of the classic mechanisms: scores over all pairs, a softmax, and the weighted sum of the values.

    `output[t] = sum_s softmax_s(score(query[t], key[s])) value[s]`. A subclass makes its weights in `build`, gives
    `compare(query, key)`, and in `project_key` what that needs of the keys alone, which a loop does once.

    Args:
        dropout: Share of the attention probabilities set to zero in training.
        seed: Seed of the dropout.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        query: Float tensor [B, T, D].
        value: Float tensor [B, S, D'], summed as it is.
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
    """

    def __init__(self, dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        check_rate(dropout=dropout)
        self.dropout = dropout
        self.seed = seed
        self.supports_masking = True
        self.seed_generator = keras.random.SeedGenerator(seed) if dropout > 0 else None

    def build(self, query_shape, value_shape, key_shape=None):
        pass

    def project_key(self, key):
        """Does the part of the comparison that needs the keys alone.

        Args:
            key: Float tensor [B, S, D''].

        Returns:
            Tensor [B, S, U], as `compare` takes it; the keys themselves where there is no such part.
        """
        return key

    def compare(self, query, key):
        """Compares every query with every key.

        Args:
            query: Float tensor [B, T, D].
            key: Tensor [B, S, U] from `project_key`.

        Returns:
            Tensor [B, T, S].
        """
        raise NotImplementedError(f"{type(self).__name__} must define `compare(query, key)`.")

    def scores(self, query, key):
        """Scores every pair of a query and a key.

        Args:
            query: Float tensor [B, T, D].
            key: Float tensor [B, S, D''].

        Returns:
            Tensor [B, T, S].
        """
        return self.compare(query, self.project_key(key))

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        if attention_mask is not None and len(attention_mask.shape) > 3:
            raise ValueError(
                "There is one head only: `attention_mask` must be [T, S] or [B, T, S]. "
                f"Received: attention_mask.shape={tuple(attention_mask.shape)}"
            )
        masks = ops.expand_masks(query_mask, value_mask, key_mask, attention_mask)
        scores = self.scores(query, value if key is None else key)  # [B, T, S]
        if use_causal_mask:
            masks.append(ops.causal_mask(*keras.ops.shape(scores)[1:])[None, None])
        mask = ops.combine_masks([mask[:, 0] for mask in masks])
        probabilities = keras.ops.cast(ops.masked_softmax(scores, mask), self.compute_dtype)
        weights = probabilities
        if training and self.dropout > 0:
            weights = keras.random.dropout(weights, self.dropout, seed=self.seed_generator)
        output = keras.ops.matmul(weights, value)  # [B, T, D']
        return (output, probabilities) if return_attention_scores else output
