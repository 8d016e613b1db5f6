"""L7: the commands of `keras-attn`, a file for each task; none imports TensorFlow before it runs.

Each has `TASK`, its name, `add_train`, and `train`, `evaluate`, `predict`, `explain` and `export`, which run; and where
a command has flags for this task alone, `add_evaluate`, `add_predict`, `add_explain` and `add_export`. What those of
`train` say is told by `own_flags`. In the place of `train` and `own_flags` a pretraining has a command
of its own, `pretrain`.
"""

from keras_attn.commands import classification, forecasting, pretraining, signal, tagging, translation

TRAIN_COMMANDS = {module.TASK: module for module in (translation, classification, tagging, forecasting, signal)}
TASK_COMMANDS = {**TRAIN_COMMANDS, pretraining.TASK: pretraining}

__all__ = ["TASK_COMMANDS", "TRAIN_COMMANDS"]
