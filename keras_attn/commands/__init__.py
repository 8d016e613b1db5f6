"""L7: the commands of `keras-attn`, a file for each task; none imports TensorFlow before it runs.

Each has `TASK`, its name, `add_train`, and `train`, `evaluate`, `predict`, `explain` and `export`, which run; and
where a command has flags for this task alone, `add_evaluate`, `add_predict`, `add_explain` and `add_export`.
"""

from keras_attn.commands import classification, forecasting, translation

TASK_COMMANDS = {module.TASK: module for module in (translation, classification, forecasting)}

__all__ = ["TASK_COMMANDS"]
