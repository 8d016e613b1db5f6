"""Training on many devices and machines: which strategy, and what its processes tell each other."""

import contextlib
import functools
import json
import os

import numpy as np
import tensorflow as tf

from keras_attn.data import shard_dataset
from keras_attn.training.keras_distribution import check_keras, copies_of, distribute
from keras_attn.training.workers import STRATEGIES, OneWorker, WorkerLostError, cluster_task

_NUM_WISHES = 3  # see `OneWorker.agree`
_LOST = (  # what TensorFlow raises when another process is gone
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


def find_workers(strategy="auto"):
    """Makes the strategy by which a model is trained; before TensorFlow has computed anything, of many machines.

    Args:
        strategy: "single" for one device, "mirrored" for all GPUs of this machine, "multiworker" for the processes that
            TF_CONFIG names, "tpu"; "auto" is the first of tpu, multiworker and mirrored that there is, else single. Or
            a `tf.distribute.Strategy`.

    Returns:
        A `OneWorker`, or `Workers`.

    Raises:
        ValueError: If the strategy is unknown, or TF_CONFIG malformed or missing.
        RuntimeError: If TensorFlow computes already, or Keras is of a version that this was not tested with.

    Example:
        >>> from keras_attn.training.distribution import find_workers
        >>> find_workers("single").count
        1
    """
    if isinstance(strategy, tf.distribute.Strategy):
        return Workers(strategy)
    if strategy not in STRATEGIES:
        raise ValueError(f"`strategy` must be one of {', '.join(STRATEGIES)}. Received: strategy={strategy!r}")
    _, count = cluster_task()
    if strategy == "auto":
        strategy = _fitting(count)
    if strategy == "single":
        return OneWorker()
    check_keras()
    if strategy == "mirrored":
        return Workers(_only_one(tf.distribute.MirroredStrategy))
    if strategy == "tpu":
        return Workers(_tpu_strategy())
    if not os.environ.get("TF_CONFIG"):
        raise ValueError(
            "Many workers find each other by the environment variable TF_CONFIG, which is not set: start them with "
            "`keras-attn launch`, or see docs/scaling.md. Received: strategy='multiworker'"
        )
    try:
        return Workers(_only_one(tf.distribute.MultiWorkerMirroredStrategy))
    except RuntimeError as error:
        raise RuntimeError(
            "The workers must meet before TensorFlow computes anything in this process: call `fit` first of all, or "
            "make a tf.distribute.MultiWorkerMirroredStrategy at the program's start and pass it as `strategy`: "
            f"{error}"
        ) from error


class Workers(OneWorker):
    """All processes that train under a strategy, each with one or more devices, seen from one of them.

    Args:
        strategy: A `tf.distribute.Strategy`.

    Attributes:
        strategy: The strategy.
        index: Number of this process, 0 for the chief.
        count: Number of processes.
    """

    def __init__(self, strategy):
        super().__init__()
        self.strategy = strategy
        if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            self.index, self.count = cluster_task()
        self._wishes, self._agreed = (tf.Variable([0.0] * _NUM_WISHES, trainable=False) for _ in range(2))

    def scope(self):
        return self.strategy.scope()

    @contextlib.contextmanager
    def watch(self):
        try:
            yield
        except _LOST as error:
            if self.count == 1:
                raise
            raise WorkerLostError(
                f"Another of the {self.count} workers is gone, and worker {self.index} cannot go on alone. Start all "
                "of them again with --resume (resume=True), as `keras-attn launch --restarts` does by itself: "
                f"{str(error).splitlines()[0]}"
            ) from error

    def prepare(self, model):
        distribute(model, *((self._wishes, self._agreed) if self.count > 1 else ()))
        self._spread_seeds(model)

    def dataset(self, batches):
        replicas = self.strategy.num_replicas_in_sync
        own = replicas // self.count
        return shard_dataset(batches, range(self.index * own, (self.index + 1) * own), replicas)

    def distribute(self, dataset, skip=0):
        own = self.strategy.num_replicas_in_sync // self.count
        distributed = self.strategy.distribute_datasets_from_function(lambda context: dataset.skip(skip * own))
        distributed._cardinality //= own  # TensorFlow counts the parts for each device, and Keras the steps
        return distributed

    def share(self, function):
        if self.count == 1:
            return function()
        said, error = {}, None
        if self.is_chief:
            try:
                said["value"] = function()
            except Exception as problem:  # raised when the others know of it, who would wait for ever
                error = problem
                said["error"] = f"{type(problem).__name__}: {problem}"
        said = json.loads(self._text_of_chief(json.dumps(said)))
        if error is not None:
            raise error
        if "error" in said:
            raise RuntimeError(f"The chief could not go on. {said['error']}. Received: worker={self.index}")
        return said["value"]

    def share_weights(self, model):
        optimizer = getattr(model, "optimizer", None)
        variables = [*model.variables, *(optimizer.variables if optimizer else [])]
        for variable in variables if self.count > 1 else []:
            value = self.value(variable)
            value = value.astype(np.int64) if value.dtype.kind == "u" else value  # which are not added up
            self.set_value(variable, self._add_up(value if self.is_chief else np.zeros_like(value)))
        self._spread_seeds(model)

    def agree(self, wishes):
        if self.count == 1:
            return wishes
        agreed = self._agreed.numpy() > 0
        # A wish that is being granted came up again meanwhile.
        self._wishes.assign([0.0] * _NUM_WISHES if agreed.any() else [float(wish) for wish in wishes])
        return agreed.tolist()

    def agree_at_once(self, wish):
        return bool(self._add_up(np.array(int(wish))) > 0) if self.count > 1 else wish

    def value(self, variable):
        return copies_of(variable)[0].numpy()

    def set_value(self, variable, value):
        for copy in copies_of(variable):
            copy.assign(tf.cast(value, copy.dtype))

    def _text_of_chief(self, text):
        """Gives all processes the chief's text: its bytes added to the others' zeros."""
        characters = np.frombuffer(text.encode(), np.uint8).astype(np.int32)
        length = int(self._add_up(np.array(len(characters) if self.is_chief else 0)))
        characters = characters if self.is_chief else np.zeros(length, np.int32)
        return self._add_up(characters).numpy().astype(np.uint8).tobytes().decode()

    def _add_up(self, array):
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, tf.convert_to_tensor(array), axis=None)

    def _spread_seeds(self, model):
        """Lets each replica draw numbers of its own; those of the chief's first, which are saved, stay."""
        for variable in model.variables:
            if variable.name == "seed_generator_state":
                copies = copies_of(variable)
                seed, step = copies[0].numpy().tolist()
                for place, copy in enumerate(copies, self.index * len(copies)):
                    copy.assign(tf.cast([(seed + 1_000_003 * place) % 2**31, step], copy.dtype))


@functools.cache
def _only_one(kind):
    """Makes a strategy, for all trainings of this process: what two of a kind exchange, TensorFlow would mix up."""
    return kind()


def _fitting(count):
    if os.environ.get("TPU_NAME"):
        return "tpu"
    if count > 1:
        return "multiworker"
    return "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "single"


def _tpu_strategy():
    """Not run so far: there was no TPU."""
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver()
    tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
    return tf.distribute.TPUStrategy(resolver)
