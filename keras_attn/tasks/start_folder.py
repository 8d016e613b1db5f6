"""Which folders a task can start from, told before Keras is imported."""

from pathlib import Path

from keras_attn.training import RunFolder

_BERT = ("config.json", "model.safetensors", "vocab.txt")


def kind_of_start(folder):
    """Tells what kind of folder a task would start from; what the files hold is not looked at.

    Args:
        folder: A run folder that `Pretraining.fit` or `save` wrote, or the folder of a BERT.

    Returns:
        "run" or "bert".

    Raises:
        FileNotFoundError: If there is no such folder, it is neither, or a file of a BERT is missing.
        ValueError: If it is the run of another task.
        CheckpointError: If the run has no checkpoint yet.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name in ("config.json", "model.safetensors", "vocab.txt"):
        ...     (folder / name).touch()
        >>> kind_of_start(folder)
        'bert'
    """
    path, run = Path(folder), RunFolder(folder)
    if run.holds_run():
        run.config("pretraining")
        run.check_checkpoint("best")
        return "run"
    missing = [name for name in _BERT if not (path / name).is_file()]
    if not missing:
        return "bert"
    if missing[0] == _BERT[0]:
        problem = "is neither a run folder (config.yaml) nor the folder of a BERT (config.json)"
        problem += "" if path.is_dir() else ": there is no such folder"
    else:
        problem = f"has a BERT's config.json, and no {' and no '.join(missing)} beside it"
    raise FileNotFoundError(
        f"{path} {problem}. Give what `keras-attn pretrain --out` (`Pretraining.fit(run=...)`) wrote, or a BERT that "
        f"`save_pretrained` of transformers wrote: {', '.join(_BERT)}. Received: folder={str(folder)!r}"
    )
