"""Signals made into other signals of the same length: noisy ones into clean ones, or each value into the next."""

import dataclasses
import json

import keras
import numpy as np
import tensorflow as tf

from keras_attn import models
from keras_attn.tasks.run_parts import read_part, write_part
from keras_attn.tasks.signal_goal import SignalGoal
from keras_attn.tasks.signal_model import InputFigures, compiled, new_encoder

_FILE = "values.json"
_SHOWN = 4


class ValueGoal(SignalGoal):
    """A value, or several, for each step of a signal.

    Outputs and answers are arrays [T, C']. Figures are mse, and snr and snr_before, in decibels: how much stronger the
    right signals are than what is wrong in the outputs, and than what is wrong in the signals themselves where those
    have as many channels.

    Args:
        mean: Mean of each channel of the training's targets, a list.
        variance: Variance of each.
    """

    is_causal = False  # whether a step sees only those before it and itself
    monitor = "val_loss"
    weigh_steps = True
    unit = "squared error"

    def __init__(self, mean, variance):
        self.mean = mean
        self.variance = variance

    @classmethod
    def of(cls, settings, data):
        if data.targets is None:
            raise ValueError(
                "There are no signals to make of the signals: give an array `targets` in an npz file, or set "
                "output=label. Received: targets=none"
            )
        figures = InputFigures.of(data.targets)
        return cls(figures.mean, figures.variance)

    def usable(self, data, purpose):
        channels = None if data.targets is None else data.targets[0].shape[1]
        if channels != len(self.mean):
            raise ValueError(
                f"The {purpose} signals need targets of {len(self.mean)} channels. Received: channels={channels}"
            )
        return data, []

    def targets(self, data):
        deviation = np.sqrt(self.variance)
        return [((target - self.mean) / deviation).astype("float32") for target in data.targets]

    def build(self, settings, figures, total_steps, is_raw):
        encoder = new_encoder(settings, figures, "signal_encoder", is_raw, self.is_causal)
        model = models.signal_filter(encoder, len(self.mean))
        return compiled(model, keras.losses.MeanSquaredError(), settings, total_steps)

    def outputs(self, model, inputs):
        values = model(inputs, training=False) * np.sqrt(self.variance).astype("float32")
        values += np.array(self.mean, "float32")
        return tf.where(inputs["mask"][:, :, None], values, 0.0)  # [B, T, C'], without the mean at padding

    def steps(self, steps):
        return steps

    def answers(self, outputs):
        return outputs

    def plain(self, answer):
        return answer

    def line(self, answer, as_json):
        if as_json:
            return json.dumps({"values": np.round(answer, 6).tolist()})
        # One channel after the other.
        return ";".join(",".join(f"{value:.6g}" for value in channel) for channel in answer.T)

    def figures(self, data, outputs):
        power = sum(float(np.square(target, dtype="float64").sum()) for target in data.targets)
        count = sum(target.size for target in data.targets)
        wrong = _squares(data.targets, outputs)
        found = {"mse": wrong / count, "snr": _decibels(power, wrong)}
        if data.num_channels == len(self.mean):
            found["snr_before"] = _decibels(power, _squares(data.targets, data.signals))
        return found

    def sections(self, folder, data, outputs, notes):
        lines = [f"- {name}: {value:.4g}" for name, value in self.figures(data, outputs).items()]
        _draw(folder / "signals.png", data, outputs)
        return [
            "## Figures",
            "\n".join(lines),
            "![signals, what was made of them, and what is right](signals.png)",
            "## The data",
            "\n".join(f"- {note}" for note in notes),
        ]

    def signature_outputs(self, outputs):
        return {"values": tf.identity(outputs)}

    def texts_and_scores(self, answers):
        values = answers["values"].numpy() if isinstance(answers, dict) else answers  # the former are padded by zeros
        return [""] * len(values), [float(np.square(value).sum()) for value in values]

    def describe(self):
        return {"channels of the answer": len(self.mean)}

    def save(self, folder):
        write_part(folder, _FILE, {"mean": self.mean, "variance": self.variance})

    @classmethod
    def load(cls, folder):
        return read_part(folder, _FILE, lambda found: cls(**found))


class NextGoal(ValueGoal):
    """The next value for each step, from those up to it.

    Args:
        mean: Mean of each channel of the training's targets, a list.
        variance: Variance of each.
    """

    is_causal = True


def with_next_values(data):
    """Makes each signal's own next values its target.

    Args:
        data: `LabelledSignals`.

    Returns:
        `LabelledSignals`, each a step shorter, with targets; those of a single step left out.

    Raises:
        ValueError: If all are of a single step.

    Example:
        >>> import numpy as np
        >>> from keras_attn.data import LabelledSignals
        >>> from keras_attn.tasks.signal_values import with_next_values
        >>> data = with_next_values(LabelledSignals([np.array([[1.0], [2.0], [3.0]])]))
        >>> data.signals[0].ravel().tolist(), data.targets[0].ravel().tolist()
        ([1.0, 2.0], [2.0, 3.0])
    """
    data = data.select([row for row, signal in enumerate(data.signals) if len(signal) > 1])
    if not data.signals:
        raise ValueError("Signals of two steps or more are needed to learn what comes next. Received: none")
    signals, targets = [signal[:-1] for signal in data.signals], [signal[1:] for signal in data.signals]
    return dataclasses.replace(data, signals=signals, targets=targets)


def _squares(rights, answers):
    pairs = zip(rights, answers, strict=True)
    return sum(float(np.square(right - answer, dtype="float64").sum()) for right, answer in pairs)


def _decibels(power, wrong):
    return float(10.0 * np.log10(max(power, 1e-30) / max(wrong, 1e-30)))


def _draw(path, data, outputs):
    from matplotlib import pyplot

    count = min(_SHOWN, len(data))
    figure, axes = pyplot.subplots(count, 1, figsize=(10, 0.5 + 1.9 * count), squeeze=False, layout="constrained")
    for row, axis in enumerate(axes[:, 0]):
        axis.plot(data.signals[row][:, 0], color="0.75", label="signal")
        axis.plot(data.targets[row][:, 0], color="tab:blue", linewidth=2.5, alpha=0.6, label="right")
        axis.plot(outputs[row][:, 0], color="tab:orange", linewidth=1.3, label="answer")
    axes[0, 0].legend(ncols=3, loc="upper right")
    axes[-1, 0].set_xlabel("step")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
