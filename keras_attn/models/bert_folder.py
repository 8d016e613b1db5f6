"""A BERT read from the folder in which others keep one: `config.json` and `model.safetensors`.

It stands here, and not in `export`, because it ends in a model of this room and needs no more than NumPy: the file of
weights is a table of named arrays. The folder's vocabulary is read by `text.WordpieceTokenizer.read`.
"""

import importlib.util
import json
import math
from pathlib import Path

from keras_attn.models.bert import bert

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
_ACTIVATIONS = {"gelu": "gelu", "relu": "relu", "silu": "silu", "swish": "silu"}
_OLD_ENDINGS = {".gamma": ".weight", ".beta": ".bias"}  # of norms, in files of the first years
_SIZES = {
    "vocabulary_size": "vocab_size",
    "num_layers": "num_hidden_layers",
    "hidden_dim": "hidden_size",
    "num_heads": "num_attention_heads",
    "intermediate_dim": "intermediate_size",
    "max_length": "max_position_embeddings",
    "num_segments": "type_vocab_size",
    "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
    "epsilon": "layer_norm_eps",
}


def read_bert(folder, dropout=None, dtype=None):
    """Reads a BERT with its weights from a local folder.

    The folder holds `config.json` and `model.safetensors` as the library `transformers` writes them, of a bare encoder
    or of one with heads; the heads are left out.

    Args:
        folder: The folder.
        dropout: Share of each sublayer's output and of the embeddings set to zero in training; as configured when None.
        dtype: Dtype policy of all layers; Keras's global one when None.

    Returns:
        The model, as `bert` makes it; without a pooled output where the file has no pooler.

    Raises:
        FileNotFoundError: If the folder or a file of it is missing.
        ImportError: If safetensors is not installed.
        ValueError: If a file is damaged, the model is no BERT or one of another make, or a weight is missing or of
            another shape than the configuration says.
    """
    folder = Path(folder)
    arguments = _arguments(folder / CONFIG_FILE)
    arguments |= {} if dropout is None else {"dropout": dropout}
    arrays = _Arrays(folder / WEIGHTS_FILE)
    model = bert(**arguments, with_pooler="pooler.dense.weight" in arrays, dtype=dtype)
    _fill({layer.name: layer for layer in model.layers}, arguments["num_layers"], arrays)
    return model


def _arguments(path):
    """The arguments of `bert` that a configuration says."""
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such file. A BERT's folder holds {CONFIG_FILE}, {WEIGHTS_FILE} and vocab.txt. "
            f"Received: folder={str(path.parent)!r}"
        )
    try:
        config = json.loads(path.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not valid UTF-8 at byte offset {error.start}. Copy the file anew.") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{error.lineno}: not valid JSON ({error.msg}). Copy the file anew.") from None
    wanted = {"model_type": "bert", "position_embedding_type": "absolute", "is_decoder": False}
    for name, value in wanted.items():
        received = config.get(name, None if name == "model_type" else value)
        if received != value:
            raise ValueError(
                f"{path}: only BERT's own encoder can be read, with {name}={value!r}. Received: {name}={received!r}"
            )
    if config.get("hidden_act", "gelu") not in _ACTIVATIONS:
        raise ValueError(
            f"{path}: the activation must be one of {', '.join(_ACTIVATIONS)}. "
            f"Received: hidden_act={config['hidden_act']!r}"
        )
    missing = [theirs for theirs in _SIZES.values() if theirs not in config]
    if missing:
        raise ValueError(f"{path}: the configuration lacks {', '.join(missing)}. Received: keys={sorted(config)}")
    sizes = {ours: config[theirs] for ours, theirs in _SIZES.items()}
    return {**sizes, "activation": _ACTIVATIONS[config.get("hidden_act", "gelu")]}


class _Arrays:
    """The arrays of a safetensors file, by the names that they have in a bare encoder of today."""

    def __init__(self, path):
        if not path.is_file():
            raise FileNotFoundError(
                f"{path}: no such file. The weights must be one file in the safetensors format; "
                "`model.save_pretrained(folder)` of transformers writes it. "
                f"Received: folder={str(path.parent)!r}"
            )
        if importlib.util.find_spec("safetensors") is None:
            raise ImportError(
                f"safetensors is needed to read {path}: pip install 'keras_attn[bert]'. Received: path={str(path)!r}"
            )
        from safetensors import SafetensorError, safe_open

        self.path = path
        try:
            self._file = safe_open(path, framework="numpy")
        except SafetensorError as error:
            raise ValueError(f"{path}: damaged ({error}). Copy the file anew. Received: path={str(path)!r}") from None
        self._names = {_todays_name(name): name for name in self._file.keys()}  # noqa: SIM118 the file is no dict

    def __contains__(self, name):
        return name in self._names

    def read(self, name, shape):
        """The array of a name, which must have the shape."""
        if name not in self._names:
            raise ValueError(
                f"{self.path}: the weight {name} is missing: the file must hold all that {CONFIG_FILE} speaks of. "
                f"Received: {len(self._names)} weights, such as {', '.join(sorted(self._names)[:3])}"
            )
        array = self._file.get_tensor(self._names[name])
        if array.shape != shape:
            raise ValueError(
                f"{self.path}: by {CONFIG_FILE} the weight {name} must have the shape {shape}; the two files belong to "
                f"different models. Received: shape={array.shape}"
            )
        return array


def _todays_name(name):
    name = name.removeprefix("bert.")  # of a model with heads
    for old, new in _OLD_ENDINGS.items():
        name = name.removesuffix(old) + new if name.endswith(old) else name
    return name


def _fill(layer, num_layers, arrays):
    """Sets all weights of a model, given its layers by name."""
    _set(layer["embedding"].embeddings, "embeddings.word_embeddings.weight", arrays)
    _set(layer["position"].table, "embeddings.position_embeddings.weight", arrays)
    _set(layer["segment_embedding"].embeddings, "embeddings.token_type_embeddings.weight", arrays)
    _set_norm(layer["embedding_norm"], "embeddings.LayerNorm", arrays)
    for i in range(num_layers):
        block, start = layer[f"encoder_block_{i}"], f"encoder.layer.{i}"
        attention, feed_forward = block.self_attention, block.feed_forward
        _set_linear(attention.query_dense, f"{start}.attention.self.query", arrays)
        _set_linear(attention.key_dense, f"{start}.attention.self.key", arrays)
        _set_linear(attention.value_dense, f"{start}.attention.self.value", arrays)
        _set_linear(attention.output_dense, f"{start}.attention.output.dense", arrays)
        _set_norm(block.self_attention_residual.norm, f"{start}.attention.output.LayerNorm", arrays)
        _set_linear(feed_forward.hidden_dense, f"{start}.intermediate.dense", arrays)
        _set_linear(feed_forward.output_dense, f"{start}.output.dense", arrays)
        _set_norm(block.feed_forward_residual.norm, f"{start}.output.LayerNorm", arrays)
    if "pooler" in layer:
        _set_linear(layer["pooler"], "pooler.dense", arrays)


def _set(variable, name, arrays):
    variable.assign(arrays.read(name, tuple(variable.shape)))


def _set_norm(norm, name, arrays):
    _set(norm.gamma, f"{name}.weight", arrays)
    _set(norm.beta, f"{name}.bias", arrays)


def _set_linear(dense, name, arrays):
    """A linear map is kept as a matrix [outputs, inputs]; ours is transposed, and may have an axis of heads."""
    outputs = math.prod(dense.bias.shape)
    inputs = math.prod(dense.kernel.shape) // outputs
    dense.kernel.assign(arrays.read(f"{name}.weight", (outputs, inputs)).T.reshape(dense.kernel.shape))
    dense.bias.assign(arrays.read(f"{name}.bias", (outputs,)).reshape(dense.bias.shape))
