"""A search: trials are proposed, run side by side, ended early, and counted in a file that outlives the process."""

import concurrent.futures
import contextlib
import importlib.util
import os
import threading
import warnings
from pathlib import Path

import yaml

from keras_attn.training.run_folder import replace_text
from keras_attn.tuning.trial_process import TrialProcess

PRUNERS = ("median", "hyperband", "none")
_STUDY = "keras_attn"
_POLL_SECONDS = 0.2
_FAILURES = 3  # in a row, without any success, after which the search itself is taken to be wrong


class Tuner:
    """Searches settings with Optuna, in a folder.

    study.db        all trials (SQLite)
    search.yaml     what is searched, for whom
    trials/00007/   the run folder of trial 7; beside it 00007.yaml, its settings, and 00007.log

    Several tuners, of several processes, may work in one folder. A trial whose tuner was killed is taken up by another.

    Args:
        folder: The folder; it must not hold a search unless `resume`.
        space: `SearchSpace`.
        command: Called with a trial's file of settings, its run folder and whether to resume; returns the list of
            words that train it.
        config: Dict of what all trials have: `task`, `preset` and `settings`.
        check: Called with the settings of a trial; raises a ValueError if they do not go together.
        monitor: The metric that counts.
        mode: "max" or "min".
        epochs: Epochs of a whole trial, for `pruner="hyperband"`.
        pruner: How bad trials are ended: "median" (worse than the median of the others at that epoch), "hyperband" or
            "none".
        seed: Seed of the proposals.
        resume: Go on with the search that the folder holds, or join it.

    Raises:
        FileExistsError: If the folder holds a search, or anything else.
        RuntimeError: If Optuna is not installed.
        ValueError: If the search of the folder is another one, or `pruner` is unknown.

    Attributes:
        study: The Optuna study.
        choose: What picks the best of several values, max or min.
    """

    def __init__(
        self, folder, space, command, config, check, monitor, mode, epochs, pruner="median", seed=1, resume=False
    ):
        if importlib.util.find_spec("optuna") is None:
            raise RuntimeError("Optuna is not installed: pip install 'keras_attn[tune]'. Received: a search")
        if pruner not in PRUNERS:
            raise ValueError(f"`pruner` must be one of {', '.join(PRUNERS)}. Received: pruner={pruner!r}")
        self.folder = Path(folder)
        self.space = space
        self.monitor, self.mode = monitor, mode
        self.choose = max if mode == "max" else min
        self._command = command
        self._config = config
        self._check = check
        self._make_folder({**config, "monitor": monitor, "search": space.ranges}, resume)
        self._stopped = threading.Event()
        self._one_thread = threading.Lock()
        self.study = self._open_study(pruner, epochs, seed)

    def run(self, num_trials, workers=1, threads=None, advance=None):
        """Runs trials until the search has so many, those of before and of other tuners counted.

        Args:
            num_trials: Trials in all.
            workers: Trials side by side.
            threads: Threads of the computation of each; the processor's number divided by `workers` when None.
            advance: Called after each trial with the number of those that are over.

        Raises:
            RuntimeError: If the first trials all fail, with what the last of them wrote.
        """
        threads = threads or max(1, (os.cpu_count() or 1) // workers)
        names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
        environment = dict.fromkeys(names, str(threads))
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(self._work, num_trials, environment, advance) for _ in range(workers)]
            try:
                concurrent.futures.wait(futures, return_when=concurrent.futures.FIRST_EXCEPTION)
                for future in futures:
                    if future.done():
                        future.result()
            finally:  # Ctrl-C and SIGTERM too: each trial saves where it stands
                self._stopped.set()

    def best(self):
        """Gives the best trial.

        Returns:
            Optuna's `FrozenTrial`, or None if none is complete.
        """
        complete = [trial for trial in self.study.trials if trial.state.name == "COMPLETE"]
        return self.choose(complete, key=lambda trial: trial.value, default=None)

    def config_of(self, trial):
        """Gives what `train --config` takes to train as a trial did.

        Args:
            trial: A trial of the search.

        Returns:
            Dict of task, preset and settings.
        """
        return {**self._config, "settings": {**self._config["settings"], **trial.params}}

    def _make_folder(self, described, resume):
        path, text = self.folder / "search.yaml", yaml.safe_dump(described, sort_keys=False, allow_unicode=True)
        if path.exists():
            if not resume:
                raise FileExistsError(
                    f"{self.folder} already holds a search; give another folder, or --resume (resume=True) to go on "
                    f"with it or join it. Received: folder={str(self.folder)!r}"
                )
            if path.read_text("utf-8") != text:
                raise ValueError(
                    f"{self.folder} holds another search: see {path}; go on with the same settings and the same "
                    f"search, or begin a new one elsewhere. Received:\n{text}"
                )
            return
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise FileExistsError(
                f"{self.folder} exists and is no empty folder; give the name of a new one. "
                f"Received: folder={str(self.folder)!r}"
            )
        (self.folder / "trials").mkdir(parents=True)
        replace_text(path, text)

    def _open_study(self, pruner, epochs, seed):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        pruners = {
            "median": optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
            "hyperband": optuna.pruners.HyperbandPruner(min_resource=1, max_resource=epochs),
            "none": optuna.pruners.NopPruner(),
        }
        storage = f"sqlite:///{(self.folder / 'study.db').absolute()}"
        with self._alone():
            return optuna.create_study(
                storage=optuna.storages.RDBStorage(storage, engine_kwargs={"connect_args": {"timeout": 60}}),
                sampler=optuna.samplers.TPESampler(seed=seed, constant_liar=True),
                pruner=pruners[pruner],
                study_name=_STUDY,
                direction="maximize" if self.mode == "max" else "minimize",
                load_if_exists=True,
            )

    @contextlib.contextmanager
    def _alone(self):
        """Keeps other threads, and other tuners of this folder, out."""
        import fcntl

        with self._one_thread, open(self.folder / ".lock", "a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _work(self, num_trials, environment, advance):
        while not self._stopped.is_set() and (taken := self._take(num_trials, environment)):
            trial, process = taken
            try:
                self._follow(trial, process)
            finally:
                process.release()
            over = [trial for trial in self.study.trials if trial.state.is_finished()]
            if advance is not None:
                advance(len(over))
            if len(over) >= _FAILURES and all(trial.state.name == "FAIL" for trial in over):
                raise RuntimeError(
                    f"The first {len(over)} trials all failed; the last said: {over[-1].user_attrs.get('error')}. "
                    f"Received: search={self.space.ranges!r}"
                )

    def _take(self, num_trials, environment):
        """Takes up a trial that was left, or asks for a new one."""
        import optuna

        with self._alone():
            trials = self.study.trials
            for left in (trial for trial in trials if trial.state.name == "RUNNING"):
                process = self._process(left.number, environment)
                if not process.claim():
                    continue
                if self.study.trials[left.number].state.is_finished():  # since we looked
                    process.release()
                    continue
                trial = optuna.trial.Trial(self.study, left._trial_id)
                self.space.suggest(trial)  # killed before it had all its values, it gets the others now
                return trial, process
            if len(trials) >= num_trials:
                return None
            trial = self.study.ask()
            process = self._process(trial.number, environment)
            process.claim()
        self.space.suggest(trial)
        return trial, process

    def _process(self, number, environment):
        run = self.folder / "trials" / f"{number:05d}"
        settings = run.with_suffix(".yaml")
        return TrialProcess(lambda run, resume: self._command(settings, run, resume), run, self.monitor, environment)

    def _follow(self, trial, process):
        """Trains a trial to its end, or to where it is no longer worth it."""
        config = self.config_of(trial)
        try:
            self._check(config["settings"])
        except ValueError as error:
            self._fail(trial, str(error))
            return
        replace_text(process.run.with_suffix(".yaml"), yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
        process.start()
        try:
            self._watch(trial, process)
        except BaseException:
            process.stop()  # nobody looks after it any more
            raise

    def _watch(self, trial, process):
        """Tells Optuna what a training comes to, epoch by epoch, and ends it where Optuna or the user says so."""
        import optuna

        reported = dict(self.study.trials[trial.number].intermediate_values)
        while True:
            is_running = process.is_running()  # asked before the curve is read, which is whole if not
            for epoch, value in process.curve().items():
                if epoch not in reported:
                    reported[epoch] = value
                    trial.report(value, epoch)
            if not is_running:
                break
            if reported and trial.should_prune():
                process.stop()
                self.study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                return
            if self._stopped.wait(_POLL_SECONDS):
                process.stop()  # it stays a running trial, for the next tuner
                return
        if process.exit_code:
            self._fail(trial, process.last_words())
        elif not reported:
            self._fail(trial, "The training ended before an epoch was over.")
        else:
            self.study.tell(trial, self.choose(reported.values()))

    def _fail(self, trial, error):
        import optuna

        trial.set_user_attr("error", error)
        self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
