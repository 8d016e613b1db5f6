"""A training that several processes call alike."""

from tests.tasks.killed_runs import SETTINGS, WORDS

CHANGES = {"epochs": 1, "optimizer": "adamw", "weight_decay": 0.01, "precision": "float32"}


def train(run, changes, how):
    """Trains on words written backwards; tells what `fit` returned, and the weights; or which error ended it."""
    from keras_attn.data import ParallelText
    from keras_attn.tasks import Translation
    from keras_attn.training import WorkerLostError

    pairs = ParallelText(WORDS, [word[::-1] for word in WORDS])
    task = Translation("tiny", **{**SETTINGS, **CHANGES, **changes})
    try:
        metrics = task.fit(pairs, ParallelText(pairs.sources[:21], pairs.targets[:21]), run=run, resume=True, **how)
    except (WorkerLostError, SystemExit, RuntimeError, ValueError) as error:
        return type(error).__name__, str(error), getattr(error, "exit_code", None)
    return metrics, task.model.get_weights(), task.run is None
