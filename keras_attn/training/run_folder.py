"""The folder that holds everything about one training.

config.yaml      the task and all its settings, as run
tokenizer/       the vocabulary
checkpoints/     best-EPOCH and last-EPOCH, each with model.keras and state.json
metrics.jsonl    one line an epoch
report.md        what happened, with a picture and the command
"""

import contextlib
import json
import os
import shutil
import warnings
from pathlib import Path

import yaml


class CheckpointError(Exception):
    """A checkpoint is missing or cannot be read."""


class RunFolder:
    """Writes and reads a run folder; whatever stands at a final name in it is complete.

    Args:
        path: The folder; `create` makes it.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.tokenizer_path = self.path / "tokenizer"

    def create(self, config, tokenizer=None):
        """Starts a new run; `config.yaml` is written last, so that a folder that has one is whole.

        Args:
            config: Dict of plain values with the key `task`, written to `config.yaml`.
            tokenizer: What has a method `save(folder)`, written to `tokenizer/`; None where a task has none.

        Raises:
            FileExistsError: If the folder already holds a run, or other files.
        """
        self.check_free()
        (self.path / "checkpoints").mkdir(parents=True)
        if tokenizer is not None:
            tokenizer.save(self.tokenizer_path)
        text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
        replace_text(self.path / "config.yaml", text)

    def check_free(self):
        """Raises an error if a new run cannot be started here.

        Raises:
            FileExistsError: If the folder already holds a run, or other files.
        """
        if self.holds_run():
            raise FileExistsError(
                f"{self.path} already holds a run; give another folder, or --resume (resume=True) to go on with it. "
                f"Received: run={str(self.path)!r}"
            )
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise FileExistsError(
                f"{self.path} exists and is no empty folder; give the name of a new one. "
                f"Received: run={str(self.path)!r}"
            )

    def holds_run(self):
        """Tells whether a run was started here.

        Returns:
            Whether `config.yaml` exists.
        """
        return (self.path / "config.yaml").is_file()

    def config(self):
        """Reads what `create` wrote.

        Returns:
            Dict with the key `task`.

        Raises:
            FileNotFoundError: If the folder holds no run.
            ValueError: If `config.yaml` is damaged.
        """
        if not self.holds_run():
            raise FileNotFoundError(
                f"{self.path} is no run folder: it has no config.yaml. Give the folder that `keras-attn train --out` "
                f"(or `fit(run=...)`) wrote. Received: run={str(self.path)!r}"
            )
        try:
            config = yaml.safe_load((self.path / "config.yaml").read_text("utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ValueError(f"{self.path / 'config.yaml'} is damaged: {error}") from error
        if not isinstance(config, dict) or "task" not in config:
            raise ValueError(f"{self.path / 'config.yaml'} is damaged: it must be a mapping with the key `task`.")
        return config

    def save_checkpoint(self, model, kind, state, keep=1):
        """Saves model and state under a new name, then removes the older checkpoints of that kind.

        Args:
            model: The functional model; `last` checkpoints hold its optimizer too, the others load uncompiled.
            kind: "best" or "last".
            state: Dict of plain values with the key `epoch`.
            keep: How many of that kind stay.
        """
        import keras

        folder = self.path / "checkpoints"
        final = folder / f"{kind}-{state['epoch']:05d}"
        temporary = folder / f".{final.name}.partial"
        shutil.rmtree(temporary, ignore_errors=True)  # left by a killed process
        temporary.mkdir(parents=True)
        if kind != "last":  # the same layers, never compiled: Keras has no other way to leave the optimizer out
            model = keras.Model(model.input, model.output, name=model.name)
        try:
            model.save(temporary / "model.keras")
            (temporary / "state.json").write_text(json.dumps(state), "utf-8")
            shutil.rmtree(final, ignore_errors=True)
            os.replace(temporary, final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        for old in self.checkpoints(kind)[:-keep]:
            shutil.rmtree(old)

    def checkpoints(self, kind):
        """Lists checkpoints, oldest first.

        Args:
            kind: "best" or "last".

        Returns:
            List of paths.
        """
        return sorted((self.path / "checkpoints").glob(f"{kind}-*"))

    def load_checkpoint(self, kind):
        """Loads the newest checkpoint that is whole.

        Args:
            kind: "best" or "last".

        Returns:
            The model and the state given to `save_checkpoint`.

        Raises:
            CheckpointError: If there is none, or none can be read.
        """
        import keras

        # Registers the package's classes, so that Keras finds what the checkpoint names.
        from keras_attn import layers  # noqa: F401
        from keras_attn.training import losses, metrics, optimizers, schedules  # noqa: F401

        problems = []
        for path in reversed(self.checkpoints(kind)):
            try:
                state = json.loads((path / "state.json").read_text("utf-8"))
                model = keras.models.load_model(path / "model.keras")
            except Exception as error:  # whatever a damaged zip, hdf5 or json file makes Keras raise
                problems.append(f"{path}: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
                continue
            for problem in problems:
                warnings.warn(f"Damaged checkpoint left out, the one before is used: {problem}", stacklevel=2)
            return model, state
        found = "; ".join(problems) or f"{self.path / 'checkpoints'} holds no checkpoint `{kind}-*`"
        raise CheckpointError(
            f"No checkpoint could be loaded: {found}. Train again or with --resume, or copy the folder anew. "
            f"Received: run={str(self.path)!r}"
        )

    def append_metrics(self, line):
        """Adds a line to `metrics.jsonl`.

        Args:
            line: Dict of plain values.
        """
        path = self.path / "metrics.jsonl"
        torn = path.exists() and not path.read_bytes().endswith(b"\n")  # by a process killed while it wrote
        with open(path, "a", encoding="utf-8") as file:
            file.write("\n" * torn + json.dumps(line) + "\n")

    def metrics(self):
        """Reads `metrics.jsonl`.

        Returns:
            List of dicts, one an epoch; empty before the first has ended. Of an epoch that was trained twice, because
            its checkpoint was lost, the later line counts; a line that was torn does not.
        """
        path = self.path / "metrics.jsonl"
        lines = {}
        for text in path.read_text("utf-8").splitlines() if path.exists() else []:
            with contextlib.suppress(json.JSONDecodeError):
                line = json.loads(text)
                lines[line["epoch"]] = line
        return list(lines.values())


def replace_text(path, text):
    """Writes a text file whole or not at all.

    Args:
        path: The file.
        text: Its new content.
    """
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(text, "utf-8")
    os.replace(temporary, path)
