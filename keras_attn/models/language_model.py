"""Language models: an encoder with an output over the vocabulary, which shares the embedding's weights."""

import keras
from keras import ops


def masked_language_model(encoder, activation="gelu", dtype=None):
    """Builds a model that guesses masked tokens from all the others.

    At each place asked for, `h = norm(activation(W y + b))` of the encoder's output y, and the logits are `h E^T` with
    the encoder's embedding E. No logits are worked out elsewhere.

    Args:
        encoder: Functional model, integer ids [B, T] -> [B, T, D], such as `text_encoder` makes; its layers become the
            model's own, see `encoder_of`.
        activation: Activation of the transform before the output.
        dtype: Dtype policy of the new layers; Keras's global one when None.

    Returns:
        A functional `keras.Model` named `masked_language_model`: `{"ids": [B, T], "positions": [B, P]}` integers, the
        ids masked and the places of the tokens to guess -> logits [B, P, V].

    Example:
        >>> from keras_attn import models
        >>> encoder = models.text_encoder(50, num_layers=1, hidden_dim=8, num_heads=2, intermediate_dim=16)
        >>> models.masked_language_model(encoder).output_shape
        (None, None, 50)

    Reference:
        Devlin et al. 2019, "BERT", section 3.1, task 1, and the authors' code for the transform; its bias of the output
        is left out.
    """
    positions = keras.Input((None,), dtype="int32", name="positions")
    y = _encoder_output(encoder)
    places = positions[..., None] + ops.zeros_like(y[:, :1], "int32")  # [B, P, D]
    y = ops.take_along_axis(y, places, axis=1)  # [B, P, D]
    width = y.shape[-1]
    h = keras.layers.Dense(width, activation, name="output_transform", dtype=dtype)(y)
    h = keras.layers.LayerNormalization(epsilon=1e-5, name="output_norm", dtype=dtype)(h)
    logits = encoder.get_layer("embedding")(h, reverse=True)  # [B, P, V]
    return keras.Model({"ids": encoder.input, "positions": positions}, logits, name="masked_language_model")


def causal_language_model(encoder):
    """Builds a model that tells each token from those before it.

    The logits are `y E^T` of the encoder's output y with its embedding E.

    Args:
        encoder: Functional model, integer ids [B, T] -> [B, T, D], made by `text_encoder` with `use_causal_mask`; its
            layers become the model's own, see `encoder_of`.

    Returns:
        A functional `keras.Model` named `causal_language_model`: `{"ids": [B, T]}` integers -> logits [B, T, V].
        Position t of the logits predicts what follows `ids[:, t]`.

    Example:
        >>> from keras_attn import models
        >>> sizes = {"num_layers": 1, "hidden_dim": 8, "num_heads": 2, "intermediate_dim": 16}
        >>> models.causal_language_model(models.text_encoder(50, use_causal_mask=True, **sizes)).output_shape
        (None, None, 50)

    Reference:
        Radford et al. 2018, "Improving Language Understanding by Generative Pre-Training", equation 2.
    """
    logits = encoder.get_layer("embedding")(_encoder_output(encoder), reverse=True)  # [B, T, V]
    return keras.Model({"ids": encoder.input}, logits, name="causal_language_model")


def encoder_of(model):
    """Takes the encoder out of a language model: the same layers, shared.

    Args:
        model: A model made by `masked_language_model` or `causal_language_model`, or loaded from a file.

    Returns:
        A functional `keras.Model` named `text_encoder`: integer ids [B, T] -> [B, T, D].

    Example:
        >>> from keras_attn import models
        >>> encoder = models.text_encoder(50, num_layers=1, hidden_dim=8, num_heads=2, intermediate_dim=16)
        >>> models.encoder_of(models.masked_language_model(encoder)).output_shape
        (None, None, 8)
    """
    return keras.Model(model.input["ids"], model.get_layer("encoder_output").output, name="text_encoder")


def _encoder_output(encoder):
    """The encoder's output [B, T, D], at a layer that `encoder_of` finds."""
    dtype = encoder.get_layer("embedding").dtype_policy
    return keras.layers.Activation("linear", name="encoder_output", dtype=dtype)(encoder.output)
