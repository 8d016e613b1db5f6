import contextlib

import keras

from keras_attn.training.loss_watch import BadLossError
from keras_attn.training.smaller_step import halve_step
from keras_attn.training.workers import OneWorker


def resume_from(folder, model, workers=None):
    """Brings a newly made model to where a run was saved last.

    Args:
        folder: The `RunFolder`.
        model: A compiled model made as the run's was, its optimizer built.
        workers: The processes that train together, of which the chief alone reads the folder; None for this one alone.

    Returns:
        The state for `RunRecorder`.

    Raises:
        CheckpointError: If no checkpoint can be read.
    """
    workers = workers or OneWorker()
    state = workers.share(lambda: folder.restore_checkpoint(model))
    workers.share_weights(model)
    if state["returns"]:
        halve_step(model.optimizer, state["returns"], before=state["returns"])
    return state


def resumable_fit(model, recorder, dataset, epochs, callbacks=()):
    """Trains with `model.fit` to the end of a run, from where the recorder's state says it stands.

    A begun epoch goes on with its next batch. When the loss diverges, the training goes back to its newest checkpoint
    with half the learning rate, at most three times. Ctrl-C and SIGTERM save a checkpoint before they act; a second one
    acts at once.

    Args:
        model: The compiled model.
        recorder: The run's `RunRecorder`.
        dataset: A `tf.data.Dataset` that gives the batches of the epoch that the recorder's `batches` are set to; of
            many workers this one's share, from their `dataset`.
        epochs: Number of epochs in all.
        callbacks: Further callbacks; they find the recorder's metrics in their logs.

    Raises:
        DivergenceError: If the loss diverges for the fourth time.
        KeyboardInterrupt: After Ctrl-C.
        Terminated: After SIGTERM.
    """
    with recorder.signals:
        while True:
            try:
                return _fit(model, recorder, dataset, epochs, [recorder, *callbacks])
            except BadLossError as problem:
                recorder.go_back(str(problem))


def _fit(model, recorder, dataset, epochs, callbacks):
    arguments = {"shuffle": False, "verbose": 0, "callbacks": callbacks}
    epoch, batch = recorder.state["epoch"], recorder.state["batch"]
    if batch:  # the rest of a begun epoch: Keras gives all epochs of a `fit` the same length
        if batch == len(recorder.batches):
            _validate(model, epoch, callbacks)
        else:
            rest = recorder.workers.distribute(dataset, skip=batch)
            with _weights_stay(model.optimizer):
                model.fit(rest, initial_epoch=epoch, epochs=epoch + 1, **arguments)
        if model.stop_training:
            return
        epoch += 1
    model.fit(recorder.workers.distribute(dataset), initial_epoch=epoch, epochs=epochs, **arguments)


def _validate(model, epoch, callbacks):
    """Ends an epoch that was left when nothing but its validation was to be done."""
    callbacks = keras.callbacks.CallbackList(callbacks, model=model, epochs=epoch + 1, steps=0)
    model.stop_training = False
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(epoch)
    callbacks.on_epoch_end(epoch, model.get_metrics_result())
    callbacks.on_train_end()


@contextlib.contextmanager
def _weights_stay(optimizer):
    """Keeps Keras from putting the moving averages in place of the weights at the end of a `fit`."""
    optimizer.finalize_variable_values = lambda variables: None
    try:
        yield
    finally:
        del optimizer.finalize_variable_values
