"""Signals made into texts, such as the digits that are spoken, by connectionist temporal classification."""

import json
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_attn import models
from keras_attn.decoding import ctc_search
from keras_attn.tasks.markdown_table import markdown_table
from keras_attn.tasks.run_parts import read_part, write_part
from keras_attn.tasks.signal_goal import SignalGoal
from keras_attn.tasks.signal_model import compiled, new_encoder, strides_of
from keras_attn.training import error_rate

_FILE = "letters.json"
_SHOWN = 20  # wrong answers in a report
_AT_ONCE = 64  # outputs searched together


class Transcription(NamedTuple):
    """What a signal says.

    Args:
        text: The text.
        score: Its log-probability.
    """

    text: str
    score: float


class TextGoal(SignalGoal):
    """A text for each signal, letter by letter.

    Outputs are log-probabilities [T', V] of the blank and the letters, answers `Transcription`s; figures are
    letter_error_rate, letter_accuracy (100 less it) and text_accuracy, in percent.

    Args:
        letters: List of the letters that there are.
        reduction: How many times fewer steps the model has than its input.
        beam_size: Beginnings kept by the search.
    """

    monitor = "letter_accuracy"

    def __init__(self, letters, reduction, beam_size):
        self.letters = list(letters)
        self.reduction = reduction
        self.beam_size = beam_size

    @classmethod
    def of(cls, settings, data):
        if not data.labels:
            raise ValueError("There are no texts to learn: give an array `labels`. Received: labels=none")
        letters = sorted(set("".join(data.labels[settings.label_column])))
        return cls(letters, settings.reduction or 1, settings.beam_size)

    def usable(self, data, purpose):
        texts = _texts(data)
        rows = [row for row, text in enumerate(texts) if set(text) <= set(self.letters)]
        if not rows:
            raise ValueError(
                f"No signal's text is of letters that the training had. Received: {purpose} texts={texts[:3]}"
            )
        if len(rows) == len(data):
            return data, []
        unknown = sorted(set("".join(texts)) - set(self.letters))
        return data.select(rows), [
            f"{len(data) - len(rows)} {purpose} signals left out, for letters that no training text has: {unknown}."
        ]

    def targets(self, data):
        ids = {letter: number for number, letter in enumerate(self.letters, start=1)}  # 0 is the blank
        return [np.array([ids[letter] for letter in text], "int32") for text in _texts(data)]

    def build(self, settings, figures, total_steps, is_raw):
        self.reduction = int(np.prod(strides_of(settings, figures.longest)))
        encoder = new_encoder(settings, figures, "signal_encoder", is_raw)
        model = models.signal_transcriber(encoder, len(self.letters) + 1)
        return compiled(model, keras.losses.CTC(), settings, total_steps)

    def outputs(self, model, inputs):
        return tf.nn.log_softmax(model(inputs, training=False))

    def steps(self, steps):
        return -(-steps // self.reduction)

    def answers(self, outputs):
        found = []
        blank = np.log(np.eye(len(self.letters) + 1, dtype="float32")[:1] + 1e-30)  # a step that is surely one, [1, V]
        for start in range(0, len(outputs), _AT_ONCE):
            part = outputs[start : start + _AT_ONCE]
            longest = max(map(len, part))
            batch = np.stack([np.concatenate([row, np.repeat(blank, longest - len(row), axis=0)]) for row in part])
            found += map(Transcription, *self.texts_and_scores(self.signature_outputs(tf.constant(batch))))
        return found

    def plain(self, answer):
        return answer.text

    def line(self, answer, as_json):
        return json.dumps(answer._asdict(), ensure_ascii=False) if as_json else answer.text

    def figures(self, data, outputs):
        answers, rights = [answer.text for answer in self.answers(outputs)], _texts(data)
        wrong = 100.0 * error_rate(answers, rights)
        same = [answer == right for answer, right in zip(answers, rights, strict=True)]
        return {
            "letter_error_rate": wrong,
            "letter_accuracy": 100.0 - wrong,
            "text_accuracy": 100.0 * float(np.mean(same)),
        }

    def sections(self, folder, data, outputs, notes):
        lines = [f"- {name}: {value:.2f} %" for name, value in self.figures(data, outputs).items()]
        wrong = [
            {"right": right, "answer": answer.text, "log-probability": answer.score}
            for answer, right in zip(self.answers(outputs), _texts(data), strict=True)
            if answer.text != right
        ]
        return [
            "## Figures",
            "\n".join(lines),
            "## The data",
            "\n".join(f"- {note}" for note in notes),
            f"## Wrong answers: {len(wrong)} of {len(data)}",
            markdown_table(wrong[:_SHOWN]) if wrong else "None.",
        ]

    def signature_outputs(self, outputs):
        lengths = tf.fill([tf.shape(outputs)[0]], tf.shape(outputs)[1])
        ids, scores = ctc_search(outputs, lengths, self.beam_size)
        letters = tf.gather(tf.constant(["", *self.letters]), ids)
        return {"text": tf.strings.reduce_join(letters, axis=1), "score": scores}

    def texts_and_scores(self, answers):
        if isinstance(answers, dict):
            return [text.decode("utf-8") for text in answers["text"].numpy()], answers["score"].numpy().tolist()
        return [answer.text for answer in answers], [answer.score for answer in answers]

    def describe(self):
        return {"letters": " ".join(self.letters), "beam_size": self.beam_size}

    def save(self, folder):
        values = {"letters": self.letters, "reduction": self.reduction, "beam_size": self.beam_size}
        write_part(folder, _FILE, values)

    @classmethod
    def load(cls, folder):
        return read_part(folder, _FILE, lambda found: cls(**found))


def _texts(data):
    return next(iter(data.labels.values()))
