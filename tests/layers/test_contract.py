"""The contract of `keras_attn.testing`, over every exported layer with every argument off its default."""

import keras
import numpy as np
import pytest

from keras_attn import layers
from keras_attn.ops import SlidingWindow
from keras_attn.testing import (
    check_config,
    check_gradients,
    check_layer,
    check_reload,
    check_shapes,
    functional,
)
from tests.layer_checks import normal

B, T, S, D, D_VALUE = 2, 7, 11, 12, 5
HIDDEN = {"query": normal(B, T, D, seed=1), "value": normal(B, S, D_VALUE, seed=2), "key": normal(B, S, 13, seed=3)}
# Positions inside are hidden, too: under a causal mask nobody sees what comes last.
MASK_T = np.array([[True, False, True, True, True, True, False], [True] * 7])
MASK_S = np.array([[True] * 11, [True, True, False, True, False, True, True, True, False, False, False]])
CLASSIC = {"inputs": {**HIDDEN, "value_mask": MASK_S}, "masks": {"value_mask": "value"}}
POOLED = {"inputs": {"inputs": HIDDEN["query"], "mask": MASK_T}, "masks": {"mask": "inputs"}}
SELF = {"query": HIDDEN["query"], "value": normal(B, T, D, seed=4), "value_mask": MASK_T}
CAUSAL = {"use_causal_mask": True}
ATTENTION = {
    "num_heads": 6,
    "key_dim": 4,
    "value_dim": 3,
    "dropout": 0.25,
    "use_bias": False,
    "output_shape": 19,
    "attention_axes": [1],
    "sliding_window": SlidingWindow(before=5, after=3),
    "flash_attention": False,
    "kernel_initializer": keras.initializers.HeNormal(),
    "bias_initializer": "ones",
    "kernel_regularizer": keras.regularizers.L2(0.01),
    "bias_regularizer": "l2",
    "kernel_constraint": keras.constraints.MaxNorm(100.0),
    "bias_constraint": keras.constraints.MaxNorm(100.0),
    "use_gate": True,
    "seed": 3,
    "num_kv_heads": 2,
    "normalize_query_key": True,
    "implementation": "dense",
}
BLOCK = {
    "num_heads": 6,
    "intermediate_dim": 17,
    "dropout": 0.25,
    "attention_dropout": 0.1,
    "activation": "silu",
    "normalize_first": True,
    "epsilon": 1e-3,
    "seed": 3,
    "use_bias": False,
    "gated": True,
    "normalization": "rms",
    "num_kv_heads": 3,
    "position": layers.RotaryPosition(100.0),
    "sliding_window": SlidingWindow(before=5, after=3),
    "normalize_query_key": True,
    "implementation": "windowed",
    "rematerialize": True,
}
FEED_FORWARD = {
    "intermediate_dim": 17,
    "activation": "gelu",
    "dropout": 0.25,
    "use_bias": False,
    "kernel_initializer": keras.initializers.HeNormal(),
    "seed": 3,
    "gated": True,
}
CONFORMER = {
    "num_heads": 6,
    "intermediate_dim": 17,
    "kernel_size": 3,
    "dropout": 0.25,
    "attention_dropout": 0.1,
    "activation": "relu",
    "epsilon": 1e-3,
    "normalization": "rms",
    "seed": 3,
    "implementation": "dense",
}
STEM = {"filters": 13, "kernel_size": 3, "strides": [2, 1], "activation": "relu"}
SIGNAL = {"inputs": {"inputs": HIDDEN["query"], "padding_mask": MASK_T}, "masks": {"padding_mask": "inputs"}}
CASES = {
    "AttentionPooling": {"arguments": {"units": 17}, **POOLED},
    "BahdanauAttention": {"arguments": {"units": 17, "use_bias": False, "dropout": 0.25, "seed": 3}, **CLASSIC},
    "ConformerBlock": {
        "arguments": CONFORMER,
        "call_arguments": CAUSAL,
        "zero_gradients": ["key/bias"],
        **SIGNAL,
    },
    "ConformerConvolution": {
        "arguments": {"kernel_size": 3, "normalization": "rms", "epsilon": 1e-3},
        **SIGNAL,
    },
    "ConvolutionStem": {"arguments": STEM, "call_arguments": CAUSAL, **SIGNAL},
    "Dropout": {
        "arguments": {"rate": 0.25, "noise_shape": (None, None, 1), "seed": 3},
        "inputs": {"inputs": HIDDEN["query"]},
    },
    "FeedForward": {"arguments": FEED_FORWARD, "inputs": {"inputs": HIDDEN["query"]}},
    "LearnedPosition": {
        "arguments": {"max_length": 13},
        "inputs": {"inputs": HIDDEN["query"]},
        "call_arguments": {"start": 3},
        "zero_gradients": [],
    },
    "LinearChain": {
        "arguments": {
            "allowed_steps": [[i != 1 or j != 2 for j in range(D)] for i in range(D)],
            "allowed_starts": [j != 2 for j in range(D)],
        },
        "inputs": {"inputs": HIDDEN["query"]},
    },
    "LuongAttention": {"arguments": {"score": "concat", "units": 17, "dropout": 0.25, "seed": 3}, **CLASSIC},
    "MultiHeadAttention": {
        "arguments": {**ATTENTION, "position": layers.RotaryPosition(100.0)},
        "inputs": SELF,
        "call_arguments": {**CAUSAL, "return_attention_scores": True},
        "masks": {"value_mask": "value"},
    },
    "NgramEmbedding": {
        "arguments": {"num_buckets": 101, "output_dim": 5, "max_order": 3},
        "inputs": {"inputs": np.random.default_rng(5).integers(0, 50, (B, T)).astype("int32")},
    },
    "PatchEmbedding": {
        "arguments": {"output_dim": 11, "patch_length": 4, "stride": 3},
        "inputs": {"inputs": HIDDEN["query"]},
    },
    "ReversibleInstanceNorm": {
        "arguments": {"affine": True, "epsilon": 1e-3},
        "inputs": {"inputs": HIDDEN["query"]},
    },
    "SignalAugmentation": {
        "arguments": {"jitter": 0.5, "scaling": 0.2, "warp": 0.3, "seed": 3},
        "inputs": {"inputs": HIDDEN["query"]},
    },
    "SinusoidalPosition": {"arguments": {}, "inputs": {"inputs": HIDDEN["query"]}, "call_arguments": {"start": 3}},
    "SpecAugment": {
        "arguments": {
            "num_time_bands": 1,
            "time_share": 0.3,
            "num_feature_bands": 1,
            "feature_share": 0.4,
            "seed": 3,
        },
        "inputs": {"inputs": HIDDEN["query"]},
    },
    "TransformerDecoderBlock": {
        "arguments": BLOCK,
        "inputs": {
            "inputs": HIDDEN["query"],
            "encoder_output": HIDDEN["value"],
            "padding_mask": MASK_T,
            "encoder_padding_mask": MASK_S,
        },
        "call_arguments": {"return_attention_scores": True},
        "masks": {"padding_mask": "inputs", "encoder_padding_mask": "encoder_output"},
    },
    "TransformerEncoderBlock": {
        "arguments": BLOCK,
        "inputs": {"inputs": HIDDEN["query"], "padding_mask": MASK_T},
        "call_arguments": CAUSAL,
        "masks": {"padding_mask": "inputs"},
    },
    "WindowedPooling": {"arguments": {"num_windows": 3, "units": 17}, **POOLED},
    "WordDropout": {"arguments": {"rate": 0.25, "seed": 3}, "inputs": {"inputs": HIDDEN["query"]}},
}
# What an attention layer holds as its `position` is checked inside one.
POSITIONS = {
    "AlibiPosition": {},
    "RotaryPosition": {"max_wavelength": 100.0},
    "ShawPosition": {"max_distance": 5, "use_values": False},
    "T5Position": {"num_buckets": 8, "max_distance": 9, "bidirectional": False},
    "TransformerXLPosition": {},
}
ABSTRACT = {"AttentionPosition"}
RECURRENT = {"AttentionCell", "AttentionRNN"}


def test_no_exported_layer_is_missing():
    assert set(layers.__all__) == CASES.keys() | POSITIONS.keys() | RECURRENT | ABSTRACT


@pytest.mark.parametrize("name", CASES)
def test_a_layer_keeps_the_contract(name):
    if keras.backend.backend() == "jax" and name == "ConformerBlock":
        pytest.skip("on JAX relative positions need known lengths")
    check_layer(getattr(layers, name), **CASES[name])


@pytest.mark.parametrize("name", POSITIONS)
def test_attention_with_a_position_keeps_the_contract(name):
    if keras.backend.backend() == "jax" and name in ("ShawPosition", "T5Position", "TransformerXLPosition"):
        pytest.skip("on JAX relative positions need known lengths")
    position_class = getattr(layers, name)
    check_config(position_class(**POSITIONS[name], name="position", dtype="mixed_bfloat16"))
    arguments = {**ATTENTION, "position": position_class(**POSITIONS[name])}
    check_layer(layers.MultiHeadAttention, arguments, SELF, CAUSAL, {"value_mask": "value"})


def test_attention_in_a_recurrent_loop_keeps_the_contract(tmp_path):
    attention = layers.LuongAttention("concat", units=17)
    cell = layers.AttentionCell(
        keras.layers.GRUCell(19), attention, 5, attention_dim=23, use_previous_state=True, activation="softsign"
    )
    check_config(cell)
    layer = layers.AttentionRNN(cell, return_sequences=True)
    check_config(layer)
    states = [normal(B, 23, seed=5), normal(B, 19, seed=6), HIDDEN["value"], MASK_S]
    inputs = {"sequences": HIDDEN["query"], "initial_state": states, "mask": MASK_T}
    check_shapes(layer, inputs)
    model = functional(layer, inputs)
    check_reload(model, inputs, tmp_path)
    check_gradients(model, inputs, normal(B, T, 23, seed=7))
