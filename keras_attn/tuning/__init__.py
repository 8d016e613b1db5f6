"""L6: search for a task's best settings: Optuna proposes, a process a trial trains, bad learning curves end early.

Nothing here needs Keras or TensorFlow: a trial is a command that writes a run folder.
"""

from keras_attn.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "SearchSpace": "keras_attn.tuning.search_space",
        "TrialProcess": "keras_attn.tuning.trial_process",
        "Tuner": "keras_attn.tuning.tuner",
        "write_tuning_report": "keras_attn.tuning.tuning_report",
    },
)
