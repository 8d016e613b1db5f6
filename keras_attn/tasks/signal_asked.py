"""What a trained signal task answers, all in one TensorFlow graph: samples in, outputs out."""

import numpy as np
import tensorflow as tf

from keras_attn import models
from keras_attn.tasks.signal_features import padded


class AskedSignals(tf.Module):
    """A trained model behind its features.

    Args:
        model: The trained Keras model.
        features: Its `SignalFeatures`.
        goal: What it was trained for, such as a `LabelGoal`.
        num_channels: Number of channels of the signals.
    """

    def __init__(self, model, features, goal, num_channels):
        super().__init__()
        self.weights = [variable.value for variable in model.variables]  # for a SavedModel
        self.features = features
        self._model = (model,)  # within a tuple, as Keras's own tracking is not wanted there
        self._goal = goal
        self._num_channels = num_channels
        self._answer = self._function(self.outputs)
        self._look = None  # made when asked for: a SavedModel traces what is there, and a text has no weights in time

    def outputs(self, signals, lengths):
        """Gives what answers are read off, in the graph.

        Args:
            signals: Float32 tensor [B, T, C].
            lengths: Int32 tensor [B].

        Returns:
            What the goal's `outputs` gives.
        """
        return self._goal.outputs(self._model[0], self.features(signals, lengths))

    def step_weights(self, signals, lengths):
        """Tells where in time a classifier looked, in the graph.

        Args:
            signals: Float32 tensor [B, T, C].
            lengths: Int32 tensor [B].

        Returns:
            Float32 tensor [B, T'], and what the model saw, [B, T'', F].
        """
        inputs = self.features(signals, lengths)
        return models.step_weights(self._model[0], inputs), inputs["signals"]

    def ask(self, signals, batch_size=64, progress=None):
        """Asks about signals, those of like lengths together.

        Args:
            signals: List of float32 arrays [T, C].
            batch_size: Signals at a time.
            progress: Called with the number of signals done so far, or None.

        Returns:
            List of arrays, one a signal; what has a row a step has those of the signal alone.
        """
        order = sorted(range(len(signals)), key=lambda i: len(signals[i]))
        found = [None] * len(signals)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            batch, lengths = padded([signals[i] for i in rows])
            outputs = self._answer(tf.constant(batch), tf.constant(lengths)).numpy()
            steps = self._goal.steps(np.asarray(self.features.steps(lengths)))
            for place, row in enumerate(rows):
                found[row] = outputs[place] if steps is None else outputs[place, : steps[place]]
            if progress is not None:
                progress(start + len(rows))
        return found

    def look(self, signal):
        """Tells where in time a classifier looked at a signal.

        Args:
            signal: Float32 array [T, C].

        Returns:
            Array of weights [T'], and what the model saw [T'', F].
        """
        if self._look is None:
            self._look = self._function(self.step_weights)
        weights, seen = self._look(tf.constant(signal[None]), tf.constant([len(signal)], tf.int32))
        return weights.numpy()[0], seen.numpy()[0]

    def _function(self, of_signals):
        signature = [tf.TensorSpec([None, None, self._num_channels]), tf.TensorSpec([None], tf.int32)]
        return tf.function(of_signals, input_signature=signature, autograph=False)
