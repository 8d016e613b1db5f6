"""The inverted Transformer: each variable's window is one token, and attention goes across variables."""

import keras
from keras import ops

from keras_attn import layers
from keras_attn.models.forecaster_parts import forecaster, to_horizon
from keras_attn.models.patch_forecaster import encoder_blocks


def inverted_forecaster(
    shape,
    num_layers=2,
    hidden_dim=64,
    num_heads=4,
    intermediate_dim=128,
    dropout=0.2,
    attention_dropout=0.0,
    head_dropout=0.0,
    shortcut=True,
    normalize=True,
    dtype=None,
):
    """Builds a forecaster that attends between variables.

    A variable's whole history is mapped to one vector; those of variables known of the past alone, and the history of
    the known ones, are further tokens, which are attended to and not forecast. The layers are named `variables`,
    `encoder_block_0` and so on, and `head`.

    Args:
        shape: `ForecastShape`.
        num_layers: Number of Transformer blocks.
        hidden_dim: Width D of the variables' vectors; a multiple of `num_heads`.
        num_heads: Number of attention heads.
        intermediate_dim: Width of the feed-forward networks.
        dropout: Share of the variables' vectors and of each sublayer's output set to zero in training.
        attention_dropout: Share of the attention probabilities set to zero in training.
        head_dropout: Share of what the last map reads set to zero in training.
        shortcut: Whether a linear map of the history is added.
        normalize: Whether to normalise by window.
        dtype: Dtype policy of all layers; Keras's global one when None.

    Returns:
        A functional `keras.Model` named `inverted_forecaster`, see `ForecastShape.inputs`.

    Raises:
        ValueError: If a size is out of range, or `num_heads` does not divide `hidden_dim`.

    Example:
        >>> from keras_attn import models
        >>> models.inverted_forecaster(models.ForecastShape(lookback=48, horizon=12, num_targets=2)).output_shape
        (None, 12, 2)

    Reference:
        Liu et al. 2024, "iTransformer: Inverted Transformers Are Effective for Time Series Forecasting", section 3.1,
        with pre-norm blocks.
    """

    def core(x, inputs):
        tokens = [ops.transpose(x, (0, 2, 1))]  # [B, C, L]
        if shape.num_past:
            tokens.append(ops.transpose(inputs["past"], (0, 2, 1)))
        if shape.num_known:
            tokens.append(ops.transpose(inputs["known"][:, : shape.lookback], (0, 2, 1)))
        x = ops.concatenate(tokens, axis=1) if len(tokens) > 1 else tokens[0]
        x = keras.layers.Dense(hidden_dim, name="variables", dtype=dtype)(x)  # [B, C + P + K, D]
        x = layers.Dropout(dropout, name="variable_dropout", dtype=dtype)(x)
        x = encoder_blocks(x, num_layers, num_heads, intermediate_dim, dropout, attention_dropout, dtype)
        return to_horizon(x[:, : shape.num_targets], shape, "head", dtype, head_dropout, "zeros")

    return forecaster(shape, core, hidden_dim, "inverted_forecaster", shortcut, normalize=normalize, dtype=dtype)
