"""The folder that holds everything about one training.

config.yaml      the task and all its settings, as run
tokenizer/       the vocabulary
examples.json    a few inputs of the validation, by which an export is compared with the task
checkpoints/     best-EPOCH, last-EPOCH and, within an epoch, last-EPOCH-BATCH, each with model.keras and state.json
metrics.jsonl    one line an epoch, and one for each return to a checkpoint after the loss diverged
report.md        what happened, with a picture and the command
tensorboard/     what TensorBoard shows, if it was asked for
.lock            held by the process that trains here
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


class RunInUseError(Exception):
    """Another process trains in the run folder."""


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
        (self.path / "checkpoints").mkdir(parents=True, exist_ok=True)
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
        if self.path.exists() and (not self.path.is_dir() or any(path.name != ".lock" for path in self.path.iterdir())):
            raise FileExistsError(
                f"{self.path} exists and is no empty folder; give the name of a new one. "
                f"Received: run={str(self.path)!r}"
            )

    @contextlib.contextmanager
    def lock(self):
        """Keeps others from training in this folder until the block ends; the kernel ends it with the process.

        Yields:
            None

        Raises:
            RunInUseError: If another holds the lock.
        """
        import fcntl

        if self.path.exists() and not self.path.is_dir():
            self.check_free()
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / ".lock", "a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunInUseError(
                    f"Another process trains in {self.path}. Wait for its end or stop it, or give another folder. "
                    f"Received: run={str(self.path)!r}"
                ) from None
            except OSError as error:
                warnings.warn(f"{self.path} cannot be locked ({error}): see that no other trains there.", stacklevel=3)
            yield

    def holds_run(self):
        """Tells whether a run was started here.

        Returns:
            Whether `config.yaml` exists.
        """
        return (self.path / "config.yaml").is_file()

    def config(self, task=None):
        """Reads what `create` wrote.

        Args:
            task: Name of the task that it must be a run of; any when None.

        Returns:
            Dict with the key `task`.

        Raises:
            FileNotFoundError: If the folder holds no run.
            ValueError: If `config.yaml` is damaged, or says another task.
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
        if task not in (None, config["task"]):
            raise ValueError(
                f"{self.path} is a run of the task {config['task']!r}, not of {task!r}. "
                f"Received: run={str(self.path)!r}"
            )
        return config

    def write_examples(self, examples):
        """Keeps a few inputs of the validation.

        Args:
            examples: List of plain values.
        """
        replace_text(self.path / "examples.json", json.dumps(examples, ensure_ascii=False, indent=1) + "\n")

    def examples(self):
        """Reads what `write_examples` wrote.

        Returns:
            List of inputs; empty where none were kept.
        """
        path = self.path / "examples.json"
        return json.loads(path.read_text("utf-8")) if path.exists() else []

    def best_metrics(self):
        """Reads the line of the epoch whose weights are kept as the best.

        Returns:
            Dict; empty where there is no such line.
        """
        newest = self.checkpoints("best")[-1]
        epoch = json.loads((newest / "state.json").read_text("utf-8"))["epoch"]
        return next((line for line in self.metrics() if line["epoch"] == epoch), {})

    def save_checkpoint(self, model, kind, state, keep=1):
        """Saves model and state under a new name, then removes the older checkpoints of that kind.

        Args:
            model: The functional model; `last` checkpoints hold its optimizer and the state of its random numbers too,
                the others load uncompiled.
            kind: "best" or "last".
            state: Dict of plain values with the key `epoch`, the number of epochs that are done, and if it is within
                an epoch `batch`, the number of its batches that are.
            keep: How many of that kind stay.

        Raises:
            OSError: If it cannot be written, such as on a full disk; the older ones stay.
        """
        import keras

        folder = self.path / "checkpoints"
        batch = f"-{state['batch']:06d}" if state.get("batch") else ""
        final = folder / f"{kind}-{state['epoch']:05d}{batch}"
        temporary, replaced = folder / f".{final.name}.partial", folder / f".{final.name}.replaced"
        for leftover in folder.glob(".*"):  # of a killed process
            shutil.rmtree(leftover, ignore_errors=True)
        temporary.mkdir(parents=True)
        if kind == "last":
            state = {**state, "random": [seed.numpy().tolist() for seed in _seeds(model)]}
        else:  # the same layers, never compiled: Keras has no other way to leave the optimizer out
            model = keras.Model(model.input, model.output, name=model.name)
        try:
            model.save(temporary / "model.keras")
            (temporary / "state.json").write_text(json.dumps(state, indent=1), "utf-8")
            for file in temporary.iterdir():
                _flush_to_disk(file)
            if final.exists():
                os.rename(final, replaced)
            os.rename(temporary, final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(replaced, ignore_errors=True)
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

    def check_checkpoint(self, kind):
        """Raises an error if there is nothing to load, which needs no Keras.

        Args:
            kind: "best" or "last".

        Raises:
            CheckpointError: If there is no checkpoint.
        """
        if not self.checkpoints(kind):
            raise self._unloadable(f"{self.path / 'checkpoints'} holds no checkpoint `{kind}-*`")

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
        from keras_attn.training import forecast_losses, losses, metrics, optimizers, schedules, smaller_step  # noqa: F401

        return self._newest_whole(kind, keras.models.load_model)

    def restore_checkpoint(self, model):
        """Puts the newest `last` checkpoint that is whole back into a model made like the one that was saved.

        Args:
            model: A compiled model whose optimizer is built; its weights, optimizer and random numbers are set.

        Returns:
            The state given to `save_checkpoint`.

        Raises:
            CheckpointError: If there is none, or none can be read.
        """
        return self._newest_whole("last", model.load_weights, model)[1]

    def _newest_whole(self, kind, load, model=None):
        self.check_checkpoint(kind)
        problems = []
        for path in reversed(self.checkpoints(kind)):
            try:
                state = json.loads((path / "state.json").read_text("utf-8"))
                loaded = load(path / "model.keras") or model
                if kind == "last":
                    for seed, value in zip(_seeds(loaded), state.pop("random"), strict=True):
                        seed.assign(value)
            except Exception as error:  # whatever a damaged zip, hdf5 or json file makes Keras raise
                problems.append(f"{path}: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
                continue
            for problem in problems:
                warnings.warn(f"Damaged checkpoint left out, the one before is used: {problem}", stacklevel=3)
            return loaded, state
        raise self._unloadable("; ".join(problems))

    def _unloadable(self, found):
        return CheckpointError(
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
        """Reads the epochs' lines of `metrics.jsonl`.

        Returns:
            List of dicts, one an epoch; empty before the first has ended. Of an epoch that was trained twice, because
            its checkpoint was lost, the later line counts; a line that was torn does not.
        """
        return list({line["epoch"]: line for line in self._lines() if "event" not in line}.values())

    def events(self):
        """Reads the lines of `metrics.jsonl` that tell of something else than an epoch.

        Returns:
            List of dicts with the key `event`.
        """
        return [line for line in self._lines() if "event" in line]

    def _lines(self):
        path = self.path / "metrics.jsonl"
        for text in path.read_text("utf-8").splitlines() if path.exists() else []:
            with contextlib.suppress(json.JSONDecodeError):
                yield json.loads(text)


def _seeds(model):
    """The states of a model's random numbers, which Keras does not save."""
    return [variable for variable in model.variables if variable.name == "seed_generator_state"]


def _flush_to_disk(path):
    """Has a file written out before it is renamed; only here do some file systems tell that they are full."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def replace_text(path, text):
    """Writes a text file whole or not at all.

    Args:
        path: The file.
        text: Its new content.
    """
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(text, "utf-8")
    os.replace(temporary, path)
