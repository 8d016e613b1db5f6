"""Where in time a trained signal task looks, as numbers and as a picture of a signal of each class."""

import numpy as np

from keras_attn.explain import SignalWeights

_MOST_CLASSES = 12  # in one picture


def explanation(task, signal):
    """Shows where in time the model looked.

    Args:
        task: A trained `Signal`.
        signal: Float32 array [T, C].

    Returns:
        A `SignalWeights`.

    Raises:
        ValueError: If what the task learnt is no label.
    """
    if task.settings.output != "label":
        raise ValueError(f"Where a model looked is shown of labels alone. Received: output={task.settings.output!r}")
    (answer,) = task.answers([signal])
    return _weights(task, signal, f"{answer.label} ({answer.confidence:.2f})")


def draw_where_it_looked(task, path, data):
    """Draws the first signal of each class.

    Args:
        task: A trained `Signal` of labels.
        path: Picture to write.
        data: `LabelledSignals`.
    """
    from matplotlib import pyplot

    from keras_attn.explain.attention_map import drawing_style

    labels = data.labels[task.goal.head]
    rows = [labels.index(name) for name in dict.fromkeys(sorted(labels))][:_MOST_CLASSES]
    answers = task.answers([data.signals[row] for row in rows])
    columns = min(2, len(rows))
    lines = -(-len(rows) // columns)
    with drawing_style():
        figure, axes = pyplot.subplots(
            lines, columns, figsize=(11, 0.6 + 2.1 * lines), squeeze=False, layout="constrained"
        )
        for axis, row, answer in zip(axes.flat, rows, answers, strict=False):
            said = f"{labels[row]}: answered {answer.label} ({answer.confidence:.2f})"
            _weights(task, data.signals[row], said).draw(axis)
        for axis in axes.flat[len(rows) :]:
            axis.remove()
        figure.savefig(path, dpi=110)
        pyplot.close(figure)


def _weights(task, signal, title):
    weights, seen = task.asked().look(signal)
    times = task.features.seconds(np.arange(len(seen)))
    return SignalWeights(times, seen, weights, title, "seconds" if task.features.sample_rate else "step")
