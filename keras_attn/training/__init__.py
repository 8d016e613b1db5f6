"""L3: losses, metrics, schedules, and the run folder that a training writes and can be resumed from.

Names load on first use: looking into a run folder must not cost an import of Keras.
"""

from keras_attn.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Adafactor": "keras_attn.training.optimizers",
        "Adam": "keras_attn.training.optimizers",
        "AdamW": "keras_attn.training.optimizers",
        "CheckpointAverage": "keras_attn.training.checkpoint_average",
        "CheckpointError": "keras_attn.training.run_folder",
        "DivergenceError": "keras_attn.training.recorder",
        "GradualUnfreezing": "keras_attn.training.fine_tuning",
        "InverseSquareRoot": "keras_attn.training.schedules",
        "LossWatch": "keras_attn.training.loss_watch",
        "MaskedAccuracy": "keras_attn.training.metrics",
        "MaskedCrossentropy": "keras_attn.training.losses",
        "OneWorker": "keras_attn.training.workers",
        "Perplexity": "keras_attn.training.metrics",
        "ProgressBar": "keras_attn.training.progress",
        "QuantileLoss": "keras_attn.training.forecast_losses",
        "RunFolder": "keras_attn.training.run_folder",
        "RunInUseError": "keras_attn.training.run_folder",
        "RunRecorder": "keras_attn.training.recorder",
        "SmallerStep": "keras_attn.training.smaller_step",
        "StopSignals": "keras_attn.training.stop_signals",
        "StudentTLoss": "keras_attn.training.forecast_losses",
        "Terminated": "keras_attn.training.stop_signals",
        "WarmupCosine": "keras_attn.training.schedules",
        "WorkerLostError": "keras_attn.training.workers",
        "Workers": "keras_attn.training.distribution",
        "abstention_threshold": "keras_attn.training.calibration",
        "best_precision": "keras_attn.training.precision",
        "expected_calibration_error": "keras_attn.training.calibration",
        "cluster_task": "keras_attn.training.workers",
        "distribute": "keras_attn.training.keras_distribution",
        "find_batch_tokens": "keras_attn.training.memory",
        "find_workers": "keras_attn.training.distribution",
        "fit_temperature": "keras_attn.training.calibration",
        "keep_freed_memory": "keras_attn.training.allocator",
        "layerwise_rates": "keras_attn.training.fine_tuning",
        "peak_memory_gb": "keras_attn.training.memory",
        "record_gradient_norm": "keras_attn.training.gradient_norm",
        "resumable_fit": "keras_attn.training.resuming",
        "resume_from": "keras_attn.training.resuming",
        "write_report": "keras_attn.training.report",
    },
)
