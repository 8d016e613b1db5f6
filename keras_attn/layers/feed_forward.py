import keras

from keras_attn.layers.dropout import Dropout
from keras_attn.layers.layer import Layer, check_positive, check_rate, new_initializer, project_through


@keras.saving.register_keras_serializable("keras_attn")
class FeedForward(Layer):
    """The position-wise feed-forward network of a Transformer block.

    `y = dropout(activation(x W1 + b1)) W2 + b2`, back to the input's width; gated:
    `y = dropout(activation(x Wg + bg) * (x W1 + b1)) W2 + b2`.

    Args:
        intermediate_dim: Width F of the hidden layer.
        activation: Activation, a name or a function.
        dropout: Share of the hidden units set to zero in training.
        use_bias: Whether the projections have biases.
        kernel_initializer: Initializer of the kernels.
        seed: Seed of the dropout.
        gated: Whether a second projection of the input, activated, scales the hidden units: GEGLU with the activation
            "gelu", SwiGLU with "silu".
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [B, T, D].
        training: Whether dropout is on.

    Returns:
        Tensor [B, T, D].

    Raises:
        ValueError: If `intermediate_dim` or `dropout` is out of range.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import FeedForward
        >>> tuple(FeedForward(intermediate_dim=32)(np.ones((2, 3, 8), "float32")).shape)
        (2, 3, 8)

    Reference:
        Vaswani et al. 2017, equation 2. Gated: Shazeer 2020, "GLU Variants Improve Transformer", equation 6: their W, V
        are our Wg, W1; the biases are not in the paper, `use_bias=False` leaves them out.
    """

    def __init__(
        self,
        intermediate_dim,
        activation="relu",
        dropout=0.0,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        seed=None,
        gated=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive(intermediate_dim=intermediate_dim)
        check_rate(dropout=dropout)
        self.intermediate_dim = intermediate_dim
        self.activation = keras.activations.get(activation)
        self.dropout = dropout
        self.use_bias = use_bias
        self.kernel_initializer = kernel_initializer
        self.seed = seed
        self.gated = gated
        self.supports_masking = True
        self.dropout_layer = Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.hidden_dense = self._dense(self.intermediate_dim, "hidden", input_shape)
        if self.gated:
            self.gate_dense = self._dense(self.intermediate_dim, "gate", input_shape)
        self.output_dense = self._dense(input_shape[-1], "output", (*input_shape[:-1], self.intermediate_dim))

    def call(self, inputs, training=None):
        if self.gated:
            hidden, gate = project_through([self.hidden_dense, self.gate_dense], inputs)  # [B, T, F] each
            hidden = self.activation(gate) * hidden
        else:
            hidden = self.activation(project_through([self.hidden_dense], inputs)[0])  # [B, T, F]
        hidden = self.dropout_layer(hidden, training=training)
        (output,) = project_through([self.output_dense], hidden)  # [B, T, D]
        return output

    def compute_output_shape(self, input_shape):
        return input_shape

    def _dense(self, units, name, input_shape):
        dense = keras.layers.Dense(
            units,
            use_bias=self.use_bias,
            kernel_initializer=new_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name=name,
        )
        dense.build(input_shape)
        return dense
