"""Signals made into texts, such as the digits that are spoken, by connectionist temporal classification."""

import json
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_attn import models
from keras_attn.decoding import ctc_search
from keras_attn.tasks.signal_model import compiled, new_encoder, strides_of
from keras_attn.training import error_rate

_FILE = "letters.json"
_SHOWN = 20


class Transcription(NamedTuple):
    """What a signal says.

    Args:
        text: The text.
        score: Its log-probability.
    """

    text: str
    score: float


class TextGoal:
    """A text for each signal, letter by letter.

    Args:
        letters: List of the letters that there are.
        reduction: How many times fewer steps the model has than its input.
        beam_size: Beginnings kept by the search.
    """

    monitor = "letter_accuracy"
    weigh_steps = False
    unit = "nats a signal"

    def __init__(self, letters, reduction, beam_size):
        self.letters = list(letters)
        self.reduction = reduction
        self.beam_size = beam_size

    @classmethod
    def of(cls, settings, data):
        """Finds the letters of a training.

        Args:
            settings: `SignalSettings`.
            data: `LabelledSignals` to learn from.

        Returns:
            A `TextGoal`.

        Raises:
            ValueError: If there are no texts.
        """
        if not data.labels:
            raise ValueError("There are no texts to learn: give an array `labels`. Received: labels=none")
        letters = sorted(set("".join(data.labels[settings.label_column])))
        return cls(letters, settings.reduction or 1, settings.beam_size)

    def usable(self, data, purpose):
        """Leaves out signals whose text has a letter that the training did not have.

        Args:
            data: `LabelledSignals`.
            purpose: What they are for.

        Returns:
            The others, and a list of sentences.

        Raises:
            ValueError: If none is left.
        """
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
        """Gives what is to be learnt.

        Args:
            data: `LabelledSignals`.

        Returns:
            List of arrays of ids, the letters' numbers from 1.
        """
        ids = {letter: number for number, letter in enumerate(self.letters, start=1)}
        return [np.array([ids[letter] for letter in text], "int32") for text in _texts(data)]

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
        self.reduction = int(np.prod(strides_of(settings, figures.longest)))
        encoder = new_encoder(settings, figures, "signal_encoder", is_raw)
        model = models.signal_transcriber(encoder, len(self.letters) + 1)
        return compiled(model, keras.losses.CTC(), settings, total_steps)

    def outputs(self, model, inputs):
        """Gives, in the graph, what answers are read off.

        Args:
            model: The trained model.
            inputs: Dict of `signals` and `mask`.

        Returns:
            Log-probabilities, float32 [B, T', V].
        """
        return tf.nn.log_softmax(model(inputs, training=False))

    def steps(self, steps):
        """Tells how many rows of outputs signals have.

        Args:
            steps: Array [B], how many steps the model sees of each.

        Returns:
            Array [B].
        """
        return -(-steps // self.reduction)

    def answers(self, outputs):
        """Searches the likeliest texts.

        Args:
            outputs: List of arrays [T', V].

        Returns:
            List of `Transcription`.
        """
        found = []
        for start in range(0, len(outputs), 64):
            part = outputs[start : start + 64]
            blank = np.log(np.eye(len(self.letters) + 1, dtype="float32")[:1] + 1e-30)
            longest = max(map(len, part))
            batch = np.stack([np.concatenate([row, np.repeat(blank, longest - len(row), axis=0)]) for row in part])
            answers = self.signature_outputs(tf.constant(batch))
            texts, scores = answers["text"].numpy(), answers["score"].numpy()
            found += [
                Transcription(text.decode("utf-8"), float(score)) for text, score in zip(texts, scores, strict=True)
            ]
        return found

    def plain(self, answer):
        """Gives an answer without what stands beside it.

        Args:
            answer: A `Transcription`.

        Returns:
            The text.
        """
        return answer.text

    def line(self, answer, as_json):
        """Writes an answer as a line.

        Args:
            answer: A `Transcription`.
            as_json: Whether as JSON, with the score.

        Returns:
            Text.
        """
        return json.dumps(answer._asdict(), ensure_ascii=False) if as_json else answer.text

    def figures(self, data, outputs):
        """Measures outputs.

        Args:
            data: `LabelledSignals`.
            outputs: List of arrays [T', V].

        Returns:
            Dict of letter_error_rate, letter_accuracy (100 less it) and text_accuracy, from 0 to 100.
        """
        answers, rights = [answer.text for answer in self.answers(outputs)], _texts(data)
        wrong = 100.0 * error_rate(answers, rights)
        same = [answer == right for answer, right in zip(answers, rights, strict=True)]
        return {
            "letter_error_rate": wrong,
            "letter_accuracy": 100.0 - wrong,
            "text_accuracy": 100.0 * float(np.mean(same)),
        }

    def finish(self, data, outputs, settings):
        """There is nothing to calibrate.

        Args:
            data: `LabelledSignals`.
            outputs: List of arrays.
            settings: `SignalSettings`.

        Returns:
            The outputs.
        """
        return outputs

    def sections(self, folder, data, outputs, notes):
        """Gives a report's sections.

        Args:
            folder: Folder for the pictures.
            data: `LabelledSignals`.
            outputs: List of arrays [T', V].
            notes: List of sentences.

        Returns:
            List of Markdown texts.
        """
        lines = [f"- {name}: {value:.2f} %" for name, value in self.figures(data, outputs).items()]
        wrong = [
            f"| {right} | {answer.text} | {answer.score:.2f} |"
            for answer, right in zip(self.answers(outputs), _texts(data), strict=True)
            if answer.text != right
        ]
        table = ["| right | answer | log-probability |", "|---|---|---|", *wrong[:_SHOWN]]
        return [
            "## Figures",
            "\n".join(lines),
            "## The data",
            "\n".join(f"- {note}" for note in notes),
            f"## Wrong answers: {len(wrong)} of {len(data)}",
            "\n".join(table) if wrong else "None.",
        ]

    def signature_outputs(self, outputs):
        """Gives what a SavedModel answers.

        Args:
            outputs: Log-probabilities, float32 [B, T', V], sure blanks at padding.

        Returns:
            Dict of `text`, string [B], and `score`, float32 [B].
        """
        lengths = tf.fill([tf.shape(outputs)[0]], tf.shape(outputs)[1])
        ids, scores = ctc_search(outputs, lengths, self.beam_size)
        letters = tf.gather(tf.constant(["", *self.letters]), ids)
        return {"text": tf.strings.reduce_join(letters, axis=1), "score": scores}

    def texts_and_scores(self, answers):
        """Gives answers for the comparison with an export.

        Args:
            answers: List of `Transcription`, or what a SavedModel answered, a dict.

        Returns:
            List of texts, and list of scores.
        """
        if isinstance(answers, dict):
            return [text.decode("utf-8") for text in answers["text"].numpy()], answers["score"].numpy().tolist()
        return [answer.text for answer in answers], [answer.score for answer in answers]

    def describe(self):
        """Tells what it answers, for a model card.

        Returns:
            Dict.
        """
        return {"letters": " ".join(self.letters), "beam_size": self.beam_size}

    def save(self, folder):
        """Writes what stands beside the checkpoint.

        Args:
            folder: The run folder.
        """
        text = json.dumps({"letters": self.letters, "reduction": self.reduction, "beam_size": self.beam_size})
        (folder / _FILE).write_text(text, "utf-8")

    @classmethod
    def load(cls, folder):
        """Reads what `save` wrote.

        Args:
            folder: The run folder.

        Returns:
            A `TextGoal`.
        """
        return cls(**json.loads((folder / _FILE).read_text("utf-8")))


def _texts(data):
    return next(iter(data.labels.values()))
