"""The model that a translation task trains, with its optimizer and loss."""

import tensorflow as tf

from keras_attn import models
from keras_attn.data import TokenBatches
from keras_attn.training import (
    Adafactor,
    Adam,
    AdamW,
    InverseSquareRoot,
    MaskedCrossentropy,
    WarmupCosine,
    best_precision,
)

_NOT_DECAYED = ("bias", "beta", "gamma", "scale")  # biases, and the weights of norms


def build_model(settings, vocabulary_size):
    """Builds and compiles the model that the settings describe.

    Args:
        settings: `TranslationSettings`.
        vocabulary_size: Number of ids of the tokenizer.

    Returns:
        A compiled model of a family that `models.family` knows.
    """
    model = new_model(settings, vocabulary_size)
    optimizer = _optimizer(settings)
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    model.compile(
        optimizer,
        MaskedCrossentropy(settings.label_smoothing),
        jit_compile="auto" if has_gpu else False,  # XLA makes a step slower on CPU
    )
    optimizer.build(model.trainable_variables)  # made within the first step they would have it traced twice
    return model


def new_model(settings, vocabulary_size):
    """Builds the model that the settings describe, not compiled.

    Args:
        settings: `TranslationSettings`.
        vocabulary_size: Number of ids of the tokenizer.

    Returns:
        A model of a family that `models.family` knows.
    """
    common = {
        "num_layers": settings.num_layers,
        "hidden_dim": settings.hidden_dim,
        "dropout": settings.dropout,
        "word_dropout": settings.word_dropout,
        "dtype": best_precision() if settings.precision == "auto" else settings.precision,
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
        packed=settings.packing,
        rematerialize=settings.rematerialize,
        **common,
    )


def train_one_step(batch_tokens, settings, vocabulary_size):
    """Trains a new model for one step on the longest texts there may be: what takes most memory, for
    `training.find_batch_tokens`.

    Args:
        batch_tokens: Tokens of the batch.
        settings: `TranslationSettings`.
        vocabulary_size: Number of ids of the tokenizer.
    """
    ids = [[4] * (settings.max_length - 1)] * max(1, batch_tokens // settings.max_length)
    batches = TokenBatches(
        ids, ids, batch_tokens=len(ids) * settings.max_length, max_length=settings.max_length, packing=settings.packing
    )
    build_model(settings, vocabulary_size).train_on_batch(*batches[0])


def _optimizer(settings):
    batches = settings.accumulate
    arguments = {
        "learning_rate": _schedule(settings),
        "global_clipnorm": settings.gradient_clip,
        "gradient_accumulation_steps": batches if batches > 1 else None,
        "use_ema": settings.average_decay is not None,
        "ema_momentum": (settings.average_decay or 0.99) ** (1 / batches),  # Keras averages after each batch
    }
    decay = {"weight_decay": settings.weight_decay, "no_decay": _NOT_DECAYED}
    if settings.optimizer == "adafactor":
        return Adafactor(**arguments, **decay)
    adam = {"beta_2": settings.adam_beta_2, "epsilon": 1e-9}
    if settings.optimizer == "adamw":
        return AdamW(**arguments, **adam, **decay)
    return Adam(**arguments, **adam)


def _schedule(settings):
    """In batches: Keras calls a schedule with the number of those before, also of such that only add up gradients.

    The update that ends k batches comes at k times its own number, counted from 1, and both schedules depend on the
    ratio of the step to their own steps alone: k times these give each update its rate.
    """
    batches = settings.accumulate
    if settings.schedule == "cosine":
        steps = settings.warmup_steps * batches, settings.total_steps * batches
        return WarmupCosine(settings.learning_rate, *steps)
    return InverseSquareRoot(settings.learning_rate, settings.warmup_steps * batches)
