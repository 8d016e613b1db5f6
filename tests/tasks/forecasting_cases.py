"""Sales of a few shops that a small forecaster learns in seconds: a week, promotions that are known, and gaps."""

import csv

import numpy as np

SMALL = {
    "num_layers": 1,
    "hidden_dim": 8,
    "num_heads": 2,
    "intermediate_dim": 8,
    "patch_length": 7,
    "stride": 7,
    "dropout": 0.0,
    "horizon": 6,
    "lookback": 21,
    "epochs": 8,
    "batch_size": 16,
    "learning_rate": 0.01,
    "start": "linear",
    "average_decay": None,
}
COLUMNS = {
    "series_column": "shop",
    "time_column": "day",
    "target_columns": ("sales",),
    "known_columns": ("promo",),
    "static_columns": ("region",),
}


def write_sales(path, shops=3, days=150, seed=0, gaps=0.03, future=6):
    """Writes a long table: shop, day, sales, promo, region; `future` days have no sales."""
    draw = np.random.default_rng(seed)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["shop", "day", "sales", "promo", "region"])
        for shop in range(shops):
            length = days + 20 * shop
            for day in range(length + future):
                promo = int(draw.random() < 0.3)
                week = np.sin(2 * np.pi * day / 7)
                sales = (30.0 + 40.0 * shop) * (1.0 + 0.3 * week + 0.5 * promo + 0.05 * draw.normal())
                if draw.random() >= gaps or day >= length:
                    time = np.datetime64("2024-01-01") + day
                    row = [f"s{shop}", time, "" if day >= length else f"{sales:.3f}", promo, "ns"[shop % 2]]
                    writer.writerow(row)
    return path


def write_wide(path, steps=400, seed=0):
    """Writes a wide table of two variables, hourly: date, up, down."""
    draw = np.random.default_rng(seed)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["date", "up", "down"])
        for step in range(steps):
            wave = np.sin(2 * np.pi * step / 24)
            time = np.datetime64("2024-01-01T00:00:00") + np.timedelta64(step, "h")
            writer.writerow([time, 5 + wave + 0.2 * draw.normal(), -3 * wave + 0.2 * draw.normal()])
    return path
