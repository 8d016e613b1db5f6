"""The model that a forecasting task trains, with its optimizer and loss."""

import keras
import numpy as np
import tensorflow as tf

from keras_attn import models
from keras_attn.training import AdamW, QuantileLoss, StudentTLoss, WarmupCosine, best_precision

_NOT_DECAYED = ("bias", "beta", "gamma", "scale", "embeddings")  # norms, biases, and the effects of the calendar


def forecast_shape(settings, facts):
    """Says what goes into a task's model and what comes out.

    Args:
        settings: `ForecastingSettings`.
        facts: `SeriesFacts`.

    Returns:
        `models.ForecastShape`.
    """
    columns = facts.columns
    return models.ForecastShape(
        lookback=settings.lookback,
        horizon=settings.horizon,
        num_targets=len(columns.targets),
        num_past=len(columns.past),
        num_known=len(columns.known),
        num_static=facts.num_static(),
        calendar=facts.calendar_sizes(),
        num_outputs={"point": 1, "quantile": len(settings.levels()), "student_t": 3}[settings.output],
        student_t=settings.output == "student_t",
        masked=settings.missing == "mask",
    )


def build_model(settings, shape, total_steps):
    """Builds and compiles the model that the settings describe.

    Args:
        settings: `ForecastingSettings`.
        shape: `models.ForecastShape`.
        total_steps: Steps of the whole training, after which the learning rate is 0.

    Returns:
        A compiled model.
    """
    model = _network(settings, shape)
    optimizer = AdamW(
        learning_rate=WarmupCosine(settings.learning_rate, int(settings.warmup_share * total_steps), total_steps),
        weight_decay=settings.weight_decay,
        no_decay=_NOT_DECAYED,
        global_clipnorm=settings.gradient_clip,
        use_ema=settings.average_decay is not None,
        ema_momentum=settings.average_decay or 0.99,
    )
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    model.compile(optimizer, _loss(settings), jit_compile="auto" if has_gpu else False)
    optimizer.build(model.trainable_variables)  # made within the first step they would have it traced twice
    return model


def start_from_linear(model, shape, baselines):
    """Gives a model the linear baseline's effects of the calendar, and its shortcut the baseline's weights.

    Args:
        model: From `build_model`, with a shortcut.
        shape: Its `models.ForecastShape`.
        baselines: `Baselines`.
    """
    outputs = np.zeros(shape.num_outputs) if shape.student_t else np.ones(shape.num_outputs)
    outputs[0] = 1.0  # of a distribution the location alone
    layer = model.get_layer("shortcut")
    kernel, bias = layer.get_weights()
    before = kernel.reshape(shape.lookback, shape.horizon, shape.num_outputs)
    weights = np.where(outputs > 0, baselines.kernel[:, :, None], 0.1 * before)
    layer.set_weights([weights.reshape(kernel.shape), np.zeros_like(bias)])
    for i, table in enumerate(baselines.effects):
        model.get_layer(f"calendar_{i}").set_weights([table])


def _loss(settings):
    if settings.output == "quantile":
        return QuantileLoss(settings.levels())
    if settings.output == "student_t":
        return StudentTLoss()
    losses = {"mse": "mean_squared_error", "mae": "mean_absolute_error", "huber": "huber"}
    return _ByElement(losses[settings.loss])


@keras.saving.register_keras_serializable("keras_attn")
class _ByElement(keras.losses.Loss):
    """A loss of Keras's that weights [B, H, C] can weigh element by element, not only averaged over the last axis."""

    def __init__(self, kind, name="loss"):
        super().__init__(name=name)
        self.kind = kind

    def call(self, y_true, y_pred):
        function = keras.losses.get(self.kind)
        return function(keras.ops.expand_dims(y_true, -1), keras.ops.expand_dims(y_pred, -1))

    def get_config(self):
        return {"kind": self.kind, "name": self.name}


def _network(settings, shape):
    dtype = best_precision() if settings.precision == "auto" else settings.precision
    common = {"hidden_dim": settings.hidden_dim, "normalize": settings.normalize, "dtype": dtype}
    if settings.architecture == "linear":
        return models.linear_forecaster(shape, **common)
    common |= {"num_layers": settings.num_layers, "dropout": settings.dropout, "shortcut": settings.shortcut}
    common |= {"num_heads": settings.num_heads, "intermediate_dim": settings.intermediate_dim}
    common["attention_dropout"] = settings.attention_dropout
    if settings.architecture == "patch":
        sizes = {"patch_length": settings.patch_length, "stride": settings.stride}
        return models.patch_forecaster(shape, **sizes, head_dropout=settings.head_dropout, **common)
    if settings.architecture == "inverted":
        return models.inverted_forecaster(shape, head_dropout=settings.head_dropout, **common)
    return models.sequence_forecaster(shape, settings.architecture, window=settings.window, **common)
