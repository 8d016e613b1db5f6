"""What Keras's trainer and optimizers need to train under tf.distribute, on one machine and on many.

Keras 3.15 as shipped

- fails in `fit` under MultiWorkerMirroredStrategy: it takes the mean of per-replica batches whose shapes differ, to
  find the shapes of a model, and reduces scalar logs along an axis that they do not have;
- clips, accumulates and averages on each replica what is not yet the gradient of the whole batch;
- gives in its logs the mean of the replicas' means.

Here the gradients of a step are added up over all replicas before the optimizer sees them, so that each replica then
does to its own copy of the weights what a single process does; and what a batch adds to the metrics is added up too.
A model stays the functional model that it was: only methods of the one instance are exchanged.
"""

import functools
import types

import keras
import tensorflow as tf
from keras.src.backend.tensorflow.optimizer import TFOptimizer
from keras.src.optimizers.base_optimizer import BaseOptimizer

_TESTED = ("3.15",)
_LOCAL = ("_apply_weight_decay", "_backend_increment_gradient_accumulators", "_backend_update_step")
_PACK = 32 * 2**20  # bytes of gradients exchanged at once


def check_keras():
    """Raises an error unless the cure was tested with the Keras that is installed.

    Raises:
        RuntimeError: Saying which versions were.
    """
    version = keras.__version__
    if version.rsplit(".", 1)[0] not in _TESTED:
        raise RuntimeError(
            f"Training on many devices changes methods of Keras, and was tested with Keras {', '.join(_TESTED)} alone: "
            f"pip install 'keras=={_TESTED[-1]}.*', or train on one device (strategy='single'). "
            f"Received: keras=={version}"
        )


def distribute(model, wishes=None, agreed=None):
    """Makes a model that was built and compiled under a strategy train as one process would on the same batches.

    Each replica's batch must have equally many rows, and weights by which the replicas' losses add up to that of the
    whole batch: `data.split_batch` makes them. Logs are the same on every replica.

    Args:
        model: A built and compiled model whose optimizer is built, all under `strategy.scope()`; it is changed.
        wishes: A `tf.Variable` that each step of the training adds up over all replicas, or None.
        agreed: The `tf.Variable` that takes the sum, or None.

    Raises:
        RuntimeError: If the installed Keras was not tested with this.
        ValueError: If the optimizer scales the loss, as of `mixed_float16`, or the model was compiled for several steps
            at once, or for XLA.
    """
    check_keras()
    optimizer = model.optimizer
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        raise ValueError(
            "Losses are not scaled on many devices: train in mixed_bfloat16 or float32. "
            f"Received: optimizer={optimizer.name!r}"
        )
    if model.steps_per_execution != 1 or model.jit_compile:
        raise ValueError(
            "Many devices take one step at a time, which XLA does not compile: compile with steps_per_execution=1 and "
            f"jit_compile=False. Received: steps_per_execution={model.steps_per_execution}, "
            f"jit_compile={model.jit_compile}"
        )
    for name in _LOCAL:
        if getattr(type(optimizer), name) is getattr(TFOptimizer, name):
            setattr(optimizer, name, types.MethodType(getattr(BaseOptimizer, name), optimizer))
    optimizer.apply = functools.partial(_apply, optimizer, optimizer.apply)
    model.train_step = functools.partial(_step, model, model.train_step, wishes=wishes, agreed=agreed)
    model.test_step = functools.partial(_step, model, model.test_step)
    model.predict_step = functools.partial(_predict, model.predict_step)
    model._make_function = functools.partial(_make_function, model)
    model._maybe_symbolic_build = functools.partial(_build_metrics, model)
    model.get_metrics_result = functools.partial(_metrics_result, model, model.get_metrics_result)


def copies_of(variable):
    """Gives this process's copies of a variable.

    Args:
        variable: A `keras.Variable` or `tf.Variable`.

    Returns:
        List of `tf.Variable`, one a local replica.
    """
    value = variable.value if isinstance(variable, keras.Variable) else variable
    return list(value.values) if isinstance(value, tf.distribute.DistributedValues) else [value]


def add_up(tensors):
    """Adds tensors up over all replicas, within a step.

    Args:
        tensors: List of tensors.

    Returns:
        List of their sums, the same on every replica.
    """
    options = tf.distribute.experimental.CommunicationOptions(bytes_per_pack=_PACK)
    tensors = [tf.identity(tensor) for tensor in tensors]  # on the replica's device, which a variable read is not
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tensors, options)


def _apply(optimizer, apply, grads, trainable_variables=None):
    """The optimizer's `apply` on the gradients of the whole batch.

    They are exchanged as dense tensors. An embedding that is the output layer too has a gradient of more rows than
    itself: all of its own, and one for each token read; added up beforehand, it is exchanged once.
    """
    variables = optimizer._trainable_variables if trainable_variables is None else trainable_variables
    present = [
        tf.ensure_shape(tf.convert_to_tensor(grad), variable.shape)  # tensors of known shape are packed
        for grad, variable in zip(grads, variables, strict=True)
        if grad is not None
    ]
    summed = iter(add_up(present))
    apply([None if grad is None else next(summed) for grad in grads], trainable_variables)


def _step(model, step, data, wishes=None, agreed=None):
    """A step of training or testing after which the metrics hold what all replicas have seen.

    Keras adds to its mean of the losses, for each replica, R times its share of the loss times its rows. What a single
    process adds is the loss of the whole batch times the batch's rows, those of padding left out.
    """
    variables = model.metrics_variables
    before = [tf.convert_to_tensor(variable) for variable in variables]
    step(data)
    added = [tf.convert_to_tensor(variable) - old for variable, old in zip(variables, before, strict=True)]
    (total, rows), strategy = added[:2], tf.distribute.get_strategy()  # Keras lists the mean of the losses first
    *_, weights = keras.utils.unpack_x_y_sample_weight(data)
    if weights is not None:
        first = tf.nest.flatten(weights)[0]
        present = tf.reduce_any(tf.not_equal(tf.reshape(first, (tf.shape(first)[0], -1)), 0), axis=1)
        count = tf.reduce_sum(tf.cast(present, rows.dtype))
    else:
        count = rows
    share = total / (rows * strategy.num_replicas_in_sync)
    wished = [] if wishes is None else [tf.convert_to_tensor(wishes)]
    loss, count, *others = add_up([share, count, *added[2:], *wished])
    if wished:
        agreed.assign(others.pop())
    for variable, old, new in zip(variables, before, [loss * count, count, *others], strict=True):
        variable.assign(old + new)
    return keras.Model.get_metrics_result(model)


def _predict(step, data):
    """Keras's step, its answers in a dtype that is gathered from all processes."""
    return tf.nest.map_structure(lambda x: tf.cast(x, "float32") if x.dtype == tf.bfloat16 else x, step(data))


def _make_function(model, step_function):
    """As Keras's, for one step at a time; each replica's logs are those of all."""
    strategy = model.distribute_strategy

    def one_step(data):
        logs = strategy.run(step_function, args=(data,))
        return {name: strategy.experimental_local_results(value)[0] for name, value in logs.items()}

    # A graph of its own: it starts when there is data, and changes nothing at the end of them.
    one_step = one_step if model.run_eagerly else tf.function(one_step, reduce_retracing=True, autograph=False)

    def function(iterator):
        return one_step(next(iterator))

    return function if model.run_eagerly else tf.function(function, reduce_retracing=True, autograph=False)


def _build_metrics(model, iterator=None, data_batch=None):
    """Makes the metrics, also those of each output's loss, which need to know the shapes of a batch: this replica's."""
    if all(part is None or part.built for part in (model._compile_metrics, model._compile_loss)):
        return
    if iterator is not None:
        *_, batches = next(iter(iterator))
        data_batch = next(batches)
    strategy = model.distribute_strategy
    data_batch = tf.nest.map_structure(lambda value: strategy.experimental_local_results(value)[0], data_batch)
    with strategy.scope():
        model._symbolic_build(data_batch=data_batch)


def _metrics_result(model, result):
    strategy = model.distribute_strategy
    if tf.distribute.in_cross_replica_context():
        return {name: strategy.experimental_local_results(value)[0] for name, value in strategy.run(result).items()}
    return result()
