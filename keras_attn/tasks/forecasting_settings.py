import dataclasses
from typing import Literal

from keras_attn.tasks.settings import check_range

_CALENDAR = ("day", "week", "month", "year")


@dataclasses.dataclass(frozen=True)
class ForecastingSettings:
    """Everything that can be set about a forecasting task; the same names in Python, in YAML and after `--set`.

    Args:
        time_column: Column of the time stamps; null takes the first of date, time, timestamp, datetime, ds.
        series_column: Column that names each row's series, for long tables; null where the table is one series.
        target_columns: Columns to forecast; none given: all that have no other meaning.
        past_columns: Columns of numbers that are known of the past alone.
        known_columns: Columns of numbers that are known of the future too, such as holidays or prices.
        static_columns: Columns that say something of a whole series, words or numbers.
        horizon: Steps that are forecast.
        lookback: Steps that a forecast is made from.
        split: Training, validation and test part of each series in this order: shares that sum to 1 ("0.7,0.1,0.2"), or
            numbers of steps.
        calendar: What of the calendar is used: day (the place in it), week, month, year; auto chooses by the steps'
            distance, none leaves it out.
        missing: What stands for missing values of targets: the line between the neighbours, the value before, or
            nothing (mask): then the model is told what was observed. They are never learnt or measured.
        architecture: Patch Transformer, inverted Transformer (attention across variables), encoder-decoder
            (transformer, recurrent), or linear.
        num_layers: Number of Transformer blocks.
        hidden_dim: Width of the model.
        num_heads: Number of attention heads.
        intermediate_dim: Width of the feed-forward networks.
        patch_length: Steps of a patch (patch).
        stride: Steps from one patch to the next (patch).
        window: Steps to either side that a step of the history attends to; null for all (transformer).
        dropout: Dropout of the vectors and of sublayers.
        attention_dropout: Dropout of attention probabilities.
        head_dropout: Dropout of what the last layer reads (patch, inverted).
        shortcut: Whether a linear map of each variable's history is added (not with linear, which is one).
        start: What the shortcut begins with: random numbers, or the linear baseline's weights.
        normalize: Whether each window is freed of its own level and spread, which the forecast gets back.
        output: What is learnt: the forecast alone, quantiles, or a Student-t distribution. Intervals come with each.
        loss: What a forecast alone is measured by: squared error, absolute error, or between them (huber).
        coverage: Share of what comes that the interval is to hold.
        learning_rate: Highest learning rate, at the end of the warm-up; from there it falls along a cosine to 0.
        warmup_share: Share of all steps that the warm-up takes.
        weight_decay: Share of the weights, biases and norms left out, taken off a step, times the rate.
        gradient_clip: Largest norm of the whole gradient; null does not clip.
        average_decay: Decay a step of the weights' moving average that is validated and kept; null keeps the weights.
        precision: Dtype policy of the training; auto is mixed_bfloat16 where a GPU or the CPU has units for it, else
            float32.
        batch_size: Windows a batch.
        epochs: Passes over the windows.
        patience: Epochs without a better validation after which to stop; null goes on to the end.
        checkpoint_minutes: Minutes between checkpoints within an epoch; there is one at its end in any case.
        seed: Seed of everything random.

    Raises:
        ValueError: If a value is out of its range, or a column is named twice.
    """

    time_column: str | None = None
    series_column: str | None = None
    target_columns: tuple[str, ...] = ()
    past_columns: tuple[str, ...] = ()
    known_columns: tuple[str, ...] = ()
    static_columns: tuple[str, ...] = ()
    horizon: int = 24
    lookback: int = 96
    split: str = "0.7,0.1,0.2"
    calendar: tuple[str, ...] = ("auto",)
    missing: Literal["interpolate", "previous", "mask"] = "interpolate"
    architecture: Literal["patch", "inverted", "transformer", "recurrent", "linear"] = "patch"
    num_layers: int = 2
    hidden_dim: int = 16
    num_heads: int = 4
    intermediate_dim: int = 32
    patch_length: int = 16
    stride: int = 8
    window: int | None = None
    dropout: float = 0.3
    attention_dropout: float = 0.0
    head_dropout: float = 0.0
    shortcut: bool = True
    start: Literal["random", "linear"] = "random"
    normalize: bool = True
    output: Literal["point", "quantile", "student_t"] = "point"
    loss: Literal["mse", "mae", "huber"] = "mse"
    coverage: float = 0.9
    learning_rate: float = 0.001
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    gradient_clip: float | None = 1.0
    average_decay: float | None = 0.99
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "float32"
    batch_size: int = 64
    epochs: int = 10
    patience: int | None = 3
    checkpoint_minutes: float = 5.0
    seed: int = 1

    def __post_init__(self):
        counts = ("horizon", "num_layers", "hidden_dim", "num_heads", "intermediate_dim", "patch_length", "stride")
        check_range(self, (*counts, "batch_size", "epochs", "patience", "window"), at_least=1)
        check_range(self, ("lookback",), at_least=2)
        check_range(self, ("weight_decay",), at_least=0)
        check_range(self, ("seed",), at_least=0, below=2**32)
        check_range(self, ("dropout", "attention_dropout", "head_dropout", "warmup_share"), at_least=0, below=1)
        check_range(self, ("learning_rate", "gradient_clip", "checkpoint_minutes"), above=0, below=float("inf"))
        check_range(self, ("average_decay", "coverage"), above=0, below=1)
        self.split_parts()
        self.columns()
        unknown = [name for name in self.calendar if name not in (*_CALENDAR, "auto", "none")]
        if unknown or (len(self.calendar) > 1 and {"auto", "none"} & set(self.calendar)):
            raise ValueError(
                f"`calendar` must be auto, none, or some of {', '.join(_CALENDAR)}. Received: calendar={self.calendar}"
            )
        self._check_architecture()

    def columns(self):
        """Gives the columns that are named.

        Returns:
            `keras_attn.data.SeriesColumns`.
        """
        from keras_attn.data import SeriesColumns  # with NumPy

        return SeriesColumns(
            self.time_column,
            self.series_column,
            self.target_columns,
            self.past_columns,
            self.known_columns,
            self.static_columns,
        )

    def split_parts(self):
        """Reads the split.

        Returns:
            Three floats that sum to 1, or three whole numbers of steps.

        Raises:
            ValueError: If it is neither.
        """
        try:
            parts = [float(part) for part in self.split.split(",")]
        except ValueError:
            parts = []
        if len(parts) == 3 and min(parts) >= 0 and parts[0] > 0 and parts[1] > 0:
            if abs(sum(parts) - 1.0) < 1e-6:
                return tuple(parts)
            if all(part.is_integer() for part in parts):
                return tuple(int(part) for part in parts)
        raise ValueError(
            "`split` must be three shares that sum to 1, such as 0.7,0.1,0.2, or three numbers of steps, those of "
            f"training and validation above 0. Received: split={self.split!r}"
        )

    def levels(self):
        """Gives the levels of the quantiles that are forecast: some common ones and the interval's ends.

        Returns:
            Tuple of numbers between 0 and 1, rising; the first and last are the interval's.
        """
        low = round((1.0 - self.coverage) / 2.0, 6)
        return (low, *(level for level in (0.1, 0.25, 0.5, 0.75, 0.9) if low < level < 1.0 - low), round(1.0 - low, 6))

    def _check_architecture(self):
        attends = self.architecture in ("patch", "inverted", "transformer")
        if attends and self.hidden_dim % self.num_heads:
            raise ValueError(
                f"`num_heads` must divide `hidden_dim`. Received: num_heads={self.num_heads}, "
                f"hidden_dim={self.hidden_dim}"
            )
        if self.architecture in ("transformer", "recurrent") and self.hidden_dim % 2:
            raise ValueError(f"`hidden_dim` must be even. Received: hidden_dim={self.hidden_dim}")
        if self.architecture == "patch" and self.stride > self.patch_length:
            raise ValueError(
                f"`stride` must be at most `patch_length`, or steps are left out. Received: stride={self.stride}, "
                f"patch_length={self.patch_length}"
            )
        if self.start == "linear" and (self.architecture == "linear" or not self.shortcut or not self.normalize):
            raise ValueError(
                "start=linear gives the shortcut the linear baseline's weights, which are for normalised windows: it "
                "needs shortcut=true, normalize=true and another architecture than linear. "
                f"Received: architecture={self.architecture!r}, shortcut={self.shortcut}, normalize={self.normalize}"
            )
