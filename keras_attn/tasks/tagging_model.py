"""The model that a tagging task trains, with its optimizer and losses."""

import keras
import tensorflow as tf

from keras_attn import models
from keras_attn.tasks.classification_model import make_encoder, make_optimizer
from keras_attn.training import ChainCrossentropy, best_precision


def build_model(settings, vocabulary_size, tag_set, total_steps):
    """Builds and compiles the model that the settings describe.

    Args:
        settings: `TaggingSettings`.
        vocabulary_size: Number of ids of the tokenizer.
        tag_set: `TagSet`.
        total_steps: Steps of the whole training, after which the learning rate is 0.

    Returns:
        A compiled model made by `models.tagger`.
    """
    dtype = best_precision() if settings.precision == "auto" else settings.precision
    model = models.tagger(
        make_encoder(settings, vocabulary_size, dtype),
        num_tags=len(tag_set.tags),
        num_labels=None if tag_set.labels is None else len(tag_set.labels),
        num_heads=settings.num_heads,
        allowed_steps=tag_set.allowed_steps(),
        allowed_starts=tag_set.allowed_starts(),
        dropout=settings.dropout,
        implementation="dense" if settings.max_length < 512 else None,  # open, a graph holds two and is long to trace
        dtype=dtype,
    )
    losses, weights = {"tags": ChainCrossentropy()}, {"tags": 1.0}
    if tag_set.labels is not None:
        losses["label"] = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        weights["label"] = settings.label_weight
    optimizer = make_optimizer(settings, total_steps)
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    # XLA makes a step slower on CPU.
    model.compile(optimizer, losses, loss_weights=weights, jit_compile="auto" if has_gpu else False)
    optimizer.build(model.trainable_variables)  # made within the first step they would have it traced twice
    return model
