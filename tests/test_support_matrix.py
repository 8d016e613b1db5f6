"""What goes with what: every implementation with every position and pattern, held against loops: a table in the docs.

`KERAS_ATTN_WRITE_MATRIX=1 pytest tests/test_support_matrix.py` writes this backend's share of the table; else the table
is checked. A cell names the backends: T TensorFlow, J JAX, P PyTorch.
"""

import itertools
import os
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_attn import layers, ops
from tests import attention_cases as cases
from tests import oracle
from tests.layer_checks import normal, numbers

PAGE = Path(__file__).parents[1] / "docs" / "attention.md"
BEGIN, END = "<!-- support matrix: begin -->\n", "<!-- support matrix: end -->\n"
LETTER = {"tensorflow": "T", "jax": "J", "torch": "P"}.get(keras.backend.backend())
LETTERS = "TJP"
T, S = 7, 11
SCHEMES = ["none", "rotary", *cases.FUNCTIONS]
PATTERNS = {
    "self": {"lengths": (T, T)},
    "cross, or with memory (S > T)": {},
    "causal": {"is_causal": True},
    "grouped heads": {"kv_heads": 2},
    "masks of keys and queries": {"mask": ["keys", "queries"]},
    "mask of pairs": {"mask": ["pairs"]},
    "bias as array": {"bias": ["all"]},
    "sliding window": {"window": ops.SlidingWindow(3, 2)},
    "causal window": {"window": ops.SlidingWindow(3), "is_causal": True},
    "dilated window": {"window": ops.SlidingWindow(2, 1, dilation=2)},
    "window with global positions": {"window": ops.SlidingWindow(2, 1, num_global=2)},
    "queries in a cache": {"query_start": 2, "is_causal": True},
    "dropout": {"dropout": 1e-6, "seed": 3},
    "attention scores": {"return_attention_scores": True},
}
IMPLEMENTATIONS = ("dense", "blockwise", "windowed", "fused")


def works(implementation, scheme, pattern):
    """Whether the call gives the loops' numbers; a ValueError that says why not is the other answer."""
    call = dict(PATTERNS[pattern])
    length, key_length = call.pop("lengths", (T, S))
    value_dim = cases.H if implementation == "fused" else cases.V  # JAX's kernel wants it so
    inputs = cases.tensors(length, key_length, call.pop("kv_heads", cases.N), value_dim)
    masks, arrays = cases.masks(length, key_length), cases.arrays(length, key_length)
    call["mask"] = [masks[name] for name in call.get("mask", [])]
    call["bias"] = [arrays[name] for name in call.get("bias", [])]
    start = call.get("query_start", key_length - length)
    apart = {name: call.pop(name) for name in ("dropout", "seed", "return_attention_scores") if name in call}
    if scheme == "rotary":
        query, key, value = inputs
        wanted_inputs = oracle.rotate_by_position(query, start), oracle.rotate_by_position(key), value
        inputs = ops.rotate_by_position(query, start), ops.rotate_by_position(key), value
    else:
        wanted_inputs = inputs
    call["scheme"] = scheme if scheme in cases.FUNCTIONS else None
    try:
        found = ops.dot_product_attention(*inputs, implementation=implementation, **cases.options(**call), **apart)
    except ValueError as error:
        assert re.search(r"The implementation '\w+' .*; leave `implementation` out .* Received: ", str(error)), error
        return False
    wanted = cases.expected(*wanted_inputs, **call)
    found = found if isinstance(found, tuple) else (found,)
    for one, other in zip(found, wanted, strict=False):
        np.testing.assert_allclose(numbers(one), other, rtol=2e-5, atol=3e-5)  # with AVX-512 sums round otherwise
    return True


def classic(name, pattern):
    """Whether a layer of classic attention takes the pattern and heeds it; None where the pattern is not its."""
    query, value = normal(2, T, 5, seed=1), normal(2, S, 5, seed=2)
    arguments = {
        "self": {},
        "cross, or with memory (S > T)": {},
        "causal": {"use_causal_mask": True},
        "masks of keys and queries": {"value_mask": cases.masks(T, S)["keys"][:, 0, 0]},
        "mask of pairs": {"attention_mask": cases.masks(T, S)["pairs"][0, 0]},
        "attention scores": {"return_attention_scores": True},
        "dropout": {"training": True},
    }.get(pattern)
    if arguments is None:
        return False
    value = query if pattern == "self" else value
    layer = {
        "BahdanauAttention": lambda: layers.BahdanauAttention(units=3, dropout=0.5, seed=1),
        "LuongAttention": lambda: layers.LuongAttention("general", dropout=0.5, seed=1),
    }[name]()
    found = layer(query, value, **arguments)
    if pattern == "attention scores":
        np.testing.assert_allclose(numbers(found[1]).sum(-1), 1, atol=1e-5)
    elif arguments:
        assert not np.allclose(numbers(found), numbers(layer(query, value)))
    return True


def table():
    """The rows of the table as this backend has them: {(mechanism, pattern): [whether, one a scheme]}."""
    rows = {}
    for implementation, pattern in itertools.product(IMPLEMENTATIONS, PATTERNS):
        name = f"`MultiHeadAttention`, {implementation}"
        rows[name, pattern] = [works(implementation, scheme, pattern) for scheme in SCHEMES]
    for name, pattern in itertools.product(("BahdanauAttention", "LuongAttention"), PATTERNS):
        rows[f"`{name}`", pattern] = [classic(name, pattern), *[False] * (len(SCHEMES) - 1)]
    return {row: cells for row, cells in rows.items() if any(cells) or "MultiHead" in row[0]}


def parsed(text):
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == len(SCHEMES) + 2 and cells[0].startswith("`"):
            rows[cells[0], cells[1]] = cells[2:]
    return rows


def written(rows):
    lines = ["| mechanism | pattern | " + " | ".join(SCHEMES) + " |", "|" + "---|" * (len(SCHEMES) + 2)]
    lines += [f"| {name} | {pattern} | " + " | ".join(cells) + " |" for (name, pattern), cells in rows.items()]
    return "\n".join(lines) + "\n"


@pytest.mark.skipif(LETTER is None, reason="the table knows TensorFlow, JAX and PyTorch")
def test_the_table_in_the_docs_is_what_works():
    before, rest = PAGE.read_text().split(BEGIN)
    old, after = rest.split(END)
    shown, found = parsed(old), table()
    if os.environ.get("KERAS_ATTN_WRITE_MATRIX"):
        rows = {}
        for row in [*found, *(row for row in shown if row not in found)]:
            cells, now = shown.get(row, [""] * len(SCHEMES)), found.get(row, [False] * len(SCHEMES))
            letters = [
                (set(cell) & set(LETTERS) - {LETTER}) | ({LETTER} if can else set())
                for cell, can in zip(cells, now, strict=True)
            ]
            if any(letters):
                rows[row] = [" ".join(x for x in LETTERS if x in cell) or "-" for cell in letters]
        PAGE.write_text(before + BEGIN + written(rows) + END + after)
        return
    for row, cells in found.items():
        said = [LETTER in cell for cell in shown.get(row, [""] * len(SCHEMES))]
        assert said == cells, f"{PAGE.name}: {row}: the page says {said}, the code {cells}; write the table anew"
