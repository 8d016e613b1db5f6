"""The encoder of signals: convolutions that make steps into vectors, then Conformer or Transformer blocks."""

import math

import keras
from keras import ops

from keras_attn import layers
from keras_attn.layers.layer import check_positive
from keras_attn.layers.residual import new_normalization

ARCHITECTURES = ("conformer", "transformer")
POSITIONS = ("relative", "sinusoidal")


def signal_encoder(
    num_channels,
    architecture="conformer",
    num_layers=1,
    hidden_dim=64,
    num_heads=4,
    intermediate_dim=128,
    position="relative",
    kernel_size=15,
    stem_kernel_size=7,
    strides=(1, 1),
    dropout=0.1,
    attention_dropout=0.0,
    augmentation=None,
    mean=0.0,
    variance=1.0,
    use_causal_mask=False,
    implementation=None,
    dtype=None,
    name="signal_encoder",
):
    """Builds the encoder: normalization, augmentation, a convolutional stem, and blocks.

    Its layers are named `normalization`, `augmentation`, `stem`, `position`, `encoder_block_0` and so on. Padding has
    no influence on what comes out elsewhere.

    Args:
        num_channels: Number of channels C.
        architecture: "conformer" or "transformer".
        num_layers: Number of blocks; 0 leaves the stem alone.
        hidden_dim: Width D of the model, a multiple of `num_heads`.
        num_heads: Number of attention heads.
        intermediate_dim: Width of the feed-forward networks.
        position: "relative": the attentions know how far apart steps are, see `layers.TransformerXLPosition`;
            "sinusoidal": what comes out of the stem also knows how far it is from the begin, which suits signals that
            all begin at the same event. A Conformer's attention is relative in both.
        kernel_size: Steps that a Conformer block's convolution sees, odd.
        stem_kernel_size: Steps that each of the stem's convolutions sees.
        strides: A stride for each of the stem's convolutions; their product is how much shorter the signal becomes.
        dropout: Share of the stem's output and of what each sublayer adds set to zero in training.
        attention_dropout: Share of the attention probabilities set to zero in training.
        augmentation: Layer that changes signals in training, such as `layers.SignalAugmentation()`, or None.
        mean: What is taken off each channel, a number or a list of C.
        variance: By the root of which each channel is divided, likewise.
        use_causal_mask: Whether each step sees only those before it and itself.
        implementation: How attention is computed, see `layers.MultiHeadAttention`; None chooses.
        dtype: Dtype policy of all layers; Keras's global one when None.
        name: Name of the model.

    Returns:
        A functional `keras.Model`: a dict of `signals`, float [B, T, C], and `mask`, boolean [B, T], False at padding
        -> a dict of `steps`, [B, T', D], and `mask`, [B, T'].

    Raises:
        ValueError: If the architecture or the position is unknown or a size not positive.

    Example:
        >>> from keras_attn import models
        >>> model = models.signal_encoder(3, hidden_dim=8, num_heads=2, strides=[2, 2])
        >>> model.output["steps"].shape
        (None, None, 8)

    Reference:
        Gulati et al. 2020, "Conformer: Convolution-augmented Transformer for Speech Recognition", section 2.
    """
    for what, value, known in (("architecture", architecture, ARCHITECTURES), ("position", position, POSITIONS)):
        if value not in known:
            raise ValueError(f"`{what}` must be one of {', '.join(map(repr, known))}. Received: {what}={value!r}")
    check_positive(num_channels=num_channels, hidden_dim=hidden_dim)
    common = {"dtype": dtype}
    signals = keras.Input((None, num_channels), name="signals")
    mask = keras.Input((None,), dtype="bool", name="mask")
    mean, variance = (_per_channel(value, num_channels) for value in (mean, variance))
    x = keras.layers.Normalization(mean=mean, variance=variance, name="normalization", **common)(signals)
    if augmentation is not None:
        config = {**augmentation.get_config(), "name": "augmentation", "dtype": dtype}
        x = type(augmentation).from_config(config)(x, padding_mask=mask)
    stem = layers.ConvolutionStem(hidden_dim, stem_kernel_size, strides, name="stem", **common)
    x = stem(x, padding_mask=mask, use_causal_mask=use_causal_mask)  # [B, T', D]
    shorter = mask[:, :: math.prod(strides)]  # [B, T']
    if position == "sinusoidal":
        x = layers.SinusoidalPosition(name="position", **common)(x)
    x = layers.Dropout(dropout, name="stem_dropout", **common)(x)
    for i in range(num_layers):
        shared = {"dropout": dropout, "attention_dropout": attention_dropout, "implementation": implementation}
        shared |= {"name": f"encoder_block_{i}", **common}
        if architecture == "conformer":
            block = layers.ConformerBlock(num_heads, intermediate_dim, kernel_size, **shared)
        else:
            block = layers.TransformerEncoderBlock(
                num_heads,
                intermediate_dim,
                activation="silu",
                normalize_first=True,
                position=layers.TransformerXLPosition(dtype=dtype) if position == "relative" else None,
                **shared,
            )
        x = block(x, padding_mask=shorter, use_causal_mask=use_causal_mask)
    if architecture == "transformer" and num_layers:
        x = new_normalization("layer", epsilon=1e-5, name="encoder_norm", **common)(x)
    inputs = {"signals": signals, "mask": mask}
    return keras.Model(inputs, {"steps": x, "mask": ops.logical_and(shorter, True)}, name=name)


def _per_channel(value, num_channels):
    return list(value) if isinstance(value, list | tuple) else [float(value)] * num_channels
