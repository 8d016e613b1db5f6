import dataclasses
import re
from typing import Literal

from keras_attn.tasks.settings import check_heads, check_range, check_weight_decay


@dataclasses.dataclass(frozen=True)
class SignalSettings:
    """Everything that can be set about a signal task; the same names in Python, in YAML and after `--set`.

    Args:
        output: What a signal is made into: a label, one of the classes of the training; a text, such as the digits that
            are spoken; another signal of the same length; or its own next values (next), by which it can be gone on
            with.
        label_column: Column of the labels or texts in a csv.
        id_column: Column that tells the signals of a csv apart, where each line is a step; null where each line is a
            signal.
        label_pattern: Regular expression whose first group, in the name of a wav file, is its label; null where each
            class has a folder.
        sample_rate: Samples a second that recordings are brought to; null takes that of the training's first file.
        features: What the model sees: the values themselves (raw) or logarithms of mel bands (log_mel); auto is log_mel
            of recordings that are to become a label or a text, else raw.
        frame_ms: Milliseconds of each window (log_mel).
        step_ms: Milliseconds from one window to the next (log_mel).
        mel_bands: Number of bands (log_mel).
        architecture: The encoder: Conformer or Transformer blocks, after convolutions.
        members: Number of encoders trained side by side, whose probabilities are averaged (label).
        num_layers: Number of blocks; 0 leaves the convolutions alone.
        hidden_dim: Width of the model.
        num_heads: Number of attention heads.
        intermediate_dim: Width of the feed-forward networks.
        position: Whether the model knows how far a step is from the begin (sinusoidal), or how far steps are apart
            (relative).
        kernel_size: Steps that a Conformer block's convolution sees, odd.
        stem_kernel_size: Steps that each of the first convolutions sees.
        stem_layers: Number of the first convolutions.
        reduction: How many times shorter the first convolutions make a signal, a power of 2; null makes the longest
            one of the training at most 64 steps (label), and leaves the length as it is where every step counts.
        num_windows: Number of stretches of time that are pooled by themselves (label).
        dropout: Dropout of the convolutions' output, of sublayers and of the pooled vectors.
        attention_dropout: Dropout of attention probabilities.
        jitter: Standard deviation of noise added in training (raw), of values of unit variance.
        scaling: Standard deviation of a factor in training (raw).
        warp: Standard deviation of the logarithm of the speed in training (raw).
        hidden_bands: Number of bands of time, and of features, that are hidden in training (log_mel).
        precision: Dtype policy of the training; auto is mixed_bfloat16 where a GPU or the CPU has units for it, else
            float32.
        optimizer: Adam, or AdamW, which decays weights.
        learning_rate: Highest learning rate, at the end of the warm-up; from there it falls along a cosine to 0.
        warmup_share: Share of all steps that the warm-up takes.
        weight_decay: Share of the weights, biases and norms left out, taken off a step, times the rate (adamw).
        gradient_clip: Largest norm of the whole gradient; null does not clip.
        label_smoothing: Share of the target probability spread over the classes (label).
        average_decay: Decay a step of the weights' moving average that is validated and kept; null keeps the weights.
        batch_size: Signals a batch.
        min_batches: Fewest batches an epoch; it goes through few signals several times.
        epochs: Number of epochs.
        patience: Epochs without a better validation after which to stop; null goes on to the end.
        checkpoint_minutes: Minutes between checkpoints within an epoch; there is one at its end in any case.
        folds: Parts of a cross-validation on the training signals, which chooses between settings and calibrates where
            there is no validation (label); 0 leaves that out.
        beam_size: Texts kept by the search, 1 takes the likeliest letter of each step (text).
        answer_accuracy: Share of right answers that the threshold for abstaining is to give, on the validation (label).
        seed: Seed of everything random.

    Raises:
        ValueError: If a value is out of its range.
    """

    output: Literal["label", "text", "signal", "next"] = "label"
    label_column: str = "label"
    id_column: str | None = None
    label_pattern: str | None = None
    sample_rate: int | None = None
    features: Literal["auto", "raw", "log_mel"] = "auto"
    frame_ms: float = 25.0
    step_ms: float = 10.0
    mel_bands: int = 40
    architecture: Literal["conformer", "transformer"] = "transformer"
    members: int = 3
    num_layers: int = 1
    hidden_dim: int = 64
    num_heads: int = 4
    intermediate_dim: int = 128
    position: Literal["relative", "sinusoidal"] = "relative"
    kernel_size: int = 15
    stem_kernel_size: int = 7
    stem_layers: int = 3
    reduction: int | None = None
    num_windows: int = 8
    dropout: float = 0.3
    attention_dropout: float = 0.0
    jitter: float = 0.1
    scaling: float = 0.1
    warp: float = 0.1
    hidden_bands: int = 2
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "float32"
    optimizer: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = 0.002
    warmup_share: float = 0.1
    weight_decay: float = 0.05
    gradient_clip: float | None = 1.0
    label_smoothing: float = 0.1
    average_decay: float | None = 0.99
    batch_size: int = 16
    min_batches: int = 50
    epochs: int = 12
    patience: int | None = None
    checkpoint_minutes: float = 5.0
    folds: int = 3
    beam_size: int = 8
    answer_accuracy: float = 0.95
    seed: int = 1

    def __post_init__(self):
        counts = ("sample_rate", "mel_bands", "members", "hidden_dim", "num_heads", "intermediate_dim", "kernel_size")
        counts += ("stem_kernel_size", "stem_layers", "reduction", "num_windows", "batch_size", "min_batches")
        check_range(self, (*counts, "epochs", "patience", "beam_size"), at_least=1)
        check_range(self, ("num_layers", "folds", "hidden_bands"), at_least=0)
        check_range(self, ("jitter", "scaling", "warp", "weight_decay"), at_least=0, below=float("inf"))
        check_range(self, ("dropout", "attention_dropout", "label_smoothing", "warmup_share"), at_least=0, below=1)
        positive = ("frame_ms", "step_ms", "learning_rate", "gradient_clip", "checkpoint_minutes")
        check_range(self, positive, above=0, below=float("inf"))
        check_range(self, ("average_decay",), above=0, below=1)
        check_range(self, ("answer_accuracy",), above=0, at_most=1)
        check_range(self, ("seed",), at_least=0, below=2**32)
        self._check_data()
        self._check_architecture()

    def _check_data(self):
        if self.label_pattern is not None:
            try:
                groups = re.compile(self.label_pattern).groups
            except re.error as error:
                raise ValueError(
                    f"`label_pattern` is no regular expression ({error}). "
                    f"Received: label_pattern={self.label_pattern!r}"
                ) from None
            if not groups:
                raise ValueError(
                    "`label_pattern` must have a group, in brackets, that is the label, such as '^([^_]+)_'. "
                    f"Received: label_pattern={self.label_pattern!r}"
                )
        if self.folds == 1:
            raise ValueError("A cross-validation needs two folds or more; 0 leaves it out. Received: folds=1")
        if self.output in ("signal", "next") and self.features == "log_mel":
            raise ValueError(
                "A signal is made from values, not from bands: set features=raw. "
                f"Received: output={self.output!r}, features='log_mel'"
            )

    def _check_architecture(self):
        check_heads(self)
        if self.kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be odd. Received: kernel_size={self.kernel_size}")
        most = 2**self.stem_layers
        if self.reduction is not None and (self.reduction & (self.reduction - 1) or self.reduction > most):
            raise ValueError(
                f"`reduction` must be a power of 2, at most {most} with stem_layers={self.stem_layers}. "
                f"Received: reduction={self.reduction}"
            )
        if self.output in ("signal", "next") and self.reduction not in (None, 1):
            raise ValueError(
                "Each step of a signal becomes one: leave `reduction` off. "
                f"Received: output={self.output!r}, reduction={self.reduction}"
            )
        check_weight_decay(self)
