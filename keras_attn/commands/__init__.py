"""L7: the commands of `keras-attn`, a file for each task; none imports TensorFlow before it runs.

Each has `TASK`, its name; `add_train`, `add_evaluate`, `add_predict` and `add_export`, which give a command the flags
of the task; and `train`, `evaluate` and `predict`, which run it.
"""

from keras_attn.commands import classification, translation

TASK_COMMANDS = {module.TASK: module for module in (translation, classification)}

__all__ = ["TASK_COMMANDS"]
