"""A choice between settings by cross-validation on the training's signals, for sets without a validation."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf
from sklearn.model_selection import StratifiedKFold

from keras_attn.data import SignalBatches
from keras_attn.tasks.run_parts import read_part, write_part
from keras_attn.tasks.task import say

_FILE = "choice.json"
_WRONG = 2  # answers, from which on another setting can win by more than chance


@dataclasses.dataclass(frozen=True)
class Choice:
    """What a cross-validation found.

    Args:
        changes: Dict of the settings chosen.
        rows: List of dicts, one a candidate: its name, accuracy and loss over all folds.
        outputs: List of arrays, the chosen one's output for each signal, of a model that had not seen it.
    """

    changes: dict
    rows: list
    outputs: list

    def save(self, folder):
        """Writes `choice.json`.

        Args:
            folder: The run folder.
        """
        outputs = [np.asarray(output).tolist() for output in self.outputs]
        write_part(folder, _FILE, {"changes": self.changes, "rows": self.rows, "outputs": outputs})

    @classmethod
    def load(cls, folder):
        """Reads what `save` wrote.

        Args:
            folder: The run folder.

        Returns:
            A `Choice`, or None where there is none.

        Raises:
            ValueError: If the file is damaged.
        """
        if not (folder / _FILE).exists():
            return None
        return read_part(folder, _FILE, cls._from_plain)

    @classmethod
    def _from_plain(cls, found):
        return cls(found["changes"], found["rows"], [np.array(output, "float32") for output in found["outputs"]])


def choose(goal, settings, data, arrays, figures, is_raw):
    """Trains on the folds, a single member a third as long as the settings say, as set and with one block more.

    The settings stay as they are unless the block makes more signals right than chance would: more of those that only
    one of the two gets right, by more than the root of their number. Where that cannot be, it is not tried.

    Args:
        goal: The `LabelGoal`.
        settings: `SignalSettings`.
        data: `LabelledSignals` to learn from.
        arrays: List of what the model sees of each.
        figures: Their `InputFigures`.
        is_raw: Whether the model sees values, rather than bands.

    Returns:
        A `Choice`; one of nothing where a class has a single signal.
    """
    classes = np.stack(goal.targets(data)).argmax(axis=1)
    fewest = int(np.bincount(classes).min())
    if fewest < 2:
        return Choice({}, [], [])
    splitter = StratifiedKFold(min(settings.folds, fewest), shuffle=True, random_state=settings.seed)
    folds = list(splitter.split(classes, classes))
    quick = dataclasses.replace(settings, members=1, epochs=max(1, settings.epochs // 3))
    one_more = {"num_layers": settings.num_layers + 1}

    def tried(name, changes):
        changed = dataclasses.replace(quick, **changes)
        outputs = np.stack(_outputs_of(goal, changed, data, arrays, figures, is_raw, folds))
        is_right = outputs.argmax(axis=1) == classes
        accuracy = 100.0 * float(is_right.mean())
        loss = float(-np.log(np.maximum(outputs[np.arange(len(classes)), classes], 1e-9)).mean())
        say(f"{len(folds)} folds, {name}: accuracy {accuracy:.2f}, loss {loss:.4f}")
        return outputs, is_right, {"setting": name, "accuracy": accuracy, "loss": loss}

    outputs, is_right, row = tried("as set", {})
    as_set = Choice({}, [row], list(outputs))
    if (~is_right).sum() < _WRONG:
        return as_set
    outputs, is_right_with_more, row = tried("one block more", one_more)
    rows = [*as_set.rows, row]
    gained, lost = (is_right_with_more & ~is_right).sum(), (is_right & ~is_right_with_more).sum()
    if gained - lost > np.sqrt(gained + lost):
        return Choice(one_more, rows, list(outputs))
    return dataclasses.replace(as_set, rows=rows)


def _outputs_of(goal, settings, data, arrays, figures, is_raw, folds):
    """Outputs for each signal of a model trained on the other folds; one model, begun anew, is traced only once."""
    targets, found = goal.targets(data), [None] * len(arrays)
    epochs = settings.epochs

    def batches(rows, shuffle):
        return SignalBatches(
            [arrays[row] for row in rows],
            [targets[row] for row in rows],
            batch_size=settings.batch_size,
            min_batches=settings.min_batches if shuffle else 1,
            shuffle=shuffle,
            seed=settings.seed,
        )

    model = goal.build(settings, figures, epochs * len(batches(folds[0][0], True)), is_raw)
    answer = tf.function(lambda inputs: goal.outputs(model, inputs), autograph=False, reduce_retracing=True)
    variables = [*model.variables, *model.optimizer.variables]
    start = [variable.numpy() for variable in variables]
    for train, test in folds:
        for variable, value in zip(variables, start, strict=True):
            variable.assign(value)
        part = batches(train, True)
        mix = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs, part=part: setattr(part, "epoch", epoch)
        )
        model.fit(part.as_dataset(), epochs=epochs, verbose=0, shuffle=False, callbacks=[mix])
        held_out = batches(test, False)
        answers = [answer(held_out[i][0]).numpy() for i in range(len(held_out))]
        for row, output in zip(test[held_out.order()], np.concatenate(answers), strict=True):
            found[row] = output
    return found
