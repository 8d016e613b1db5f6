"""What a model sees of signals: their values, or the logarithms of the mel bands of recordings, in the graph."""

import functools

import numpy as np
import tensorflow as tf

_FLOOR = 1e-6  # of a band's magnitude: what is quieter is silence
_AT_ONCE = 64  # signals at a time


class SignalFeatures(tf.Module):
    """Makes signals into what the model sees.

    `log_mel`: `y[t, f] = log(floor + sum_k M[k, f] |STFT(x)[t, k]|)`, with Hann windows that lie within the signal; one
    that is shorter than a window is filled up with zeros. The mean over all t and f is taken off: how loud a recording
    is has no influence.

    Args:
        kind: "raw" or "log_mel".
        sample_rate: Samples a second; None for signals that have no such thing.
        frame_ms: Milliseconds of a window.
        step_ms: Milliseconds from a window to the next.
        mel_bands: Number of bands.

    Raises:
        ValueError: If bands are asked of signals without a rate.

    Reference:
        O'Shaughnessy 1987, "Speech Communication": the mel scale, 1127 log(1 + f / 700), as in HTK.
    """

    def __init__(self, kind, sample_rate=None, frame_ms=25.0, step_ms=10.0, mel_bands=40):
        super().__init__()
        if kind == "log_mel" and not sample_rate:
            raise ValueError(
                "Mel bands are those of recordings, which have samples a second: set features=raw, or sample_rate. "
                f"Received: features='log_mel', sample_rate={sample_rate}"
            )
        self.kind = kind
        self.sample_rate = sample_rate
        if kind == "log_mel":
            self.frame = max(2, round(sample_rate * frame_ms / 1000))
            self.step = max(1, round(sample_rate * step_ms / 1000))
            self.fft = 2 ** int(np.ceil(np.log2(self.frame)))
            self.mel_bands = mel_bands
        self._run = tf.function(self.__call__, autograph=False, reduce_retracing=True)

    @classmethod
    def of(cls, settings, sample_rate):
        """Makes what the settings ask for.

        Args:
            settings: `SignalSettings`.
            sample_rate: Samples a second of the training's signals, or None.

        Returns:
            A `SignalFeatures`.
        """
        kind = settings.features
        if kind == "auto":
            kind = "log_mel" if sample_rate and settings.output in ("label", "text") else "raw"
        return cls(kind, sample_rate, settings.frame_ms, settings.step_ms, settings.mel_bands)

    @functools.cached_property
    def mel(self):
        """Weights of the bands [K, F]; not made before they are needed: many workers meet first."""
        with tf.init_scope():
            return tf.signal.linear_to_mel_weight_matrix(
                self.mel_bands, self.fft // 2 + 1, self.sample_rate, 20.0, self.sample_rate / 2
            ).numpy()

    def __call__(self, signals, lengths):
        """Makes a batch into the model's inputs.

        Args:
            signals: Float32 tensor [B, T, C].
            lengths: Int32 tensor [B]: steps without padding.

        Returns:
            Dict of `signals`, float32 [B, T', F], 0 at padding, and `mask`, boolean [B, T'].
        """
        if self.kind == "raw":
            mask = tf.sequence_mask(lengths, tf.shape(signals)[1])
            return {"signals": tf.where(mask[:, :, None], signals, 0.0), "mask": mask}
        samples = signals[:, :, 0] * tf.sequence_mask(lengths, tf.shape(signals)[1], tf.float32)
        samples = tf.pad(samples, [[0, 0], [0, tf.maximum(self.frame - tf.shape(samples)[1], 0)]])
        spectrum = tf.signal.stft(samples, self.frame, self.step, self.fft)  # [B, T', K]
        bands = tf.math.log(tf.abs(spectrum) @ self.mel + _FLOOR)
        steps = self.steps(lengths)
        mask = tf.sequence_mask(steps, tf.shape(bands)[1])
        bands = tf.where(mask[:, :, None], bands, 0.0)
        level = tf.reduce_sum(tf.reduce_mean(bands, axis=2), axis=1) / tf.cast(steps, tf.float32)  # [B]
        return {"signals": tf.where(mask[:, :, None], bands - level[:, None, None], 0.0), "mask": mask}

    def steps(self, lengths):
        """Tells how many steps the model sees of signals.

        Args:
            lengths: Integers, an array or a tensor.

        Returns:
            Integers of the same kind.
        """
        if self.kind == "raw":
            return lengths
        return 1 + (tf.maximum(lengths, self.frame) - self.frame) // self.step

    def seconds(self, steps):
        """Gives the time of steps.

        Args:
            steps: Array of step numbers.

        Returns:
            Seconds, of windows their middle; the numbers themselves where there is no sample rate.
        """
        steps = np.asarray(steps, "float64")
        if self.kind == "log_mel":
            return (steps * self.step + self.frame / 2) / self.sample_rate
        return steps / self.sample_rate if self.sample_rate else steps

    def arrays(self, signals):
        """Makes signals into arrays, to train with.

        Args:
            signals: List of float32 arrays [T, C].

        Returns:
            List of float32 arrays [T', F].
        """
        if self.kind == "raw":
            return list(signals)
        found = []
        for start in range(0, len(signals), _AT_ONCE):
            batch, lengths = padded(signals[start : start + _AT_ONCE])
            values = self._run(tf.constant(batch), tf.constant(lengths))["signals"].numpy()
            found += [row[:count] for row, count in zip(values, np.asarray(self.steps(lengths)), strict=True)]
        return found


def padded(signals):
    """Puts signals of different lengths into one array.

    Args:
        signals: List of float arrays [T, C].

    Returns:
        Float32 array [B, T, C], 0 at padding, and int32 array [B] of lengths.

    Example:
        >>> import numpy as np
        >>> from keras_attn.tasks.signal_features import padded
        >>> [array.tolist() for array in padded([np.ones((1, 1)), np.ones((2, 1))])]
        [[[[1.0], [0.0]], [[1.0], [1.0]]], [1, 2]]
    """
    lengths = np.array([len(signal) for signal in signals], "int32")
    batch = np.zeros((len(signals), lengths.max(), signals[0].shape[1]), "float32")
    for row, signal in enumerate(signals):
        batch[row, : len(signal)] = signal
    return batch, lengths
