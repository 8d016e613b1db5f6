"""What all forecasters share: their inputs, the effects of what is known beforehand, and the way back to the scale."""

import dataclasses

import keras
from keras import ops

from keras_attn import layers
from keras_attn.layers.layer import check_positive

STUDENT_T = 3  # numbers of a Student-t distribution: location, scale, degrees of freedom
_MIN_SCALE = 1e-3
_CALENDAR_DIM = 4  # width of a calendar feature where it meets other knowledge


@dataclasses.dataclass(frozen=True)
class ForecastShape:
    """What goes into a forecaster, and what comes out.

    Args:
        lookback: Steps L of the history.
        horizon: Steps H of the forecast.
        num_targets: Variables C that are forecast.
        num_past: Further variables P that are known of the past alone.
        num_known: Variables K that are known of the future too.
        num_static: Numbers S that stay the same over time.
        calendar: Number of values of each calendar feature, such as `(24, 7)` for hour and weekday.
        num_outputs: Numbers Q that are forecast for each step and variable: quantiles, say.
        student_t: Whether they are a Student-t distribution's location, scale and degrees of freedom; then Q is 3.
        masked: Whether the model is told which targets of the history were observed.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> from keras_attn.models import ForecastShape
        >>> ForecastShape(lookback=48, horizon=12, num_targets=2).num_outputs
        1
    """

    lookback: int
    horizon: int
    num_targets: int = 1
    num_past: int = 0
    num_known: int = 0
    num_static: int = 0
    calendar: tuple = ()
    num_outputs: int = 1
    student_t: bool = False
    masked: bool = False

    def __post_init__(self):
        check_positive(
            lookback=self.lookback, horizon=self.horizon, num_targets=self.num_targets, num_outputs=self.num_outputs
        )
        for name in ("num_past", "num_known", "num_static"):
            if getattr(self, name) < 0:
                raise ValueError(f"`{name}` must be at least 0. Received: {name}={getattr(self, name)}")
        if self.student_t and self.num_outputs != STUDENT_T:
            raise ValueError(
                f"A Student-t distribution has {STUDENT_T} numbers. Received: num_outputs={self.num_outputs}"
            )

    def inputs(self):
        """Makes the inputs of a functional model.

        Returns:
            Dict of name -> `keras.Input`: `history` [B, L, C]; where there are such `observed` [B, L, C], `past`
            [B, L, P], `known` [B, L + H, K], `calendar` [B, L + H, F] and `static` [B, S].
        """
        both = self.lookback + self.horizon
        found = {"history": keras.Input((self.lookback, self.num_targets), name="history")}
        if self.masked:
            found["observed"] = keras.Input((self.lookback, self.num_targets), dtype="bool", name="observed")
        if self.num_past:
            found["past"] = keras.Input((self.lookback, self.num_past), name="past")
        if self.num_known:
            found["known"] = keras.Input((both, self.num_known), name="known")
        if self.calendar:
            found["calendar"] = keras.Input((both, len(self.calendar)), dtype="int32", name="calendar")
        if self.num_static:
            found["static"] = keras.Input((self.num_static,), name="static")
        return found


def forecaster(shape, core, hidden_dim, name, shortcut=True, affine=False, normalize=True, dtype=None):
    """Builds a forecaster around what tells one architecture from another.

    The history is freed of the effects of what is known beforehand (calendar, known and static variables), normalised
    by window, and given to `core`; the window's level and spread are put back into what comes out, and the effects of
    the future added.

    Args:
        shape: `ForecastShape`.
        core: Called with the normalised history [B, L, C] and the dict of inputs; gives [B, H, C, Q].
        hidden_dim: Width of the network of known and static variables.
        name: Name of the model.
        shortcut: Whether a linear map of each variable's own history, the same for all, is added to what `core` gives.
        affine: Whether the normalisation has learned scales and shifts.
        normalize: Whether to normalise by window at all.
        dtype: Dtype policy of all layers; Keras's global one when None.

    Returns:
        A functional `keras.Model`: dict of inputs, see `ForecastShape.inputs`, -> float32 [B, H, C], or [B, H, C, Q]
        where Q is above 1.
    """
    inputs = shape.inputs()
    x, observed = inputs["history"], inputs.get("observed")
    effects = known_effects(inputs, shape, hidden_dim, dtype)  # [B, L + H, C]
    if effects is not None:
        x = x - effects[:, : shape.lookback]
    if normalize:
        norm = layers.ReversibleInstanceNorm(affine, name="window_norm", dtype="float32")
        x, statistics = norm(x, observed=observed)
    elif observed is not None:
        x = ops.where(observed, x, 0.0)
    outputs = ops.cast(core(x, inputs), "float32")  # [B, H, C, Q]
    if shortcut:
        outputs = outputs + to_horizon(ops.transpose(x, (0, 2, 1)), shape, "shortcut", "float32")
    scale = freedom = None
    if shape.student_t:
        outputs, scale, freedom = ops.split(outputs, STUDENT_T, axis=-1)
        scale = ops.softplus(scale) + _MIN_SCALE
        freedom = 2.0 + ops.softplus(freedom)  # above 2 there is a variance
    if normalize:
        outputs = _way_back(norm, outputs, statistics)
        scale = None if scale is None else scale * statistics[:, 1][:, None, :, None]
    if effects is not None:
        outputs = outputs + effects[:, shape.lookback :, :, None]
    if shape.student_t:
        outputs = ops.concatenate([outputs, scale, freedom], axis=-1)
    if shape.num_outputs == 1:
        outputs = outputs[..., 0]
    return keras.Model(inputs, outputs, name=name)


def _way_back(norm, outputs, statistics):
    """Undoes the normalisation by window of [B, H, C, Q]."""
    _, horizon, targets, count = outputs.shape
    x = ops.reshape(ops.transpose(outputs, (0, 1, 3, 2)), (-1, horizon * count, targets))
    x = ops.reshape(norm(x, statistics=statistics), (-1, horizon, count, targets))
    return ops.transpose(x, (0, 1, 3, 2))


def to_horizon(vectors, shape, name, dtype, dropout=0.0, initializer="glorot_uniform"):
    """Makes forecasts of vectors, one of each variable.

    Args:
        vectors: Tensor [B, C, D].
        shape: `ForecastShape`.
        name: Name of the layer.
        dtype: Dtype policy.
        dropout: Share of the vectors' numbers set to zero in training.
        initializer: Initializer of the map.

    Returns:
        Tensor [B, H, C, Q].
    """
    if dropout:
        vectors = layers.Dropout(dropout, name=f"{name}_dropout", dtype=dtype)(vectors)
    dense = keras.layers.Dense(
        shape.horizon * shape.num_outputs, kernel_initializer=initializer, name=name, dtype=dtype
    )
    x = ops.reshape(dense(vectors), (-1, shape.num_targets, shape.horizon, shape.num_outputs))
    return ops.transpose(x, (0, 2, 1, 3))


def known_effects(inputs, shape, hidden_dim, dtype):
    """Works out what is known beforehand does to each variable, at each step of history and horizon.

    Each calendar feature has a table, each variable's effect of each of its values, which begins at zero. Known and
    static variables go, with the calendar, through a network of one hidden layer.

    Args:
        inputs: Dict of inputs.
        shape: `ForecastShape`.
        hidden_dim: Width of the network.
        dtype: Dtype policy of the layers.

    Returns:
        Tensor [B, L + H, C], or None where nothing is known.

    Reference:
        Lin et al. 2024, "CycleNet: Enhancing Time Series Forecasting through Modeling Periodic Patterns", section 3: a
        table is their learnable recurrent cycle Q of W steps; they take it off after the normalisation by window, we
        before.
    """
    parts, features = [], []
    for i, size in enumerate(shape.calendar):
        codes = inputs["calendar"][:, :, i]
        table = keras.layers.Embedding(size, shape.num_targets, "zeros", name=f"calendar_{i}", dtype="float32")
        parts.append(table(codes))
        if shape.num_known or shape.num_static:
            features.append(
                keras.layers.Embedding(size, _CALENDAR_DIM, name=f"calendar_vector_{i}", dtype=dtype)(codes)
            )
    if shape.num_known or shape.num_static:
        if shape.num_known:
            features.append(inputs["known"])
        if shape.num_static:
            both = shape.lookback + shape.horizon
            features.append(ops.repeat(inputs["static"][:, None], both, axis=1))
        x = ops.concatenate(features, axis=-1) if len(features) > 1 else features[0]
        x = keras.layers.Dense(hidden_dim, activation="gelu", name="known_hidden", dtype=dtype)(x)
        effects = keras.layers.Dense(
            shape.num_targets, kernel_initializer="zeros", name="known_effect", dtype="float32"
        )
        parts.append(effects(x))
    return sum(parts[1:], parts[0]) if parts else None
