"""What another task starts from: the encoder and the tokenizer of a pretraining run or of a local BERT folder."""

from pathlib import Path
from typing import Any, NamedTuple

import keras

from keras_attn import models
from keras_attn.tasks.pretraining import Pretraining
from keras_attn.tasks.pretraining_model import build_encoder
from keras_attn.tasks.start_folder import kind_of_start
from keras_attn.text import Tokenizer, WordpieceTokenizer
from keras_attn.training import OneWorker
from keras_attn.training.run_folder import replace_text

_ENCODER_FILE = "encoder.json"


class Start(NamedTuple):
    """An encoder that has learnt, and the tokenizer that belongs to it.

    Args:
        encoder: Functional `keras.Model` named `text_encoder`: integer ids [B, T], 0 at padding -> [B, T, D]. It learnt
            from rows that begin with `tokenizer.start_id` and end in `tokenizer.end_id`.
        tokenizer: A `Tokenizer`.
        max_length: Most ids of a row.
        is_causal: Whether each token sees only those before it.
    """

    encoder: Any
    tokenizer: Tokenizer
    max_length: int
    is_causal: bool = False


def start_from(folder, dropout=None, dtype=None):
    """Reads what another task starts from, such as a classifier: `models.text_classifier(start.encoder, [2])`.

    Args:
        folder: A run folder that `Pretraining.fit` or `save` wrote, or the folder of a BERT (`config.json`,
            `model.safetensors`, `vocab.txt`).
        dropout: Dropout of the encoder from now on; as it was pretrained when None.
        dtype: Dtype policy of the encoder; of a run as it was pretrained, of a BERT Keras's global one when None.

    Returns:
        A `Start`. The encoder gives what it gave before.

    Raises:
        FileNotFoundError: If the folder is neither, or a file of it is missing.
        ValueError: If it is the run of another task, or a file is damaged.
        CheckpointError: If no checkpoint can be read.
    """
    path = Path(folder)
    if kind_of_start(path) == "run":
        return _from_run(path, dropout, dtype)
    model = models.read_bert(path, dropout, dtype)
    longest = model.get_layer("position").max_length
    return Start(models.bert_text_encoder(model), WordpieceTokenizer.read(path), longest)


def keep_architecture(run, encoder):
    """Writes down in a run folder how an encoder is built, so that resuming needs nothing else than that folder.

    Args:
        run: The `RunFolder`.
        encoder: The `Start`'s encoder.
    """
    replace_text(run.path / _ENCODER_FILE, encoder.to_json())


def same_architecture(run, workers=None):
    """Builds an encoder as `keep_architecture` wrote it down.

    Args:
        run: The `RunFolder`.
        workers: The processes that train together, of which the chief alone reads the folder; None for this one alone.

    Returns:
        A model of random weights.

    Raises:
        ValueError: If the file is missing or damaged.
    """
    path = run.path / _ENCODER_FILE
    try:
        text = (workers or OneWorker()).share(lambda: path.read_text("utf-8"))
        return keras.models.model_from_json(text)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is missing or damaged ({error}); copy the whole run folder anew. Received: run={str(run.path)!r}"
        ) from None


def _from_run(path, dropout, dtype):
    task = Pretraining.load(path)
    changes = {name: value for name, value in (("dropout", dropout), ("dtype", dtype)) if value is not None}
    encoder = build_encoder(task.settings, task.tokenizer.vocabulary_size, **changes)
    encoder.set_weights(models.encoder_of(task.model).get_weights())
    return Start(encoder, task.tokenizer, task.settings.max_length, task.settings.objective == "causal")
