import keras

from keras_attn import ops


@keras.saving.register_keras_serializable("keras_attn")
class MaskedCrossentropy(keras.losses.Loss):
    """Cross-entropy of the next token, averaged over all tokens of a batch; padding (id 0) does not count.

    With label smoothing e the target distribution gives the right token `1 - e + e/V` and each other `e/V`:
    `loss = -(1 - e) log p[y] - e/V sum_v log p[v]`. The smoothed distribution is never built.

    A `sample_weight` [B, 1] or [B, T] multiplies each token's loss, and does not change the number divided by.

    Args:
        label_smoothing: The share e spread over the vocabulary.
        name: Name of the loss.

    Call arguments:
        y_true: Integer ids [B, T], 0 at padding.
        y_pred: Logits [B, T, V].

    Returns:
        Scalar.

    Raises:
        ValueError: If `label_smoothing` is not at least 0 and below 1.

    Example:
        >>> import numpy as np
        >>> from keras_attn.training import MaskedCrossentropy
        >>> loss = MaskedCrossentropy(label_smoothing=0.1)(np.array([[3, 0]]), np.zeros((1, 2, 8), "float32"))
        >>> bool(np.isclose(loss, np.log(8)))
        True

    Reference:
        Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7; Vaswani et al. 2017, section 5.4.
    """

    def __init__(self, label_smoothing=0.0, name="masked_crossentropy"):
        super().__init__(name=name, reduction="sum")
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                f"`label_smoothing` must be at least 0 and below 1. Received: label_smoothing={label_smoothing}"
            )
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        labels = keras.ops.cast(y_true, "int32")
        losses = ops.crossentropy(labels, y_pred, self.label_smoothing)  # [B, T]
        is_token = keras.ops.cast(keras.ops.not_equal(labels, 0), losses.dtype)
        return losses * (is_token / keras.ops.maximum(keras.ops.sum(is_token), 1.0))  # Keras sums them

    def get_config(self):
        return {"label_smoothing": self.label_smoothing, "name": self.name}


@keras.saving.register_keras_serializable("keras_attn")
class ChainCrossentropy(keras.losses.Loss):
    """Cross-entropy of the right path through a linear chain, averaged over all its places; padding does not count.

    `loss = sum_b (log sum_y' exp s_b(y') - s_b(y_b)) / sum_b T_b` for right paths y_b of T_b places.

    Args:
        name: Name of the loss.

    Call arguments:
        y_true: Integer states [B, T], -1 at padding, which comes last.
        y_pred: Scores of the steps [B, T, C, C], as `layers.LinearChain` gives them.

    Returns:
        Scalar.

    Example:
        >>> import numpy as np
        >>> from keras_attn.training import ChainCrossentropy
        >>> loss = ChainCrossentropy()(np.array([[3, 0, -1]]), np.zeros((1, 3, 4, 4), "float32"))
        >>> bool(np.isclose(loss, np.log(4)))
        True

    Reference:
        Lafferty, McCallum and Pereira 2001, "Conditional Random Fields", section 3.
    """

    def __init__(self, name="chain_crossentropy"):
        super().__init__(name=name, reduction="sum")

    def call(self, y_true, y_pred):
        states = keras.ops.cast(y_true, "int32")
        mask = keras.ops.greater_equal(states, 0)
        losses = ops.chain_log_partition(y_pred, mask) - ops.chain_path_score(y_pred, states, mask)  # [B]
        return losses / keras.ops.maximum(keras.ops.sum(keras.ops.cast(mask, losses.dtype)), 1.0)  # Keras sums them

    def get_config(self):
        return {"name": self.name}


@keras.saving.register_keras_serializable("keras_attn")
class MemberCrossentropy(keras.losses.Loss):
    """Cross-entropy of classifiers that are trained side by side: the mean of each one's own.

    With label smoothing e the target distribution of C classes is `(1 - e) y + e/C`.

    Args:
        label_smoothing: The share e spread over the classes.
        name: Name of the loss.

    Call arguments:
        y_true: Target probabilities [B, C].
        y_pred: Logits [B, M, C] of M classifiers.

    Returns:
        Scalar, the mean over the batch.

    Raises:
        ValueError: If `label_smoothing` is not at least 0 and below 1.

    Example:
        >>> import numpy as np
        >>> from keras_attn.training import MemberCrossentropy
        >>> loss = MemberCrossentropy()(np.eye(2), np.zeros((2, 3, 2), "float32"))
        >>> bool(np.isclose(loss, np.log(2)))
        True
    """

    def __init__(self, label_smoothing=0.0, name="member_crossentropy"):
        super().__init__(name=name)
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                f"`label_smoothing` must be at least 0 and below 1. Received: label_smoothing={label_smoothing}"
            )
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        targets = keras.ops.cast(y_true, y_pred.dtype)[:, None]  # [B, 1, C]
        targets = (1.0 - self.label_smoothing) * targets + self.label_smoothing / y_pred.shape[-1]
        losses = -keras.ops.sum(targets * keras.ops.log_softmax(y_pred, axis=-1), axis=-1)  # [B, M]
        return keras.ops.mean(losses, axis=1)

    def get_config(self):
        return {"label_smoothing": self.label_smoothing, "name": self.name}
