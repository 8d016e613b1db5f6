"""L3: losses, metrics, schedules, and the run folder that a training writes and can be resumed from."""

from keras_attn.training.losses import MaskedCrossentropy
from keras_attn.training.metrics import MaskedAccuracy
from keras_attn.training.progress import ProgressBar
from keras_attn.training.recorder import RunRecorder
from keras_attn.training.report import write_report
from keras_attn.training.run_folder import CheckpointError, RunFolder
from keras_attn.training.schedules import InverseSquareRoot

__all__ = [
    "CheckpointError",
    "InverseSquareRoot",
    "MaskedAccuracy",
    "MaskedCrossentropy",
    "ProgressBar",
    "RunFolder",
    "RunRecorder",
    "write_report",
]
