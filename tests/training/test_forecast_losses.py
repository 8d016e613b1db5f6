"""Losses of forecasts against scikit-learn and scipy."""

import keras
import numpy as np
import pytest
from scipy import special, stats
from sklearn.metrics import mean_pinball_loss

from keras_attn.training import QuantileLoss, StudentTLoss
from keras_attn.training.forecast_losses import log_gamma

DRAW = np.random.default_rng(0)
Y = DRAW.normal(size=(3, 5, 2)).astype("float32")


def test_quantile_loss_is_scikit_learns():
    predicted = DRAW.normal(size=(3, 5, 2, 3)).astype("float32")
    levels = (0.05, 0.5, 0.9)
    expected = 2 * np.mean(
        [mean_pinball_loss(Y.ravel(), predicted[..., i].ravel(), alpha=p) for i, p in enumerate(levels)]
    )
    assert float(QuantileLoss(levels)(Y, predicted)) == pytest.approx(expected, rel=1e-5)


def test_student_t_loss_is_scipys():
    location = DRAW.normal(size=Y.shape)
    scale = DRAW.gamma(2.0, size=Y.shape) + 0.1
    freedom = 2.0 + 20.0 * DRAW.gamma(1.0, size=Y.shape)
    expected = -stats.t.logpdf(Y, freedom, location, scale).mean()
    found = StudentTLoss()(Y, np.stack([location, scale, freedom], axis=-1).astype("float32"))
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_log_gamma_is_scipys():
    x = np.concatenate([np.linspace(0.5, 10, 50), np.geomspace(10, 1e4, 30)]).astype("float32")
    np.testing.assert_allclose(log_gamma(x), special.gammaln(x), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("loss", [QuantileLoss([0.1, 0.5, 0.9]), StudentTLoss()])
def test_weights_leave_out_what_was_not_observed(loss):
    predicted = 3.0 + np.abs(DRAW.normal(size=(3, 5, 2, 3))).astype("float32")
    weights = (DRAW.random(Y.shape) < 0.5).astype("float32")
    spoiled = np.where(weights > 0, Y, 50.0).astype("float32")
    kept = [float(loss(Y[i][None], predicted[i][None])) for i in zip(*np.nonzero(weights), strict=True)]
    assert float(loss(spoiled, predicted, sample_weight=weights)) == pytest.approx(sum(kept) / Y.size, rel=1e-5)


@pytest.mark.parametrize("loss", [QuantileLoss([0.1, 0.5]), StudentTLoss(name="t")])
def test_config(loss):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert again.get_config() == loss.get_config()


def test_errors():
    with pytest.raises(ValueError, match=r"numbers between 0 and 1, at least one\. Received: levels=\[\]"):
        QuantileLoss([])
    with pytest.raises(ValueError, match=r"Received: levels=\[1\.0\]"):
        QuantileLoss([1])
