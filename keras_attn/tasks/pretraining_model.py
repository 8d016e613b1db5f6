"""The language model that a pretraining task trains, with its optimizer and loss."""

import tensorflow as tf

from keras_attn import models
from keras_attn.training import AdamW, MaskedAccuracy, MaskedCrossentropy, Perplexity, WarmupCosine, best_precision

_NOT_DECAYED = ("bias", "beta", "gamma", "scale")  # biases, and the weights of norms


def build_encoder(settings, vocabulary_size, **changes):
    """Builds the encoder that the settings describe.

    Args:
        settings: `PretrainingSettings`.
        vocabulary_size: Number of ids of the tokenizer.
        **changes: Arguments of `models.text_encoder` that differ, such as `dropout`.

    Returns:
        A model made by `models.text_encoder`.
    """
    arguments = {
        "num_layers": settings.num_layers,
        "hidden_dim": settings.hidden_dim,
        "num_heads": settings.num_heads,
        "intermediate_dim": settings.intermediate_dim,
        "dropout": settings.dropout,
        "attention_dropout": settings.attention_dropout,
        "normalize_first": settings.normalize_first,
        "activation": settings.activation,
        "use_causal_mask": settings.objective == "causal",
        # Short texts need no other; left open, a graph of unknown lengths holds two and takes long to trace.
        "implementation": "dense" if settings.max_length < 512 else None,
        "dtype": _dtype(settings),
    }
    return models.text_encoder(vocabulary_size, **{**arguments, **changes})


def build_model(settings, vocabulary_size, total_steps):
    """Builds and compiles the model that the settings describe.

    Args:
        settings: `PretrainingSettings`.
        vocabulary_size: Number of ids of the tokenizer.
        total_steps: Steps of the whole training, after which the learning rate is 0.

    Returns:
        A compiled model made by `models.masked_language_model` or `models.causal_language_model`.
    """
    encoder = build_encoder(settings, vocabulary_size)
    if settings.objective == "masked":
        model = models.masked_language_model(encoder, dtype=_dtype(settings))
    else:
        model = models.causal_language_model(encoder)
    optimizer = AdamW(
        WarmupCosine(settings.learning_rate, int(settings.warmup_share * total_steps), total_steps),
        beta_2=0.98,
        weight_decay=settings.weight_decay,
        no_decay=_NOT_DECAYED,
        global_clipnorm=settings.gradient_clip,
        use_ema=settings.average_decay is not None,
        ema_momentum=settings.average_decay or 0.99,
    )
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    model.compile(
        optimizer,
        MaskedCrossentropy(),
        jit_compile="auto" if has_gpu else False,  # XLA makes a step slower on CPU
    )
    optimizer.build(model.trainable_variables)  # made within the first step they would have it traced twice
    return model


class LanguageScores:
    """Measures a language model; its graph is traced once.

    Args:
        model: A model that `build_model` made; the weights may change from call to call.
    """

    def __init__(self, model):
        self._metrics = {"perplexity": Perplexity(), "accuracy": MaskedAccuracy()}

        def update(inputs, labels):
            logits = model(inputs, training=False)
            for metric in self._metrics.values():
                metric.update_state(labels, logits)

        self._update = tf.function(update, reduce_retracing=True, autograph=False)

    def measure(self, batches):
        """Measures all batches, each token alike.

        Args:
            batches: `tf.data.Dataset` of inputs and labels.

        Returns:
            Dict of `perplexity`, and `accuracy` from 0 to 100: how often the right token is ranked first.
        """
        for metric in self._metrics.values():
            metric.reset_state()
        for inputs, labels in batches:
            self._update(inputs, labels)
        values = {name: float(metric.result()) for name, metric in self._metrics.items()}
        return {**values, "accuracy": 100.0 * values["accuracy"]}


def _dtype(settings):
    return best_precision() if settings.precision == "auto" else settings.precision
