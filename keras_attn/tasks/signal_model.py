"""The models that a signal task trains, with their optimizer and losses."""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from keras_attn import layers, models
from keras_attn.tasks.classification_model import make_optimizer
from keras_attn.training import MemberCrossentropy, best_precision

_LONGEST = 64  # steps that a block sees of the training's longest signal, where the settings say nothing else


@dataclasses.dataclass(frozen=True)
class InputFigures:
    """What a model must know of the signals that it is to see.

    Args:
        mean: Mean of each channel, a list of C.
        variance: Variance of each channel; 1 where a channel is constant.
        longest: Steps of the longest signal.
        constant: Numbers of the channels that are constant.
    """

    mean: list
    variance: list
    longest: int
    constant: list

    @classmethod
    def of(cls, arrays):
        """Measures signals.

        Args:
            arrays: List of float arrays [T, C].

        Returns:
            The `InputFigures`.
        """
        values = np.concatenate(arrays).astype("float64")
        mean, variance = values.mean(axis=0), values.var(axis=0)
        flat = variance <= 1e-12 * np.maximum(mean**2, 1e-12)
        variance[flat] = 1.0
        return cls(mean.tolist(), variance.tolist(), max(map(len, arrays)), np.nonzero(flat)[0].tolist())


def strides_of(settings, longest):
    """Gives the strides of the stem's convolutions.

    Args:
        settings: `SignalSettings`.
        longest: Steps of the longest signal.

    Returns:
        List of ones and twos, the twos first.

    Example:
        >>> from keras_attn.tasks import SignalSettings
        >>> from keras_attn.tasks.signal_model import strides_of
        >>> strides_of(SignalSettings(stem_layers=3), longest=200)
        [2, 2, 1]
    """
    reduction = settings.reduction
    if reduction is None:
        enough = math.ceil(math.log2(max(1.0, longest / _LONGEST)))
        reduction = 2 ** min(enough, settings.stem_layers) if settings.output == "label" else 1
    halves = int(math.log2(reduction))
    return [2] * halves + [1] * (settings.stem_layers - halves)


def new_encoder(settings, figures, name, is_raw, use_causal_mask=False):
    """Builds an encoder as the settings describe it.

    Args:
        settings: `SignalSettings`.
        figures: `InputFigures`.
        name: Name of the model.
        is_raw: Whether the model sees values, rather than bands.
        use_causal_mask: Whether each step sees only those before it and itself.

    Returns:
        A model made by `models.signal_encoder`.
    """
    bands = {"num_time_bands": settings.hidden_bands, "num_feature_bands": settings.hidden_bands}
    changes = (settings.jitter, settings.scaling, settings.warp)
    augmentation = None
    if is_raw and any(changes) and settings.output == "label":
        augmentation = layers.SignalAugmentation(*changes)
    elif not is_raw and settings.hidden_bands:
        augmentation = layers.SpecAugment(**bands)
    strides = strides_of(settings, figures.longest)
    return models.signal_encoder(
        len(figures.mean),
        architecture=settings.architecture,
        num_layers=settings.num_layers,
        hidden_dim=settings.hidden_dim,
        num_heads=settings.num_heads,
        intermediate_dim=settings.intermediate_dim,
        position=settings.position,
        kernel_size=settings.kernel_size,
        stem_kernel_size=settings.stem_kernel_size,
        strides=strides,
        dropout=settings.dropout,
        attention_dropout=settings.attention_dropout,
        augmentation=augmentation,
        mean=figures.mean,
        variance=figures.variance,
        use_causal_mask=use_causal_mask,
        # Left open, a graph of unknown lengths holds two ways and takes long to trace.
        implementation="dense" if figures.longest / math.prod(strides) <= 512 else None,
        dtype=_precision(settings),
        name=name,
    )


def build_classifier(settings, figures, num_classes, total_steps, is_raw):
    """Builds and compiles a classifier.

    Args:
        settings: `SignalSettings`.
        figures: `InputFigures`.
        num_classes: Number of classes.
        total_steps: Steps of the whole training, after which the learning rate is 0.
        is_raw: Whether the model sees values, rather than bands.

    Returns:
        A compiled model made by `models.signal_classifier`.
    """
    encoders = [new_encoder(settings, figures, f"encoder_{i}", is_raw) for i in range(settings.members)]
    model = models.signal_classifier(
        encoders, num_classes, settings.num_windows, settings.dropout, dtype=_precision(settings)
    )
    return compiled(model, MemberCrossentropy(settings.label_smoothing), settings, total_steps)


def compiled(model, loss, settings, total_steps):
    """Gives a model its optimizer and loss.

    Args:
        model: A functional model.
        loss: A Keras loss.
        settings: `SignalSettings`.
        total_steps: Steps of the whole training.

    Returns:
        The model.
    """
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    model.compile(make_optimizer(settings, total_steps), loss, jit_compile="auto" if has_gpu else False)
    model.optimizer.build(model.trainable_variables)  # made within the first step they would have it traced twice
    return model


def _precision(settings):
    return best_precision() if settings.precision == "auto" else settings.precision
