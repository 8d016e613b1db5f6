"""Attention for Keras 3: layers, sequence models, and tasks that end in a text-in/text-out SavedModel.

Everything here is imported on first use: `import keras_attn` and `keras-attn --help` wait for neither Keras
nor TensorFlow.

Example:

>>> import keras_attn
>>> "layers" in dir(keras_attn)
True
"""

from keras_attn.lazy import lazy_exports

_ROOMS = (
    "data",
    "decoding",
    "explain",
    "export",
    "layers",
    "models",
    "monitoring",
    "ops",
    "tasks",
    "text",
    "training",
)

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {room: f"keras_attn.{room}" for room in _ROOMS}
    | dict.fromkeys(("Classification", "Forecasting", "Tagging", "Translation"), "keras_attn.tasks")
    | {"__version__": "keras_attn.version"},
)
