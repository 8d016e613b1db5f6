import keras
from keras import ops


def record_gradient_norm(optimizer):
    """Has an optimizer take the mean of the norms of its gradients, as they are before they are clipped.

    The norm is a part of the training step's graph. Where the optimizer clips by the global norm, it computes the same
    expression, and the graph holds it once. Nothing is added to the optimizer's variables or configuration, so a
    `.keras` file stays what it was.

    Args:
        optimizer: A Keras optimizer that has not been traced yet.

    Returns:
        The `keras.metrics.Mean`; of an optimizer that records already, its metric.

    Example:
        >>> import keras
        >>> from keras_attn.training import record_gradient_norm
        >>> optimizer, weight = keras.optimizers.SGD(0.1), keras.Variable([1.0, 1.0])
        >>> norm = record_gradient_norm(optimizer)
        >>> optimizer.apply([keras.ops.array([3.0, 4.0])], [weight])
        >>> float(norm.result())
        5.0
    """
    clip = optimizer._clip_gradients  # what Keras calls with the gradients of a step, accumulated ones too
    if not hasattr(clip, "norm"):

        def note_and_clip(gradients):
            squares = [ops.sum(ops.square(gradient)) for gradient in gradients if gradient is not None]
            note_and_clip.norm.update_state(ops.sqrt(ops.sum(ops.stack(squares))))
            return clip(gradients)

        note_and_clip.norm = keras.metrics.Mean(name="gradient_norm")
        optimizer._clip_gradients = note_and_clip
    return optimizer._clip_gradients.norm
