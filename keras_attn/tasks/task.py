"""What every task shares: settings, and a run folder that `load` needs nothing else than."""

import sys

from keras_attn.tasks.registry import TASKS, find_task
from keras_attn.tasks.settings import describe_settings, make_settings
from keras_attn.training import RunFolder
from keras_attn.version import __version__


class Task:
    """Base of all tasks.

    A subclass gives its `name` in the list of tasks and the verbs `fit`, `evaluate`, `predict`, `explain` and `export`;
    and where it needs more than its settings, tokenizer and weights, `_save_parts` and `_load_parts`.

    Args:
        preset: Name of a preset of the task, see `keras-attn presets`.
        **settings: Settings that differ from the preset.

    Raises:
        ValueError: If the preset or a setting is unknown or of a wrong type.
    """

    name = None

    def __init__(self, preset="tiny", **settings):
        self.preset = preset
        entry = TASKS[self.name]
        self.settings = make_settings(entry.settings_class, entry.presets, preset, settings)
        self.tokenizer = None  # of tasks on texts
        self.model = None
        self.run = None  # the `RunFolder` that tells how it was trained

    def config(self, **more):
        """Describes the task for `config.yaml`.

        Args:
            **more: Further keys, such as the data files.

        Returns:
            Dict of plain values.
        """
        settings = describe_settings(self.settings)
        return {"task": self.name, "keras_attn": __version__, "preset": self.preset, **more, "settings": settings}

    def save(self, folder):
        """Writes a folder from which `load` makes this task again, without the training's history.

        Args:
            folder: A folder that does not exist or is empty.

        Raises:
            FileExistsError: If the folder holds anything.
            RuntimeError: If the task has not been trained.
        """
        self.check_trained()
        run = RunFolder(folder)
        run.create(self.config(), self.tokenizer)
        run.save_checkpoint(self.model, "best", {"epoch": 0})
        self._save_parts(run.path)

    @classmethod
    def load(cls, folder):
        """Makes the task from its run folder, with the weights of the best epoch.

        Args:
            folder: A folder that `fit` or `save` wrote.

        Returns:
            The trained task.

        Raises:
            FileNotFoundError: If the folder holds no run.
            ValueError: If it is the run of another task, or damaged.
            CheckpointError: If no checkpoint can be read.
        """
        run = RunFolder(folder)
        config = run.config(cls.name)
        task = cls(config.get("preset", "tiny"), **config.get("settings", {}))
        if run.tokenizer_path.exists():
            from keras_attn.text import load_tokenizer

            task.tokenizer = load_tokenizer(run.tokenizer_path)
        task.model, _ = run.load_checkpoint("best")
        task.run = run
        task._load_parts(run.path)
        return task

    def _save_parts(self, folder):
        """Writes what stands in a run folder beside the tokenizer and the checkpoints."""

    def _load_parts(self, folder):
        """Reads what `_save_parts` wrote; all else is loaded by then."""

    def check_same_run(self, folder, **data):
        """Raises an error unless a resumed run was started with this task's settings and data.

        Args:
            folder: The `RunFolder`.
            **data: What the run's `config.yaml` says of the data, such as a fingerprint.

        Raises:
            ValueError: Saying what differs.
        """
        run = folder.config()
        if run["task"] != self.name:
            raise ValueError(f"{folder.path} is a run of the task {run['task']!r}. Received: run={str(folder.path)!r}")
        changed = {
            name: value
            for name, value in self.config()["settings"].items()
            if name not in ("epochs", "checkpoint_minutes") and run.get("settings", {}).get(name, value) != value
        }
        if changed:
            raise ValueError(
                f"{folder.path} was started with other settings; resume with the same ones, or start a new run. "
                f"Received: {', '.join(f'{name}={value!r}' for name, value in changed.items())}"
            )
        for name, value in data.items():
            if run.get(name) != value:
                raise ValueError(
                    f"{folder.path} was started with other data ({name}: {run.get(name)}); resume with the same files, "
                    f"or start a new run. Received: {name}={value!r}"
                )

    def is_over(self, state, max_minutes):
        """Tells whether a resumed run has nothing left to do.

        Args:
            state: State of its newest checkpoint, or None.
            max_minutes: Minutes of training allowed in all, or None.

        Returns:
            Whether its epochs, its minutes or its patience are used up.
        """
        if state is None:
            return False
        out_of_time = max_minutes is not None and state["seconds"] >= 60 * max_minutes
        patience = self.settings.patience
        out_of_patience = patience is not None and state["epoch"] - state["best_epoch"] >= patience
        return out_of_time or out_of_patience or state["epoch"] >= self.settings.epochs

    def check_trained(self):
        """Raises a RuntimeError if the task has no trained model yet.

        Raises:
            RuntimeError: Saying how to get one.
        """
        if self.model is None:
            raise RuntimeError(f"This {self.name} task is not trained: call `fit` first, or `load` a run folder.")


def say(*lines):
    """Tells who trains or asks a task, on standard error, what is to be known of the data.

    Args:
        *lines: Lines of text; none says nothing.
    """
    for line in lines:
        print(line, file=sys.stderr)


def check_explained(text):
    """Refuses a text without anything to explain.

    Args:
        text: A text.

    Raises:
        ValueError: If it is empty.
    """
    if not text.strip():
        raise ValueError(f"There is nothing to explain in an empty text. Received: text={text!r}")


def settings_of(config):
    """Makes the settings that a run was trained with, without its model.

    Args:
        config: What `RunFolder.config` reads.

    Returns:
        An instance of the task's settings class.

    Raises:
        ValueError: If the task, or a setting of it, is unknown.
    """
    entry = find_task(config["task"])
    preset = config.get("preset", next(iter(entry.presets)))
    return make_settings(entry.settings_class, entry.presets, preset, config.get("settings", {}))


def load_task(folder):
    """Makes a trained task from a run folder, whichever task it is.

    Args:
        folder: A folder that `fit` or `save` wrote.

    Returns:
        The trained task.

    Raises:
        FileNotFoundError: If the folder holds no run.
        ValueError: If it is damaged.
        CheckpointError: If no checkpoint can be read.
    """
    return find_task(RunFolder(folder).config()["task"]).load_class().load(folder)
