"""Whether intervals hold what they promise: rehearsals on pieces of ETTh1, none of which reaches its test part.

    python benchmarks/forecasting_intervals.py [--case L,H ...] [--quick] [--json]

A piece of rows 0-11519 (of the file under KERAS_ATTN_DATA) is cut into training, validation and test in their order of
time, a forecaster is trained, and the share of its test is counted that the 90 % interval holds: with offsets from the
validation alone, and as the task finds them, where it is short from the training too. With `--json` the last line is
one JSON object: for each case and way the root of the mean square of what the shares are off by, and the mean
`quantile_loss`.
"""

import argparse
import dataclasses
import json
import os
import tempfile
from pathlib import Path

import numpy as np

from keras_attn import Forecasting
from keras_attn.data import read_time_series
from keras_attn.tasks.forecasting_answers import answer
from keras_attn.tasks.forecasting_data import part_batches
from keras_attn.tasks.forecasting_intervals import conformal_offsets, spread_of

CASES = ("96,24", "96,96", "336,336")
PIECES = [(0, 5760, 2880), *((start, 4320, 1440) for start in (0, 1440, 2880, 4320))]  # first row, training, others
SMALL = {"stride": 16, "num_layers": 1, "learning_rate": 1e-4, "epochs": 1, "batch_size": 128}


def piece_of(data, first, count):
    """A stretch of the rows."""
    (series,) = data.series
    parts = {name: getattr(series, name)[first : first + count] for name in ("times", "targets", "past", "known")}
    return dataclasses.replace(data, series=[dataclasses.replace(series, **parts)])


def of_validation(task, data):
    """Offsets of the model from the validation alone."""
    task.use(offsets={})
    batches = part_batches(data, task.facts, task.settings, "validation")
    errors = []
    for index in range(len(batches)):
        inputs, targets = batches[index]
        errors.append((targets - answer(task.asked(), inputs, "model")[0]) / spread_of(inputs["history"]))
    return {"model": conformal_offsets(np.concatenate(errors)[..., None], task.settings.levels())}


def rehearsed(data, lookback, horizon, piece, folder):
    """Coverage and quantile loss on the test of a piece, by way."""
    first, training, other = piece
    part = piece_of(data, first, training + 2 * other)
    task = Forecasting(lookback=lookback, horizon=horizon, split=f"{training},{other},{other}", **SMALL)
    task.fit(part, Path(folder) / f"{lookback}-{horizon}-{first}-{training}")
    own = task.offsets
    found = {}
    for way, offsets in (("validation", of_validation(task, part)), ("task", own)):
        task.use(offsets=offsets)
        figures = task.evaluate(part)
        found[way] = figures["coverage"], figures["quantile_loss"]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs="+", default=CASES, metavar="L,H", help="look-back and horizon")
    parser.add_argument("--quick", action="store_true", help="one case and piece")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    folder = Path(os.environ.get("KERAS_ATTN_DATA", "../shared/data"))
    data = read_time_series(folder / "forecasting" / "ETTh1.csv")
    cases, pieces = (["96,24"], PIECES[1:2]) if options.quick else (options.case, PIECES)
    print("| look-back, horizon | first row, training, others | validation alone | as the task does |")
    print("|" + "---|" * 4)
    results = {}
    with tempfile.TemporaryDirectory() as runs:
        for case in cases:
            lookback, horizon = map(int, case.split(","))
            found = {"validation": [], "task": []}
            for piece in pieces:
                own = rehearsed(data, lookback, horizon, piece, runs)
                for way, figures in own.items():
                    found[way].append(figures)
                shares = " | ".join(f"{own[way][0]:.1f} %" for way in found)
                print(f"| {case} | {', '.join(map(str, piece))} | {shares} |", flush=True)
            for way, figures in found.items():
                shares, losses = np.array(figures).T
                results[f"{case},{way}"] = {
                    "off": round(float(np.sqrt(np.mean((shares - 90.0) ** 2))), 2),
                    "quantile_loss": round(float(losses.mean()), 4),
                }
    for name, figures in results.items():
        print(f"{name}: {figures}")
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
