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
from keras_attn.tasks.signal_goal import SignalGoal
from keras_attn.tasks.signal_model import build_classifier


class LabelGoal(SignalGoal):
    """One of some classes for each signal, with calibrated probabilities.

    Outputs are probabilities [C], answers `Prediction`s; figures are accuracy, macro_f1 and ece, from 0 to 100.

    Args:
        labels: `Labels` of a single head.
        calibration: Dict of head -> dict of numbers, see `calibrate`.
    """

    monitor = "accuracy"

    def __init__(self, labels, calibration=None):
        self.labels = labels
        self.head = labels.heads[0]
        self.calibration = calibration or {}

    @classmethod
    def of(cls, settings, data):
        if not data.labels:
            raise ValueError(
                "There are no labels to learn: give an array `labels`, or set output=signal. Received: labels=none"
            )
        return cls(Labels.of(data))

    def usable(self, data, purpose):
        known, unknown = self.labels.known(data)
        if not unknown:
            return known, []
        left_out = f"{len(data) - len(known)} {purpose} signals left out, for labels that no training signal has"
        return known, [f"{left_out}: {counted(unknown)}."]

    def targets(self, data):
        return list(self.labels.targets(data)[self.head])

    def build(self, settings, figures, total_steps, is_raw):
        return build_classifier(settings, figures, self.labels.counts[0], total_steps, is_raw)

    def outputs(self, model, inputs):
        temperature = self.calibration.get(self.head, {}).get("temperature", 1.0)
        return tf.nn.softmax(models.class_logits(model(inputs, training=False)) / temperature)

    def steps(self, steps):
        return None

    def answers(self, outputs):
        if not outputs:
            return []
        found = predictions_of({self.head: np.stack(outputs)}, self.labels, self.calibration)
        return [row[self.head] for row in found]

    def plain(self, answer):
        return answer.label

    def line(self, answer, as_json):
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
        return self.measured(data, outputs).summary()

    def finish(self, data, outputs, settings):
        measures = self.measured(data, outputs)
        self.calibration = calibrate({self.head: measures}, settings.answer_accuracy)
        temperature = self.calibration[self.head]["temperature"]
        logits = np.log(np.maximum(measures.scores, np.finfo("float32").tiny)) / temperature
        return list(keras.ops.convert_to_numpy(keras.ops.softmax(logits)))

    def sections(self, folder, data, outputs, notes):
        measures = self.measured(data, outputs)
        summary = measures.summary()
        lines = [f"- {name}: {value:.2f} %" for name, value in summary.items()]
        sections = report_sections(folder, {self.head: measures}, {}, "none", self.calibration, {}, notes, "signal")
        return ["## Figures", "\n".join(lines), *sections[2:]]

    def signature_outputs(self, outputs):
        threshold = self.calibration.get(self.head, {}).get("threshold", 0.0)
        return answer_outputs(outputs, self.labels.classes[self.head], threshold, several=False)

    def texts_and_scores(self, answers):
        if isinstance(answers, dict):
            return [label.decode("utf-8") for label in answers["label"].numpy()], answers["score"].numpy().tolist()
        return [answer.label for answer in answers], [answer.confidence for answer in answers]

    def describe(self):
        return {self.head: ", ".join(self.labels.classes[self.head])}

    def save(self, folder):
        self.labels.save(folder)
        write_calibration(folder, self.calibration)

    @classmethod
    def load(cls, folder):
        return cls(Labels.load(folder), read_calibration(folder))
