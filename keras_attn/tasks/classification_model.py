"""The model that a classification task trains, with its optimizer and losses."""

import keras
import tensorflow as tf

from keras_attn import models
from keras_attn.training import Adam, AdamW, WarmupCosine, best_precision, layerwise_rates

_NOT_DECAYED = ("bias", "beta", "gamma", "scale")  # biases, and the weights of norms


def build_model(settings, vocabulary_size, labels, total_steps, encoder=None):
    """Builds and compiles the model that the settings describe.

    Args:
        settings: `ClassificationSettings`.
        vocabulary_size: Number of ids of the tokenizer.
        labels: `Labels`.
        total_steps: Steps of the whole training, after which the learning rate is 0.
        encoder: A pretrained encoder, as `start_from` gives it; when None one of random weights is built.

    Returns:
        A compiled model made by `models.text_classifier`.
    """
    dtype = dtype_of(settings)
    encoder = encoder or make_encoder(settings, vocabulary_size, dtype)
    model = models.text_classifier(encoder, labels.counts, settings.pooling, settings.dropout, dtype)
    optimizer = make_optimizer(settings, total_steps, layerwise_rates(models.layer_groups(model), settings.rate_decay))
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    model.compile(
        optimizer,
        {output: _loss(head in labels.multi_label, settings) for head, output in labels.outputs().items()},
        jit_compile="auto" if has_gpu else False,  # XLA makes a step slower on CPU
    )
    optimizer.build(model.trainable_variables)  # made within the first step they would have it traced twice
    return model


def dtype_of(settings):
    """Tells the dtype policy of a training.

    Args:
        settings: `ClassificationSettings`.

    Returns:
        Name of the policy.
    """
    return best_precision() if settings.precision == "auto" else settings.precision


def _loss(is_multi_label, settings):
    kind = keras.losses.BinaryCrossentropy if is_multi_label else keras.losses.CategoricalCrossentropy
    return kind(from_logits=True, label_smoothing=settings.label_smoothing)


def make_optimizer(settings, total_steps, rate_factors=None):
    """Makes the optimizer that settings describe, its rate rising and falling along a cosine.

    Args:
        settings: Settings with `optimizer`, `learning_rate`, `warmup_share`, `weight_decay`, `gradient_clip` and
            `average_decay`.
        total_steps: Steps of the whole training, after which the learning rate is 0.
        rate_factors: Dict of layer name -> factor of its rate, or None.

    Returns:
        A Keras optimizer.
    """
    warmup_steps = int(settings.warmup_share * total_steps)
    arguments = {
        "learning_rate": WarmupCosine(settings.learning_rate, warmup_steps, total_steps),
        "global_clipnorm": settings.gradient_clip,
        "use_ema": settings.average_decay is not None,
        "ema_momentum": settings.average_decay or 0.99,
        "rate_factors": rate_factors,
    }
    if settings.optimizer == "adamw":
        return AdamW(**arguments, weight_decay=settings.weight_decay, no_decay=_NOT_DECAYED)
    return Adam(**arguments)


def make_encoder(settings, vocabulary_size, dtype):
    """Builds the text encoder that settings describe.

    Args:
        settings: Settings of a task with the fields of `ClassificationSettings` that concern the encoder.
        vocabulary_size: Number of ids of the tokenizer.
        dtype: Dtype policy of the layers.

    Returns:
        A model made by `models.text_encoder` or `models.recurrent_text_encoder`.
    """
    common = {
        "hidden_dim": settings.hidden_dim,
        "dropout": settings.dropout,
        "word_dropout": settings.word_dropout,
        "dtype": dtype,
        "ngram_buckets": settings.ngram_buckets,
        "ngram_order": settings.ngram_order,
    }
    if settings.architecture == "rnn":
        return models.recurrent_text_encoder(
            vocabulary_size, num_layers=settings.num_layers, cell=settings.cell, **common
        )
    return models.text_encoder(
        vocabulary_size,
        num_layers=settings.num_layers if settings.architecture == "transformer" else 0,
        num_heads=settings.num_heads,
        intermediate_dim=settings.intermediate_dim,
        attention_dropout=settings.attention_dropout,
        normalize_first=settings.normalize_first,
        # Short texts need no other; left open, a graph of unknown lengths holds two and takes long to trace.
        implementation="dense" if settings.max_length < 512 else None,
        **common,
    )
