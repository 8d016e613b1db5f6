"""How a signal task learns: its data looked through, its training, and what follows."""

import dataclasses
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from keras_attn.data import SignalBatches
from keras_attn.tasks.markdown_table import markdown_table
from keras_attn.tasks.signal_choice import Choice, choose
from keras_attn.tasks.signal_explanation import draw_where_it_looked
from keras_attn.tasks.signal_features import SignalFeatures
from keras_attn.tasks.signal_labels import LabelGoal
from keras_attn.tasks.signal_model import InputFigures
from keras_attn.tasks.signal_texts import TextGoal
from keras_attn.tasks.signal_values import NextGoal, ValueGoal

GOALS = {"label": LabelGoal, "text": TextGoal, "signal": ValueGoal, "next": NextGoal}

_FEW = 2000  # signals up to which all are learnt from, and none held out
_HELD_OUT = 0.1
_KEPT = 16  # signals kept to compare an export by


class Parts(NamedTuple):
    """What a training begins with.

    Args:
        data: `LabelledSignals` to learn from.
        validation: `LabelledSignals` to choose by, or None.
        goal: What is to be learnt, such as a `LabelGoal`.
        features: `SignalFeatures`.
        notes: List of sentences about the data.
        described: Dict of what `config.yaml` says of the data.
    """

    data: object
    validation: object
    goal: object
    features: object
    notes: list
    described: dict


def look_through(task, data, validation):
    """Reads the data, and finds what there is to learn and to say of them.

    Args:
        task: A `Signal`.
        data: A path or a `LabelledSignals`, to learn from.
        validation: The same, to choose by; None where there is none.

    Returns:
        `Parts`.

    Raises:
        ValueError: If there is nothing to learn, or training and validation do not fit together.
    """
    settings = task.settings
    data = task.read(data, "training")
    features = SignalFeatures.of(settings, data.sample_rate)
    goal = GOALS[settings.output].of(settings, data)
    more = data.account("training")
    if validation is not None:
        validation = task.read(validation, "validation")
        if (validation.num_channels, validation.sample_rate) != (data.num_channels, data.sample_rate):
            raise ValueError(
                "Training and validation must have as many channels and samples a second. Received: "
                f"channels={data.num_channels} and {validation.num_channels}, "
                f"sample_rate={data.sample_rate} and {validation.sample_rate}"
            )
        more += validation.account("validation")
        validation, left_out = goal.usable(validation, "validation")
        more += left_out
    elif settings.output != "label" or not settings.folds or len(data) > _FEW:
        data, validation = _split(settings, data)
        more.append(f"No validation was given: {len(validation)} of the training's signals are held out for it.")
    else:
        more.append(
            f"No validation was given: {settings.folds} folds of the training's signals choose between settings, then "
            "all of them are learnt from, to the last epoch."
        )
    count = 0 if validation is None else len(validation)
    notes = [f"{len(data)} training signals, {count} validation signals.", *more]
    described = {"training_signals": len(data), "validation_signals": count, "data": data.fingerprint()}
    return Parts(data, validation, goal, features, notes, described)


def train(task, training, parts):
    """Trains a task, and writes all of it down.

    Args:
        task: A `Signal` with its goal and features.
        training: The `TrainingRun`, entered.
        parts: The `Parts`.

    Returns:
        Dict of figures on the validation, or of the cross-validation.
    """
    data, validation, goal, features, notes, _ = parts
    is_raw, arrays = features.kind == "raw", features.arrays(data.signals)
    figures = InputFigures.of(arrays)
    if figures.constant:
        notes.append(f"Channels that never change in the training, left as they are: {figures.constant}.")
    settings, choice = task.settings, None
    if validation is None:
        choice = training.of_chief(
            lambda: (
                (Choice.load(training.folder.path) if training.resumed else None)
                or choose(goal, settings, data, arrays, figures, is_raw)
            ),
            Choice.save,
            Choice.load,
        )
        settings = dataclasses.replace(settings, **choice.changes)
    held_out = data if validation is None else validation
    batches = _batches(settings, goal, data, arrays, shuffle=True)
    held_out_batches = _batches(settings, goal, held_out, features.arrays(held_out.signals), shuffle=False)
    with training.scope():
        task.use(goal.build(settings, figures, settings.epochs * len(batches), is_raw))
    training.start([signal.tolist() for signal in held_out.signals[:_KEPT]])
    folder = training.folder.path
    goal.save(folder)
    if choice is not None:
        choice.save(folder)

    def validate():
        return {} if validation is None else goal.figures(validation, task.outputs(validation.signals))

    training.fit(batches, held_out_batches, validate)
    task.use(training.best_model())
    # What the figures are of: of the cross-validation there is nothing where a class has a single signal.
    outputs = task.outputs(validation.signals) if choice is None else choice.outputs
    if not outputs:
        training.report(_choice_section(choice) + notes)
        return {}
    outputs = goal.finish(held_out, outputs, settings)
    goal.save(folder)
    task.use(task.model)  # with the calibration
    sections = _choice_section(choice) + goal.sections(folder, held_out, outputs, notes)
    training.report(sections + picture_sections(task, folder, held_out))
    return goal.figures(held_out, outputs)


def picture_sections(task, folder, data):
    """Draws where in time the model looked, a signal of each class.

    Args:
        task: A trained `Signal`.
        folder: Folder of the report.
        data: `LabelledSignals`.

    Returns:
        List of Markdown texts.
    """
    if task.settings.output != "label":
        return []
    draw_where_it_looked(task, folder / "where.png", data)
    text = "A signal of each class; the darker the ground, the more of what the answer was made of came from there."
    return ["## Where it looked", text, "![where in time it looked](where.png)"]


def _split(settings, data):
    """Holds a tenth out, of each class its share where there are classes with two signals or more."""
    classes = data.labels.get(settings.label_column) if settings.output == "label" else None
    if classes and min(classes.count(name) for name in set(classes)) < 2:
        classes = None
    count = max(1 if classes is None else len(set(classes)), round(_HELD_OUT * len(data)))
    if count >= len(data):
        raise ValueError(
            f"There are too few signals to hold some out: give a validation. Received: {len(data)} signals"
        )
    rows, held_out = train_test_split(
        np.arange(len(data)), test_size=count, random_state=settings.seed, stratify=classes
    )
    return data.select(sorted(rows)), data.select(sorted(held_out))


def _batches(settings, goal, data, arrays, shuffle):
    return SignalBatches(
        arrays,
        goal.targets(data),
        batch_size=settings.batch_size,
        min_batches=settings.min_batches if shuffle else 1,
        weigh_steps=goal.weigh_steps,
        shuffle=shuffle,
        seed=settings.seed,
    )


def _choice_section(choice):
    if choice is None or not choice.rows:
        return []
    rows = [{**row, "loss": f"{row['loss']:.4f}"} for row in choice.rows]
    return [
        "## Settings compared",
        "By cross-validation on the training's signals, each training of a single member and a third as long as the "
        "last one; the figures and the calibration below come of it too, so no signal was answered by a model that "
        "had learnt from it.",
        markdown_table(rows),
    ]
