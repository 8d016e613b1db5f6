"""What signals are made into, as one object: what is learnt, the model for it, its answers and how good they are."""

import abc


class SignalGoal(abc.ABC):
    """What a signal task makes of signals: a label, a text, another signal. The task itself knows of no kind.

    An output is what the model gives for one signal, an array that the goal knows to read; an answer is what a person
    gets.

    Attributes:
        monitor: The figure of the validation that chooses the best epoch.
        weigh_steps: Whether targets have a row a step, of which those of padding do not count.
        unit: What the loss counts.
    """

    monitor = None
    weigh_steps = False
    unit = "nats a signal"

    @classmethod
    @abc.abstractmethod
    def of(cls, settings, data):
        """Finds in a training's signals what is to be learnt.

        Args:
            settings: `SignalSettings`.
            data: `LabelledSignals` to learn from.

        Returns:
            The goal.

        Raises:
            ValueError: If there is nothing to learn.
        """

    @abc.abstractmethod
    def usable(self, data, purpose):
        """Leaves out signals with what the training did not have.

        Args:
            data: `LabelledSignals`.
            purpose: What they are for, such as "test".

        Returns:
            The others, and a list of sentences on those left out.

        Raises:
            ValueError: If none is left.
        """

    @abc.abstractmethod
    def targets(self, data):
        """Gives what is to be learnt.

        Args:
            data: `LabelledSignals` that are all usable.

        Returns:
            List of arrays, one a signal.
        """

    @abc.abstractmethod
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

    @abc.abstractmethod
    def outputs(self, model, inputs):
        """Gives a batch's outputs, in the graph.

        Args:
            model: The trained model.
            inputs: Dict of `signals` and `mask`.

        Returns:
            Float32 tensor [B, ...].
        """

    @abc.abstractmethod
    def steps(self, steps):
        """Tells how many rows the outputs of signals have.

        Args:
            steps: Array [B], how many steps the model sees of each.

        Returns:
            Array [B]; None where an output is one row.
        """

    @abc.abstractmethod
    def answers(self, outputs):
        """Reads outputs.

        Args:
            outputs: List of arrays, one a signal.

        Returns:
            List of answers, with all there is to say.
        """

    @abc.abstractmethod
    def plain(self, answer):
        """Gives an answer without what stands beside it.

        Args:
            answer: One of `answers`.

        Returns:
            The label, the text, or the array.
        """

    @abc.abstractmethod
    def line(self, answer, as_json):
        """Writes an answer as a line.

        Args:
            answer: One of `answers`.
            as_json: Whether as JSON, with all there is to say.

        Returns:
            Text.
        """

    @abc.abstractmethod
    def figures(self, data, outputs):
        """Measures outputs.

        Args:
            data: `LabelledSignals` that are all usable.
            outputs: List of arrays, one a signal.

        Returns:
            Dict of figures.
        """

    def finish(self, data, outputs, settings):
        """Calibrates the goal on signals that were not trained on, where there is anything to calibrate.

        Args:
            data: `LabelledSignals`.
            outputs: List of arrays, those of the model as it is.
            settings: `SignalSettings`.

        Returns:
            The outputs as they are after the calibration.
        """
        return outputs

    @abc.abstractmethod
    def sections(self, folder, data, outputs, notes):
        """Gives a report's sections, and draws their pictures.

        Args:
            folder: Folder for the pictures.
            data: `LabelledSignals` that are all usable.
            outputs: List of arrays, one a signal.
            notes: List of sentences about the data.

        Returns:
            List of Markdown texts.
        """

    @abc.abstractmethod
    def signature_outputs(self, outputs):
        """Gives what a SavedModel answers, in the graph.

        Args:
            outputs: What the method `outputs` gives.

        Returns:
            Dict of tensors [B, ...].
        """

    @abc.abstractmethod
    def texts_and_scores(self, answers):
        """Gives answers for the comparison of a task with its export.

        Args:
            answers: List of answers; or what a SavedModel answered, a dict.

        Returns:
            List of texts, and list of scores.
        """

    @abc.abstractmethod
    def describe(self):
        """Tells what there is to answer, for a model card.

        Returns:
            Dict.
        """

    @abc.abstractmethod
    def save(self, folder):
        """Writes what stands beside the checkpoint.

        Args:
            folder: Path of the run folder.
        """

    @classmethod
    @abc.abstractmethod
    def load(cls, folder):
        """Reads what `save` wrote.

        Args:
            folder: Path of the run folder.

        Returns:
            The goal.

        Raises:
            ValueError: If a file is missing or damaged.
        """
