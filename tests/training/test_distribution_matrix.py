"""What goes with what on many devices: strategy x precision x accumulation x compile, as a table in docs/scaling.md.

`KERAS_ATTN_WRITE_MATRIX=1 pytest -m long tests/training/test_distribution_matrix.py` writes the table; else it is
checked.
"""

import itertools
import os
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.training.distributed_cases import try_all
from tests.training.worker_processes import run_workers

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
BEGIN, END = "<!-- support matrix: begin -->\n", "<!-- support matrix: end -->\n"
COMPILED = {"graph": {}, "eager": {"run_eagerly": True}, "XLA": {"jit_compile": True}}
COLUMNS = list(itertools.product(("float32", "mixed_bfloat16", "mixed_float16"), ("1", "2")))
ROWS = [(row, name) for name in COMPILED for row in ("mirrored, 2 devices", "multiworker, 2 processes")]
CASES = {
    (dtype, accumulate, name): {"case": "tokens", "dtype": dtype, "accumulate": int(accumulate), **COMPILED[name]}
    for (dtype, accumulate), name in itertools.product(COLUMNS, COMPILED)
}


def verdict(found, wanted):
    """How a training on many devices ended, beside that of one process in a graph."""
    if isinstance(found, str):
        assert "Received: " in found, found
        return "refused"
    pairs = list(zip(keras.tree.flatten(found), keras.tree.flatten(wanted), strict=True))
    for word, tolerance in (("equal", 1e-5), ("close", 2e-2)):
        if all(np.allclose(one, other, atol=tolerance, rtol=tolerance) for one, other in pairs):
            return word
    return "different"


def table():
    in_graphs = {key: case for key, case in CASES.items() if key[-1] == "graph"}
    (alone,) = run_workers(try_all, 1, (in_graphs, "single"))
    many = {
        "mirrored, 2 devices": run_workers(try_all, 1, (CASES, "mirrored"), devices=2),
        "multiworker, 2 processes": run_workers(try_all, 2, (CASES, "multiworker")),
    }
    rows = {}
    for row, name in ROWS:
        cells = []
        for dtype, accumulate in COLUMNS:
            wanted = alone[dtype, accumulate, "graph"]
            words = {verdict(results[dtype, accumulate, name], wanted) for results in many[row]}
            (word,) = words
            cells.append(word)
        rows[row, name] = cells
    return rows


def written(rows):
    heads = [f"{dtype}, {accumulate} batch{'es' * (accumulate != '1')} a step" for dtype, accumulate in COLUMNS]
    lines = ["| strategy | compiled | " + " | ".join(heads) + " |", "|" + "---|" * (len(heads) + 2)]
    lines += [f"| {row} | {name} | " + " | ".join(cells) + " |" for (row, name), cells in rows.items()]
    return "\n".join(lines) + "\n"


@pytest.mark.long
def test_the_table_in_the_docs_is_what_works():
    before, rest = PAGE.read_text("utf-8").split(BEGIN)
    shown, after = rest.split(END)
    found = written(table())
    if os.environ.get("KERAS_ATTN_WRITE_MATRIX"):
        PAGE.write_text(before + BEGIN + found + END + after, "utf-8")
    else:
        assert shown == found, f"{PAGE.name} differs from what works; write the table anew:\n{found}"
