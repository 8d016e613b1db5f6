import keras

from keras_attn.layers.dropout import Dropout
from keras_attn.layers.layer import Layer

_NORMALIZATIONS = {"layer": keras.layers.LayerNormalization, "rms": keras.layers.RMSNormalization}


def new_normalization(normalization, **kwargs):
    """Makes a normalization along the last axis.

    "layer": `y = g (x - mean(x)) / sqrt(variance(x) + epsilon) + b`; "rms": `y = g x / sqrt(mean(x^2) + epsilon)`, with
    a learned g and b.

    Args:
        normalization: "layer" or "rms".
        **kwargs: Keras's own: `epsilon`, `name` and `dtype`.

    Returns:
        A Keras layer.

    Raises:
        ValueError: If the normalization is unknown.

    Reference:
        Ba et al. 2016, "Layer Normalization", equations 3 and 4; Zhang and Sennrich 2019, "Root Mean Square Layer
        Normalization", equation 4, to which the epsilon is added.
    """
    if normalization not in _NORMALIZATIONS:
        raise ValueError(f"`normalization` must be 'layer' or 'rms'. Received: normalization={normalization!r}")
    return _NORMALIZATIONS[normalization](**kwargs)


class Residual(Layer):
    """The residual connection around one sublayer of a block, with its dropout and normalization.

    Post-norm: `x = norm(x + dropout(f(x)))`; pre-norm: `x = x + dropout(f(norm(x)))`. A block computes
    `x = residual.leave(x, f(residual.enter(x)))`.

    Args:
        dropout: Share of the sublayer's output set to zero in training.
        normalize_first: Pre-norm rather than post-norm.
        epsilon: Added to the variance, or the mean square, by the normalization.
        seed: Seed of the dropout.
        normalization: "layer" or "rms", see `new_normalization`.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Raises:
        ValueError: If `dropout` is out of range or the normalization unknown.

    Reference:
        Vaswani et al. 2017, section 3.1; Xiong et al. 2020, figure 1.
    """

    def __init__(self, dropout=0.0, normalize_first=False, epsilon=1e-5, seed=None, normalization="layer", **kwargs):
        super().__init__(**kwargs)
        self.dropout = dropout
        self.normalize_first = normalize_first
        self.epsilon = epsilon
        self.seed = seed
        self.normalization = normalization
        self.norm = new_normalization(normalization, epsilon=epsilon, dtype=self.dtype_policy, name="norm")
        self.dropout_layer = Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.norm.build(input_shape)

    def enter(self, inputs):
        """Gives the sublayer's input.

        Args:
            inputs: The residual stream, float tensor [B, T, D].

        Returns:
            Float tensor [B, T, D].
        """
        return self.norm(inputs) if self.normalize_first else inputs

    def leave(self, inputs, update, training=None):
        """Adds the sublayer's output to the residual stream.

        Args:
            inputs: The residual stream, float tensor [B, T, D].
            update: The sublayer's output, float tensor [B, T, D].
            training: Whether dropout is on.

        Returns:
            Float tensor [B, T, D].
        """
        outputs = inputs + self.dropout_layer(update, training=training)
        return outputs if self.normalize_first else self.norm(outputs)
