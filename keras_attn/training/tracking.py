"""What other tools show of a training; each is an extra."""

import contextlib
import importlib.util
import uuid

import keras

from keras_attn.training.run_folder import replace_text

_TOOLS = {"tensorboard": "TensorBoard", "wandb": "Weights & Biases"}


def check_trackers(names):
    """Raises an error unless the tools are installed.

    Args:
        names: List of "tensorboard" and "wandb".

    Raises:
        RuntimeError: Naming the extra to install.
    """
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise RuntimeError(
                f"{_TOOLS[name]} is not installed: pip install 'keras_attn[{name}]'. Received: {name}=True"
            )


@contextlib.contextmanager
def tracker_callbacks(folder, names):
    """Makes the callbacks that write, within the run folder, what the tools show.

    TensorBoard reads `RUN/tensorboard`. Weights & Biases writes to `RUN/wandb`, and sends it to where its own settings
    say, such as nowhere with `WANDB_MODE=offline`; a resumed training goes on with the same run there.

    Args:
        folder: The `RunFolder`, created.
        names: List of "tensorboard" and "wandb".

    Yields:
        List of callbacks.
    """
    callbacks = []
    if "tensorboard" in names:
        callbacks.append(keras.callbacks.TensorBoard(folder.path / "tensorboard", write_graph=False))
    if "wandb" not in names:
        yield callbacks
        return
    import wandb
    from wandb.integration.keras import WandbMetricsLogger

    place = folder.path / "wandb"
    place.mkdir(exist_ok=True)
    id_file = place / "run_id"
    if not id_file.exists():
        replace_text(id_file, uuid.uuid4().hex)
    how = {"id": id_file.read_text("utf-8"), "name": folder.path.name, "config": folder.config(), "resume": "allow"}
    with wandb.init(project="keras_attn", dir=folder.path, **how):
        yield [*callbacks, WandbMetricsLogger()]
