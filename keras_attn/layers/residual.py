import keras

from keras_attn.layers.layer import Layer


class Residual(Layer):
    """The residual connection around one sublayer of a block, with its dropout and layer normalization.

    Post-norm: `x = norm(x + dropout(f(x)))`; pre-norm: `x = x + dropout(f(norm(x)))`. A block computes
    `x = residual.leave(x, f(residual.enter(x)))`.

    Args:
        dropout: Share of the sublayer's output set to zero in training.
        normalize_first: Pre-norm rather than post-norm.
        epsilon: Added to the variance by the normalization.
        seed: Seed of the dropout.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Reference:
        Vaswani et al. 2017, section 3.1; Xiong et al. 2020, figure 1.
    """

    def __init__(self, dropout=0.0, normalize_first=False, epsilon=1e-5, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.dropout = dropout
        self.normalize_first = normalize_first
        self.epsilon = epsilon
        self.seed = seed
        self.norm = keras.layers.LayerNormalization(epsilon=epsilon, dtype=self.dtype_policy, name="norm")
        self.dropout_layer = keras.layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy)

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
