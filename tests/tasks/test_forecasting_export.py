"""A SavedModel of a forecaster: it answers in a fresh process, in the units of the data."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.data import Series
from keras_attn.export import ExportError, audit_saved_model
from keras_attn.tasks.forecasting_export import server_inputs, window_as_plain, window_from_plain, window_of


@pytest.fixture(scope="module")
def exported(sales, tmp_path_factory):
    return sales.task.export(tmp_path_factory.mktemp("exported") / "sales")


def windows_of(sales):
    data = sales.task.read(sales.file)
    return [window_of(series, len(series), sales.task.settings) for series in data.series]


@pytest.mark.long
def test_it_answers_in_a_fresh_process(sales, exported, tmp_path):
    inputs = server_inputs(windows_of(sales), sales.task.facts)
    np.savez(tmp_path / "inputs.npz", **inputs)
    code = (
        "import sys, numpy as np, tensorflow as tf\n"
        "arrays = dict(np.load(sys.argv[2]))\n"
        "serve = tf.saved_model.load(sys.argv[1]).signatures['serving_default']\n"
        "found = serve(**{name: tf.constant(array) for name, array in arrays.items()})\n"
        "np.savez(sys.argv[3], **{name: tensor.numpy() for name, tensor in found.items()})\n"
        "assert not any(name.startswith('keras_attn') for name in sys.modules)\n"
    )
    out = str(tmp_path / "found.npz")
    subprocess.run([sys.executable, "-c", code, exported, str(tmp_path / "inputs.npz"), out], check=True, timeout=120)
    found, expected = np.load(out), sales.task.predict(sales.file)
    for row, forecast in enumerate(expected):
        np.testing.assert_allclose(found["forecast"][row], forecast.values, rtol=1e-3)
        np.testing.assert_allclose(found["quantiles"][row], forecast.quantiles, rtol=1e-3)
        np.testing.assert_allclose(found["lower"][row], forecast.quantiles[..., 0], rtol=1e-3)
    np.testing.assert_allclose(found["levels"], [[0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]] * 3)


def test_an_unknown_series_has_the_scale_of_its_window(sales, exported):
    serve = tf.saved_model.load(str(exported)).signatures["serving_default"]
    inputs = server_inputs(windows_of(sales), sales.task.facts)
    inputs["series"] = np.array(["s0", "nobody", "s2"])
    found = serve(**{name: tf.constant(array) for name, array in inputs.items()})
    data = sales.task.read(sales.file)
    window = windows_of(sales)[1]
    renamed = Series("nobody", window.times, window.targets, window.past, window.known, window.static)
    expected = sales.task.predict(type(data)([renamed], data.columns, data.frequency))[0]
    np.testing.assert_allclose(found["forecast"][1], expected.values, rtol=1e-3)


def test_what_lies_beside_it(exported):
    assert not [op for op in audit_saved_model(exported) if op.startswith("Xla")]
    card = (exported / "README.md").read_text("utf-8")
    for words in (
        "`times` int64 [B, 27]",
        "The quantiles of 3 windows differ",
        "| distance | 1 day |",
        "| known | promo |",
    ):
        assert words in card
    assert (exported / "assets.extra" / "tf_serving_warmup_requests").stat().st_size > 100


@pytest.mark.long
def test_a_task_without_a_run_is_compared_on_a_made_up_window(sales, tmp_path):
    sales.task.save(tmp_path / "saved")
    task = type(sales.task).load(tmp_path / "saved")
    assert task.export(tmp_path / "model").name == "1"


def test_windows_survive_json():
    nan = np.nan
    window = Series("a", np.arange(5), np.array([[1.0], [nan], [3.0]]), np.zeros((3, 0)), np.ones((5, 1)), ("x", "2"))
    again = window_from_plain(json.loads(json.dumps(window_as_plain(window))))
    for name in ("times", "targets", "past", "known"):
        np.testing.assert_array_equal(getattr(again, name), getattr(window, name))
    assert again.static == window.static and again.name == "a"


@pytest.mark.long
def test_a_model_that_answers_otherwise_is_not_put_in_place(sales, tmp_path, monkeypatch):
    from keras_attn.tasks.forecaster import Forecaster

    true = Forecaster.from_series
    monkeypatch.setattr(Forecaster, "from_series", lambda *a, **k: tuple(1.1 * tensor for tensor in true(*a, **k)))
    with pytest.raises(ExportError, match="does not give the task's numbers"):
        sales.task.export(tmp_path / "wrong")
    assert not (tmp_path / "wrong" / "1").exists()
