"""ETTh1 by its protocol: mean squared error on every test window, by horizon, beside the linear baseline.

    python benchmarks/forecasting_etth1.py [--case L,H ...] [--seeds N] [--quick] [--json]

The file lies under KERAS_ATTN_DATA. Rows 0-8639 are learnt from, 8640-11519 choose, 11520-14399 are measured; errors
are in deviations of the training part. Look-back 96 is the preset `tiny`; with longer ones the model is smaller and
learns more slowly. Learning rates, and the look-backs of the horizons 96 and 336, were chosen on the validation. With
`--json` the last line is one JSON object: for each case the model's errors by seed and the baseline's.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from keras_attn import Forecasting
from keras_attn.data import read_time_series

CASES = ("96,96", "512,96", "512,192", "336,336", "512,720")
LONGER = {"stride": 16, "num_layers": 1, "learning_rate": 1e-4, "epochs": 2, "batch_size": 128}


def measured(data, lookback, horizon, seed, folder, **changes):
    """Figures of a new run on the test part, those of its validation, and the minutes that it took."""
    settings = {**({} if lookback == 96 else LONGER), **changes}
    task = Forecasting(lookback=lookback, horizon=horizon, split="8640,2880,2880", seed=seed, **settings)
    start = time.monotonic()
    validation = task.fit(data, Path(folder) / f"{lookback}-{horizon}-{seed}")
    return task.evaluate(data), validation, (time.monotonic() - start) / 60


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs="+", default=CASES, metavar="L,H", help="look-back and horizon")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds of each case (default: 3)")
    parser.add_argument("--quick", action="store_true", help="one case, one seed, one small epoch")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    folder = Path(os.environ.get("KERAS_ATTN_DATA", "../shared/data"))
    data = read_time_series(folder / "forecasting" / "ETTh1.csv")
    cases, seeds, changes = options.case, range(1, options.seeds + 1), {}
    if options.quick:
        cases, seeds, changes = ["96,24"], [1], {"epochs": 1, "num_layers": 1, "batch_size": 512}
    print("| look-back | horizon | seed | mse | mae | coverage | linear's mse | validation | linear's | minutes |")
    print("|" + "---|" * 10)
    results = {}
    with tempfile.TemporaryDirectory() as runs:
        for case in cases:
            lookback, horizon = map(int, case.split(","))
            errors = []
            for seed in seeds:
                test, validation, minutes = measured(data, lookback, horizon, seed, runs, **changes)
                errors.append(round(test["mse"], 4))
                figures = test["mse"], test["mae"], test["coverage"], test["linear_mse"]
                figures += validation["mse"], validation["linear_mse"], minutes
                print(f"| {lookback} | {horizon} | {seed} | {' | '.join(f'{x:.4f}' for x in figures)} |", flush=True)
            results[case] = {"mse": errors, "mean": statistics.mean(errors), "linear": round(test["linear_mse"], 4)}
            print(f"| {lookback} | {horizon} | mean | {results[case]['mean']:.4f} |" + " |" * 6)
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
