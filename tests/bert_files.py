"""A BERT's folder made by hand, whole or with a fault."""

import json

import numpy as np
import pytest

safetensors = pytest.importorskip("safetensors.numpy", reason="needs safetensors: pip install 'keras_attn[bert]'")


def write_folder(folder, config=(), drop=None, change=None, rename=None):
    """Writes config.json and model.safetensors of a BERT with one block of width 8; returns the arrays by name.

    Args:
        folder: The folder, made at need.
        config: What the configuration says otherwise.
        drop: Name of an array to leave out.
        change: Dict of name -> another array.
        rename: Function from a name to the one in the file.
    """
    config = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "vocab_size": 60,
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 12,
        "max_position_embeddings": 16,
        "type_vocab_size": 2,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.0,
        "layer_norm_eps": 1e-12,
        **dict(config),
    }
    block, d = "encoder.layer.0", 8
    shapes = {"embeddings.word_embeddings": (60, d), "embeddings.position_embeddings": (16, d)}
    shapes |= {"embeddings.token_type_embeddings": (2, d), f"{block}.intermediate.dense": (12, d)}
    shapes |= {f"{block}.output.dense": (d, 12), "pooler.dense": (d, d), f"{block}.attention.output.dense": (d, d)}
    shapes |= {f"{block}.attention.self.{name}": (d, d) for name in ("query", "key", "value")}
    arrays = {f"{name}.weight": shape for name, shape in shapes.items()}
    arrays |= {f"{name}.bias": shape[:1] for name, shape in shapes.items() if "embeddings" not in name}
    for name in ("embeddings", f"{block}.attention.output", f"{block}.output"):
        arrays |= {f"{name}.LayerNorm.weight": (d,), f"{name}.LayerNorm.bias": (d,)}
    generator = np.random.default_rng(0)
    arrays = {name: generator.normal(size=shape).astype("float32") for name, shape in arrays.items() if name != drop}
    arrays |= dict(change or {})
    arrays = {(rename or str)(name): array for name, array in arrays.items()}
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    safetensors.save_file(arrays, folder / "model.safetensors")
    return arrays
