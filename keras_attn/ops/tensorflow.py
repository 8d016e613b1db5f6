"""What TensorFlow's own functions do faster; each has a plain equivalent and a test against it."""

import tensorflow as tf


def crossentropy(labels, logits, label_smoothing):
    """See `keras_attn.ops.crossentropy`; the exponentials are computed once, for the loss and its gradient.

    TensorFlow's own `SparseSoftmaxCrossEntropyWithLogits` takes three times as long on a CPU.

    Args:
        labels: Integer tensor [...].
        logits: Float tensor [..., V].
        label_smoothing: The share of the target spread evenly over the V classes.

    Returns:
        Float32 tensor [...].
    """
    shape = tf.shape(labels)
    size = logits.shape[-1]
    labels = tf.cast(tf.reshape(labels, (-1,)), tf.int32)
    rows = tf.stack([tf.range(tf.size(labels)), labels], axis=1)

    @tf.custom_gradient
    def flat_crossentropy(logits):
        highest = tf.reduce_max(logits, axis=-1, keepdims=True)
        powers = tf.exp(logits - highest)
        sums = tf.matmul(powers, tf.ones((size, 1)))  # a product sums faster than `reduce_sum`
        loss = (tf.math.log(sums) + highest)[:, 0] - (1.0 - label_smoothing) * tf.gather_nd(logits, rows)
        if label_smoothing:
            loss -= label_smoothing * tf.reduce_mean(logits, axis=-1)

        def gradient(upstream):  # upstream (softmax - (1 - e) one_hot - e/V)
            slopes = powers * (upstream[:, None] / sums)
            if label_smoothing:
                slopes -= label_smoothing / size * upstream[:, None]
            return tf.tensor_scatter_nd_sub(slopes, rows, (1.0 - label_smoothing) * upstream)

        return loss, gradient

    return tf.reshape(flat_crossentropy(tf.reshape(tf.cast(logits, tf.float32), (-1, size))), shape)


def side_by_side(function, *tensors, count=4):
    """Calls a function on parts of a batch, in branches of the graph that run at the same time.

    TensorFlow multiplies a batch of small matrices one after another, each with all threads; branches keep the threads
    busy, which makes the products up to twice as fast on CPUs.

    Args:
        function: Function of tensors that treats each row of the batch by itself.
        *tensors: Tensors [B, ...]; those with 1 row are handed to all calls.
        count: Number of branches.

    Returns:
        What the function gives for the whole batch.
    """
    size = tf.shape(tensors[0])[0]
    sizes = [(size + i) // count for i in range(count)]

    def parts(x):
        if x.shape[0] == 1:
            return [x] * count
        if x.shape[0] is None and tensors[0].shape[0] is not None:
            x = tf.broadcast_to(x, tf.concat([[size], tf.shape(x)[1:]], axis=0))
        return tf.split(x, sizes)

    return tf.concat([function(*part) for part in zip(*map(parts, tensors), strict=True)], axis=0)
