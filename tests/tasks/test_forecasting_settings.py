"""The settings of forecasting, and what they refuse."""

import pytest

from keras_attn.tasks.forecasting_settings import ForecastingSettings


def test_the_split():
    assert ForecastingSettings().split_parts() == (0.7, 0.1, 0.2)
    assert ForecastingSettings(split="8640,2880,2880").split_parts() == (8640, 2880, 2880)
    assert ForecastingSettings(split="0.8,0.2,0").split_parts() == (0.8, 0.2, 0.0)


@pytest.mark.parametrize("split", ["0.7,0.3", "0.5,0.2,0.2", "a,b,c", "0,0.5,0.5", "100.5,10,10", "-1,1,1"])
def test_no_split(split):
    with pytest.raises(ValueError, match=r"`split` must be three shares"):
        ForecastingSettings(split=split)


def test_levels_are_common_ones_and_the_intervals_ends():
    assert ForecastingSettings().levels() == (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    assert ForecastingSettings(coverage=0.8).levels() == (0.1, 0.25, 0.5, 0.75, 0.9)
    assert ForecastingSettings(coverage=0.3).levels() == (0.35, 0.5, 0.65)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target_columns": ("a",), "past_columns": ("a",)}, r"Received: 'a' named twice"),
        ({"horizon": 0}, r"`horizon` must be at least 1"),
        ({"lookback": 1}, r"`lookback` must be at least 2"),
        ({"coverage": 1.0}, r"`coverage` must be above 0 and below 1"),
        ({"calendar": ("hour",)}, r"`calendar` must be auto, none, or some of day, week, month, year"),
        ({"calendar": ("auto", "day")}, r"`calendar` must be auto"),
        ({"hidden_dim": 18}, r"`num_heads` must divide `hidden_dim`"),
        ({"architecture": "recurrent", "hidden_dim": 17}, r"`hidden_dim` must be even"),
        ({"stride": 17}, r"`stride` must be at most `patch_length`"),
        ({"start": "linear", "shortcut": False}, r"start=linear .* needs shortcut=true"),
        ({"start": "linear", "architecture": "linear"}, r"another architecture than linear"),
    ],
)
def test_what_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        ForecastingSettings(**changes)
