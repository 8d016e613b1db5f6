import keras


@keras.saving.register_keras_serializable("keras_attn")
class WordDropout(keras.layers.Dropout):
    """Sets whole token embeddings to zero in training, so that a model learns to do with the words around them.

    `y[b, t] = x[b, t] m[b, t] / (1 - rate)`, where m is 0 with probability `rate` and else 1: one draw a token.

    Args:
        rate: Share of the tokens.
        seed: Seed of the draws.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [B, T, D].
        training: Whether tokens are dropped.

    Returns:
        Tensor [B, T, D].

    Masking:
        A mask of the inputs is handed on.

    Raises:
        ValueError: If `rate` is out of range.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import WordDropout
        >>> tokens = WordDropout(rate=0.5)(np.ones((1, 100, 4), "float32"), training=True).numpy()
        >>> sorted(set(tokens.sum(axis=-1).ravel().tolist()))
        [0.0, 8.0]

    Reference:
        Iyyer et al. 2015, "Deep Unordered Composition Rivals Syntactic Methods for Text Classification", section 3.1,
        whose average over the words left is the division by `1 - rate` here. Gal and Ghahramani 2016, section 4.2, drop
        every occurrence of a word together.
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(rate, noise_shape=(None, None, 1), seed=seed, **kwargs)

    def get_config(self):
        config = super().get_config()
        del config["noise_shape"]
        return config
