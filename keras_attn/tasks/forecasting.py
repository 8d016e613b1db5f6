from keras_attn.data import TimeSeries, read_time_series
from keras_attn.tasks import forecasting_training as learning
from keras_attn.tasks.forecaster import Asked, Forecaster
from keras_attn.tasks.forecasting_answers import forecasts_of, measure
from keras_attn.tasks.forecasting_baselines import NAMES, Baselines
from keras_attn.tasks.forecasting_data import learn_facts, part_batches
from keras_attn.tasks.forecasting_facts import SeriesFacts
from keras_attn.tasks.forecasting_report import figures, report_sections
from keras_attn.tasks.settings import nearest
from keras_attn.tasks.task import Task, say
from keras_attn.tasks.training_run import TrainingRun
from keras_attn.training.report import write_page


class Forecasting(Task):
    """Tells how series of numbers go on, after learning it from their past.

    Args:
        preset: Name of a preset, see `keras-attn presets`.
        **settings: What differs from the preset: any field of `ForecastingSettings`.

    Raises:
        ValueError: If the preset or a setting is unknown (the nearest is named) or of a wrong type.

    Example:
        >>> from keras_attn import Forecasting
        >>> Forecasting(preset="tiny", horizon=12).settings.horizon
        12
    """

    name = "forecasting"

    def __init__(self, preset="tiny", **settings):
        super().__init__(preset, **settings)
        self.facts = None
        self.baselines = None
        self.offsets = {}
        self._asked = None

    def fit(
        self,
        data,
        run,
        max_minutes=None,
        resume=False,
        deterministic=False,
        tensorboard=False,
        wandb=False,
        strategy="auto",
        command=None,
    ):
        """Learns from the training part of series and keeps the epoch that is best on their validation part.

        Args:
            data: A path, see `read_time_series`, or a `TimeSeries`.
            run: Run folder to write; it must not hold a run unless `resume`.
            max_minutes: Minutes after which to stop, those before a `resume` counted.
            resume: Go on from the newest checkpoint of `run`.
            deterministic: Compute so that a run that is killed and resumed ends, on the same machine's CPU, with the
                very weights of an undisturbed one. Holds for the whole process, and for every resume of the run.
            tensorboard: Write what TensorBoard shows to `tensorboard/` in the run folder.
            wandb: Write to Weights & Biases, and to `wandb/` in the run folder.
            strategy: By which devices to train: "single", "mirrored" (all GPUs), "multiworker" (those of TF_CONFIG),
                "tpu", "auto", or a `tf.distribute.Strategy`; see docs/scaling.md.
            command: The command that was called, for the report; the Python call when None.

        Returns:
            Dict of figures on the validation part, the baselines' beside, see `evaluate`.

        Raises:
            FileNotFoundError: If the file is missing.
            FileExistsError: If `run` already holds a run.
            ValueError: If the file is malformed, or its series are too short.
            CheckpointError: If `resume` finds no checkpoint that can be read.
            RunInUseError: If another process trains in `run`.
            RuntimeError: If TensorBoard or Weights & Biases is asked for and not installed.
            WorkerLostError: If another of many workers is gone.
            DivergenceError: If the loss diverges although the training went back to a checkpoint with half the learning
                rate three times; what was good is kept in `run`.
            Terminated: After SIGTERM, when a checkpoint is saved, as KeyboardInterrupt after Ctrl-C.
        """
        data = self.read(data)
        facts, notes = learn_facts(data, self.settings)
        say(*notes[1:])
        described = {"series": len(data.series), "steps": data.steps(), "data": data.fingerprint()}
        how = {"deterministic": deterministic, "tensorboard": tensorboard, "wandb": wandb, "command": command}
        how |= {"strategy": strategy, "max_minutes": max_minutes, "resume": resume, "loss_unit": "loss"}
        with TrainingRun(self, run, described, "val_loss", **how) as training:
            self.facts = facts
            in_order = part_batches(data, facts, self.settings, "training")
            validation = part_batches(data, facts, self.settings, "validation")
            learning.begin(self, training, data, in_order, validation)
            batches = part_batches(data, facts, self.settings, "training", shuffle=True)
            training.fit(batches, validation, dict)  # no figure but the loss is asked for after an epoch
            self.use(training.best_model())
            learning.calibrate(self, in_order, validation)
            self._save_parts(training.folder.path)
            results = measure(data, facts, self.asked(), validation)
            sections = report_sections(training.folder.path, self, data, validation, results, notes, "validation")
            training.report(sections)
        found = figures(results)
        say(*learning.advice(found))
        return found

    def evaluate(self, data, progress=None, report=None):
        """Forecasts every window of the test part, and compares with what came.

        The test part of a series is what follows its validation part; of a series that the training did not have all
        of it. Histories may reach into the parts before.

        Args:
            data: A path or a `TimeSeries`.
            progress: Called with the number of windows done so far, or None.
            report: Folder to write `report.md` with its pictures into, or None.

        Returns:
            Dict of mse and mae (in deviations of the training part), mase, smape (percent), quantile_loss, coverage of
            the interval (percent) and its width; each of the baselines' with its name before it, such as `last_mse`,
            and `last_margin`, which the difference of the two mse must exceed to be more than noise; and windows, their
            number.

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If there is no window in the test part.
        """
        self.check_trained()
        data = self.read(data)
        say(*data.repairs)
        batches = self.test_batches(data)
        results = measure(data, self.facts, self.asked(), batches, progress)
        if report is not None:
            parts = data, batches, results, data.repairs, "test"
            write_page(report, "Forecasts of the test part", lambda folder: report_sections(folder, self, *parts))
        return {**figures(results), "windows": len(batches.origins)}

    def predict(self, data, by="model"):
        """Forecasts the future of series: the steps behind their last.

        Args:
            data: A path or a `TimeSeries`; with known columns, rows of the future follow whose targets are empty.
            by: "model", or a baseline: "last", "seasonal" or "linear".

        Returns:
            List of `Forecast`, one a series.

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If `by` is unknown, or the known columns end before the horizon.
        """
        self.check_trained()
        if by not in ("model", *NAMES):
            raise ValueError(f"Unknown forecaster.{nearest(by, ('model', *NAMES))} Received: by={by!r}")
        data = self.read(data)
        say(*data.repairs)
        return forecasts_of(data, self.facts, self.settings, self.asked(), by)

    def explain(self, data, series=None):
        """Shows what a forecast of the future was made from.

        Args:
            data: A path or a `TimeSeries`.
            series: Name of the series; the first when None.

        Returns:
            A `ForecastMap`: the forecast, what the model attended to, and how much each step of each variable moves it.

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If there is no such series.
        """
        from keras_attn.tasks.forecasting_explanation import explain_forecast

        self.check_trained()
        return explain_forecast(self, self.read(data), series)

    def export(self, folder, examples=None):
        """Writes the trained model, with its scaling, calendar and intervals, as the next version in a model's folder.

        Args:
            folder: The model's folder, such as `saved_models/load`.
            examples: A path or a `TimeSeries` by which to compare the export with the task; windows of the validation
                that the run kept when None.

        Returns:
            The folder of the new version.

        Raises:
            RuntimeError: If the task is not trained.
            ExportError: If the folder cannot be written, or what was written does not answer as the task does.
        """
        from keras_attn.tasks.forecasting_export import export_forecasting

        self.check_trained()
        return export_forecasting(self, folder, None if examples is None else self.read(examples))

    def read(self, data):
        """Reads series by the columns of the settings, or once there are those of the training.

        Args:
            data: A path or a `TimeSeries`.

        Returns:
            A `TimeSeries`.
        """
        if isinstance(data, TimeSeries):
            return data
        if self.facts is None:
            return read_time_series(data, self.settings.columns())
        return read_time_series(data, self.facts.columns, self.facts.frequency)

    def test_batches(self, data):
        """Makes the windows of the test part.

        Args:
            data: `TimeSeries`.

        Returns:
            `WindowBatches`.

        Raises:
            ValueError: If there is none.
        """
        batches = part_batches(data, self.facts, self.settings, "test")
        if batches is None:
            raise ValueError(
                f"The test part holds no window: behind what the training used, a series needs {self.settings.horizon} "
                f"steps, and {self.settings.lookback} before them. Received: {len(data.series)} series of at most "
                f"{max(map(len, data.series))} steps, split={self.settings.split!r}"
            )
        return batches

    def asked(self):
        """Gives what answers for the task.

        Returns:
            An `Asked`.

        Raises:
            RuntimeError: If the task is not trained.
        """
        self.check_trained()
        if self._asked is None:
            self._asked = Asked(self.forecaster(), self.baselines, self.offsets)
        return self._asked

    def forecaster(self):
        """Gives what forecasts inside a TensorFlow graph.

        Returns:
            A `Forecaster`.
        """
        return Forecaster(self.model, self.settings, self.facts, self.offsets.get("model"))

    def use(self, model=None, offsets=None):
        """Takes other weights or other offsets for what follows.

        Args:
            model: A model; None keeps the one there is, and its offsets.
            offsets: Dict of offsets, see `learning.calibrate`; of a new model none when None.
        """
        self.offsets = offsets or {}
        self.model = self.model if model is None else model
        self._asked = None

    def _save_parts(self, folder):
        self.facts.save(folder)
        self.baselines.save(folder)
        learning.save_offsets(folder, self.offsets)

    def _load_parts(self, folder):
        self.facts = SeriesFacts.load(folder)
        self.baselines = Baselines.load(folder)
        self.offsets = learning.load_offsets(folder)
