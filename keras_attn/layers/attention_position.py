from keras_attn.layers.layer import Layer


class AttentionPosition(Layer):
    """What an attention layer asks of its `position`: four hooks, each of which does nothing here.

    `score_ij = encode_query(q_i) . encode_key(k_j) / sqrt(H) + score_bias_ij`, and the attention's output for query i
    is `sum_j p_ij v_j + value_bias_i`. A scheme of one's own overrides the hooks that it needs, and `build` if it has
    weights. One object given to several attention layers shares its weights among them.

    Args:
        **kwargs: Keras's own, such as `name` and `dtype`.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)

    def build(self, query_shape, value_dim=None):
        """Makes the weights; the attention layer calls it from its own `build`.

        Args:
            query_shape: Shape of the projected queries, (B, T, N, H).
            value_dim: Size V of each head's values; H when None.
        """

    def get_build_config(self):
        return None  # the attention layer builds its position again; made twice, the weights would be there twice

    def encode_query(self, query, start=0):
        """Changes the queries by their positions.

        Args:
            query: Float tensor [B, T, N, H], projected, not yet divided by `sqrt(H)`.
            start: Position of the first query, an integer or an integer scalar tensor.

        Returns:
            Tensor [B, T, N, H].
        """
        return query

    def encode_key(self, key, start=0):
        """Changes the keys by their positions, before they go into a cache.

        Args:
            key: Float tensor [B, T, N, H], projected.
            start: Position of the first key, an integer or an integer scalar tensor.

        Returns:
            Tensor [B, T, N, H].
        """
        return key

    def score_bias(self):
        """What is added to the scores for the distance between query and key.

        Returns:
            A `keras_attn.ops.score_bias.ScoreBias`: `function(query, distance, *weights)` takes queries [B, N, T, H]
            divided by `sqrt(H)` and distances [T, S] and gives what broadcasts to [B, N, T, S]; or None.
        """
        return None

    def value_bias(self):
        """What is added to the attention's output for the distances attended to.

        Returns:
            A `keras_attn.ops.score_bias.ScoreBias`: `function(probabilities, distance, *weights)` takes probabilities
            [B, N, T, S] and distances [T, S] and gives [B, N, T, V]; or None.
        """
        return None
