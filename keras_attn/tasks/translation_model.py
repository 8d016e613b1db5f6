"""The model that a translation task trains, with its optimizer and loss."""

import keras
import tensorflow as tf

from keras_attn import models
from keras_attn.training import InverseSquareRoot, MaskedCrossentropy


def build_model(settings, vocabulary_size):
    """Builds and compiles the model that the settings describe.

    Args:
        settings: `TranslationSettings`.
        vocabulary_size: Number of ids of the tokenizer.

    Returns:
        A compiled model of a family that `models.family` knows.
    """
    model = _architecture(settings, vocabulary_size)
    optimizer = keras.optimizers.Adam(
        InverseSquareRoot(settings.learning_rate, settings.warmup_steps),
        beta_2=settings.adam_beta_2,
        epsilon=1e-9,
        global_clipnorm=settings.gradient_clip,
        use_ema=settings.average_decay is not None,
        ema_momentum=settings.average_decay or 0.99,
    )
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    model.compile(
        optimizer,
        MaskedCrossentropy(settings.label_smoothing),
        jit_compile="auto" if has_gpu else False,  # XLA makes a step slower on CPU
    )
    optimizer.build(model.trainable_variables)  # made within the first step they would have it traced twice
    return model


def _architecture(settings, vocabulary_size):
    common = {
        "num_layers": settings.num_layers,
        "hidden_dim": settings.hidden_dim,
        "dropout": settings.dropout,
        "dtype": settings.precision,
    }
    if settings.architecture == "rnn":
        return models.rnn_seq2seq(
            vocabulary_size,
            cell=settings.cell,
            attention=settings.attention,
            use_previous_state=settings.use_previous_state,
            embedding_dim=settings.embedding_dim,
            **common,
        )
    return models.transformer(
        vocabulary_size,
        num_heads=settings.num_heads,
        intermediate_dim=settings.intermediate_dim,
        attention_dropout=settings.attention_dropout,
        normalize_first=settings.normalize_first,
        # Short texts need no other; left open, a graph of unknown lengths holds two and takes long to trace.
        implementation="dense" if settings.max_length < 512 else None,
        **common,
    )
