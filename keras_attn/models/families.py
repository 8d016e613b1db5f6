"""Which module knows how to run a model: all offer the same functions."""

import importlib

_FAMILIES = ("transformer", "rnn_seq2seq")


def family(model):
    """Finds the functions that decode with a model.

    Args:
        model: A model made by `transformer` or `rnn_seq2seq`, or loaded from a file.

    Returns:
        The module with its `encode`, `decode`, `empty_caches`, `filled_caches` and `stepper`.

    Raises:
        ValueError: If the model is of no known family.

    Example:
        >>> from keras_attn import models
        >>> model = models.rnn_seq2seq(50, hidden_dim=8)
        >>> models.family(model).__name__
        'keras_attn.models.rnn_seq2seq'
    """
    if model.name not in _FAMILIES:
        raise ValueError(
            f"The model must be one of {', '.join(_FAMILIES)}: its name says which. Received: model.name={model.name!r}"
        )
    return importlib.import_module(f"keras_attn.models.{model.name}")
