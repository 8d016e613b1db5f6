"""Signals made into labels: what the model is, what it learns, how it answers and is measured."""

import json

import keras
import numpy as np
import tensorflow as tf

from keras_attn import models
from keras_attn.tasks.class_calibration import calibrate
from keras_attn.tasks.classification_answers import predictions_of
from keras_attn.tasks.classification_export import answer_outputs
from keras_attn.tasks.classification_labels import Labels
from keras_attn.tasks.classification_measures import Measures
from keras_attn.tasks.classification_report import read_calibration, report_sections, write_calibration
from keras_attn.tasks.seen_texts import counted
from keras_attn.tasks.signal_model import build_classifier


class LabelGoal:
    """One of some classes for each signal, with calibrated probabilities.

    Args:
        labels: `Labels` of a single head.
        calibration: Dict of head -> dict of numbers, see `calibrate`.
    """

    monitor = "accuracy"
    weigh_steps = False
    unit = "nats a signal"

    def __init__(self, labels, calibration=None):
        self.labels = labels
        self.head = labels.heads[0]
        self.calibration = calibration or {}

    @classmethod
    def of(cls, settings, data):
        """Finds the classes of a training.

        Args:
            settings: `SignalSettings`.
            data: `LabelledSignals` to learn from.

        Returns:
            A `LabelGoal`.

        Raises:
            ValueError: If there are no labels, or no two classes.
        """
        if not data.labels:
            raise ValueError(
                "There are no labels to learn: give an array `labels`, or set output=signal. Received: labels=none"
            )
        return cls(Labels.of(data))

    def usable(self, data, purpose):
        """Leaves out signals with a label that the training did not have.

        Args:
            data: `LabelledSignals`.
            purpose: What they are for.

        Returns:
            The others, and a list of sentences.
        """
        known, unknown = self.labels.known(data)
        if not unknown:
            return known, []
        left_out = f"{len(data) - len(known)} {purpose} signals left out, for labels that no training signal has"
        return known, [f"{left_out}: {counted(unknown)}."]

    def targets(self, data):
        """Gives what is to be learnt.

        Args:
            data: `LabelledSignals`.

        Returns:
            List of arrays [C].
        """
        return list(self.labels.targets(data)[self.head])

    def build(self, settings, figures, total_steps, is_raw):
        """Builds and compiles the model.

        Args:
            settings: `SignalSettings`.
            figures: `InputFigures`.
            total_steps: Steps of the whole training.
            is_raw: Whether the model sees values, rather than bands.

        Returns:
            A compiled model.
        """
        return build_classifier(settings, figures, self.labels.counts[0], total_steps, is_raw)

    def outputs(self, model, inputs):
        """Gives, in the graph, what answers are read off.

        Args:
            model: The trained model.
            inputs: Dict of `signals` and `mask`.

        Returns:
            Probabilities, float32 [B, C].
        """
        temperature = self.calibration.get(self.head, {}).get("temperature", 1.0)
        return tf.nn.softmax(models.class_logits(model(inputs, training=False)) / temperature)

    def steps(self, steps):
        """Tells how many rows of outputs signals have.

        Args:
            steps: Array [B], how many steps the model sees of each.

        Returns:
            None: an output is one row.
        """
        return None

    def answers(self, outputs):
        """Reads outputs.

        Args:
            outputs: List of arrays [C].

        Returns:
            List of `Prediction`.
        """
        if not outputs:
            return []
        found = predictions_of({self.head: np.stack(outputs)}, self.labels, self.calibration)
        return [row[self.head] for row in found]

    def plain(self, answer):
        """Gives an answer without what stands beside it.

        Args:
            answer: A `Prediction`.

        Returns:
            The label.
        """
        return answer.label

    def line(self, answer, as_json):
        """Writes an answer as a line.

        Args:
            answer: A `Prediction`.
            as_json: Whether as JSON, with all scores.

        Returns:
            Text.
        """
        if as_json:
            return json.dumps(answer._asdict(), ensure_ascii=False)
        return f"{' '.join(answer.label.split())}\t{answer.confidence:.4f}"

    def measured(self, data, outputs):
        """Puts outputs beside the right labels.

        Args:
            data: `LabelledSignals` whose labels are all known.
            outputs: List of arrays [C].

        Returns:
            `Measures`.
        """
        return Measures(self.labels.classes[self.head], self.labels.targets(data)[self.head], np.stack(outputs))

    def figures(self, data, outputs):
        """Measures outputs.

        Args:
            data: `LabelledSignals` whose labels are all known.
            outputs: List of arrays [C].

        Returns:
            Dict of accuracy, macro_f1 and ece, from 0 to 100.
        """
        return self.measured(data, outputs).summary()

    def finish(self, data, outputs, settings):
        """Calibrates on what was not trained on.

        Args:
            data: `LabelledSignals`.
            outputs: List of arrays [C], those of the model as it is.
            settings: `SignalSettings`.

        Returns:
            The outputs at the temperature found.
        """
        measures = self.measured(data, outputs)
        self.calibration = calibrate({self.head: measures}, settings.answer_accuracy)
        temperature = self.calibration[self.head]["temperature"]
        logits = np.log(np.maximum(measures.scores, np.finfo("float32").tiny)) / temperature
        return list(keras.ops.convert_to_numpy(keras.ops.softmax(logits)))

    def sections(self, folder, data, outputs, notes):
        """Gives a report's sections.

        Args:
            folder: Folder for the pictures.
            data: `LabelledSignals`.
            outputs: List of arrays [C].
            notes: List of sentences.

        Returns:
            List of Markdown texts.
        """
        measures = self.measured(data, outputs)
        summary = measures.summary()
        lines = [f"- {name}: {value:.2f} %" for name, value in summary.items()]
        sections = report_sections(folder, {self.head: measures}, {}, "none", self.calibration, {}, notes, "signal")
        return ["## Figures", "\n".join(lines), *sections[2:]]

    def signature_outputs(self, outputs):
        """Gives what a SavedModel answers.

        Args:
            outputs: Probabilities, float32 [B, C].

        Returns:
            Dict of `label`, `score`, `is_confident`, `classes` and `scores`.
        """
        threshold = self.calibration.get(self.head, {}).get("threshold", 0.0)
        return answer_outputs(outputs, self.labels.classes[self.head], threshold, several=False)

    def texts_and_scores(self, answers):
        """Gives answers for the comparison with an export.

        Args:
            answers: List of `Prediction`, or what a SavedModel answered, a dict.

        Returns:
            List of texts, and list of scores.
        """
        if isinstance(answers, dict):
            return [label.decode("utf-8") for label in answers["label"].numpy()], answers["score"].numpy().tolist()
        return [answer.label for answer in answers], [answer.confidence for answer in answers]

    def describe(self):
        """Tells what it answers, for a model card.

        Returns:
            Dict.
        """
        return {self.head: ", ".join(self.labels.classes[self.head])}

    def save(self, folder):
        """Writes what stands beside the checkpoint.

        Args:
            folder: The run folder.
        """
        self.labels.save(folder)
        write_calibration(folder, self.calibration)

    @classmethod
    def load(cls, folder):
        """Reads what `save` wrote.

        Args:
            folder: The run folder.

        Returns:
            A `LabelGoal`.
        """
        return cls(Labels.load(folder), read_calibration(folder))
