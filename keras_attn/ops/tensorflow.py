"""What TensorFlow's own functions do faster; each has a plain equivalent and a test against it."""

import keras
import tensorflow as tf


def adam_update(variable, momentum, velocity, gradient, step, learning_rate, beta_1, beta_2, epsilon):
    """A step of Adam on one weight, in one pass over it: `m += (1 - b1) (g - m)`, `v += (1 - b2) (g^2 - v)`,
    `w -= rate sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon)`.

    Args:
        variable: The `tf.Variable` w.
        momentum: The variable m.
        velocity: The variable v.
        gradient: The gradient g, a tensor or `tf.IndexedSlices`.
        step: Number t of this update, counted from 1; float tensor.
        learning_rate: Float tensor.
        beta_1: b1.
        beta_2: b2.
        epsilon: Added to the root of v.
    """
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=momentum.handle,
        v=velocity.handle,
        beta1_power=tf.pow(tf.constant(beta_1, step.dtype), step),
        beta2_power=tf.pow(tf.constant(beta_2, step.dtype), step),
        lr=learning_rate,
        beta1=beta_1,
        beta2=beta_2,
        epsilon=epsilon,
        grad=tf.convert_to_tensor(gradient),
    )


def dropout(x, rate, seed):
    """See `keras_attn.ops.dropout`; 8 random bits an element decide, 16 for small rates, where TensorFlow's own draws a
    float32.

    Args:
        x: Float tensor [..., D].
        rate: Share set to zero.
        seed: A `keras.random.SeedGenerator` or an integer.

    Returns:
        Tensor like `x`.
    """
    if rate == 0:
        return x
    seed = seed.next() if isinstance(seed, keras.random.SeedGenerator) else tf.constant([seed, 0], tf.int64)
    seed = tf.cast(tf.math.floormod(seed, 2**31 - 1), tf.int32)
    shape = tf.shape(x)
    size = x.shape[-1] or shape[-1]
    dtype = tf.int8 if 1 / 16 <= rate <= 15 / 16 else tf.int16
    levels = dtype.max - dtype.min + 1
    parts = 4 // dtype.size  # elements a draw
    draws = (size + parts - 1) // parts
    bits = tf.random.stateless_uniform(tf.concat([shape[:-1], [draws]], axis=0), seed, None, None, tf.int32)
    bits = tf.reshape(tf.bitcast(bits, dtype), tf.concat([shape[:-1], [draws * parts]], axis=0))
    if x.shape[-1] is None or size % parts:
        bits = bits[..., :size]
    dropped = min(max(round(rate * levels), 1), levels - 1)
    kept = tf.cast(bits >= tf.constant(dropped + dtype.min, dtype), x.dtype)
    return x * (kept * tf.constant(levels / (levels - dropped), x.dtype))


def crossentropy(labels, logits, label_smoothing):
    """See `keras_attn.ops.crossentropy`; one softmax serves the loss and its gradient.

    TensorFlow's own `SparseSoftmaxCrossEntropyWithLogits` takes three times as long on a CPU. The logarithm of the sum
    of exponentials is the highest logit less the logarithm of its probability, which is at least 1 / V.

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
        probabilities = tf.nn.softmax(logits)
        log_sum = tf.reduce_max(logits, axis=-1) - tf.math.log(tf.reduce_max(probabilities, axis=-1))
        loss = log_sum - (1.0 - label_smoothing) * tf.gather_nd(logits, rows)
        if label_smoothing:
            loss -= label_smoothing * tf.reduce_mean(logits, axis=-1)

        def gradient(upstream):  # upstream (softmax - (1 - e) one_hot - e/V)
            slopes = (probabilities - label_smoothing / size) if label_smoothing else probabilities
            slopes *= upstream[:, None]
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


def small_products(x, y, transpose):
    """`tf.matmul(transpose_b=)` of many small float32 matrices, by the op whose kernel has no set-up for each product.

    On CPUs `BatchMatMulV2` goes to oneDNN, which takes up to ten times as long for one row and a few keys.

    Args:
        x: Tensor [..., T, H].
        y: Tensor [..., H, S], or [..., S, H] to be transposed, whose leading axes broadcast with those of `x`.
        transpose: Whether to transpose `y`.

    Returns:
        Tensor [..., T, S].
    """
    return tf.raw_ops.BatchMatMulV3(x=x, y=y, Tout=x.dtype, adj_y=transpose)
