"""The processes that train a model together, seen from one of them; here of a single one, which asks nobody."""

import contextlib
import json
import os

STRATEGIES = ("auto", "single", "mirrored", "multiworker", "tpu")


class WorkerLostError(Exception):
    """Another process of the training is gone; what was saved goes on with --resume."""

    exit_code = 4


class OneWorker:
    """A process that trains alone, on one device.

    Its methods are those of every number of workers; `training.distribution.find_workers` gives the others.

    Attributes:
        index: Number of this process, 0 for the chief.
        count: Number of processes.

    Example:
        >>> from keras_attn.training import OneWorker
        >>> OneWorker().share(lambda: "what the chief knows")
        'what the chief knows'
    """

    def __init__(self):
        self.index = 0
        self.count = 1

    @property
    def is_chief(self):
        """Whether this process writes to the run folder."""
        return self.index == 0

    def scope(self):
        """Gives the context in which the model is built and compiled.

        Returns:
            A context manager.
        """
        return contextlib.nullcontext()

    def watch(self):
        """Gives a context that tells of the loss of another process.

        Returns:
            A context manager.
        """
        return contextlib.nullcontext()

    def prepare(self, model):
        """Makes a compiled model ready for `fit`.

        Args:
            model: A model that was built and compiled in `scope()`, its optimizer built.
        """

    def dataset(self, batches):
        """Gives what this process trains on.

        Args:
            batches: Batches that all processes have.

        Returns:
            A `tf.data.Dataset`, for `distribute`.
        """
        return batches.as_dataset()

    def distribute(self, dataset, skip=0):
        """Gives what `model.fit` takes.

        Args:
            dataset: From `dataset`.
            skip: Number of batches to leave out.

        Returns:
            A dataset.
        """
        return dataset.skip(skip) if skip else dataset

    def share(self, function):
        """Calls a function in the chief alone, and tells all what it returns or raises.

        Args:
            function: Without arguments; returns what JSON can say.

        Returns:
            What it returned in the chief.
        """
        return function()

    def share_weights(self, model):
        """Gives all processes the chief's weights, and its optimizer's, and each replica random numbers of its own.

        Args:
            model: A model; if it is compiled, its optimizer must be built.
        """

    def agree(self, wishes):
        """Finds what any process wishes, after a step of `fit`; of many processes the wishes of the step before.

        Args:
            wishes: List of three bools: to end at once, to end after this step, to save a checkpoint.

        Returns:
            List of three bools, the same in all processes.
        """
        return wishes

    def agree_at_once(self, wish):
        """Finds whether any process wishes something, between steps.

        Args:
            wish: Whether this one does.

        Returns:
            Bool, the same in all processes.
        """
        return wish

    def value(self, variable):
        """Reads this process's copy of a variable.

        Args:
            variable: A `keras.Variable`.

        Returns:
            A NumPy array.
        """
        return variable.numpy()

    def set_value(self, variable, value):
        """Sets this process's copies of a variable.

        Args:
            variable: A `keras.Variable`.
            value: Its new value.
        """
        variable.assign(value)


def cluster_task():
    """Reads from the environment variable TF_CONFIG which of how many processes this is.

    Returns:
        Pair of this process's number, 0 for the chief, and the number of processes; (0, 1) where it is not set.

    Raises:
        ValueError: If it is malformed, or has other tasks than `chief` and `worker`.

    Example:
        >>> from keras_attn.training.workers import cluster_task
        >>> cluster_task()
        (0, 1)
    """
    text = os.environ.get("TF_CONFIG", "")
    if not text:
        return 0, 1
    expected = 'TF_CONFIG must read {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
    try:
        config = json.loads(text)
        cluster, task = config.get("cluster", {}), config.get("task", {})
        chiefs, workers = (len(cluster.get(job, [])) for job in ("chief", "worker"))
        if not cluster or (set(cluster) == {"chief"} and chiefs == 1):
            return 0, 1
        index = int(task["index"]) + (chiefs if task["type"] == "worker" else 0)
        if not set(cluster) <= {"chief", "worker"} or task["type"] not in cluster or not index < chiefs + workers:
            raise ValueError("the task must be one of the cluster's chief and workers")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{expected}; {type(error).__name__}: {error}. Received: TF_CONFIG={text!r}") from None
    return index, chiefs + workers
