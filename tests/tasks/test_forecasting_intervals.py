"""Conformal offsets by hand, and their promise on errors that are exchangeable."""

import numpy as np

from keras_attn.tasks.forecasting_intervals import conformal_offsets, optimism, spread_of

DRAW = np.random.default_rng(0)


def test_ranks_by_hand():
    errors = DRAW.permutation(np.arange(1.0, 301.0))[:, None, None, None]
    # (300 + 1) p: 15.05 -> 15, 150.5 -> 151, 285.95 -> 286
    assert conformal_offsets(errors, (0.05, 0.5, 0.95))[:, 0, 0].tolist() == [15.0, 151.0, 286.0]


def test_each_level_step_and_variable_has_its_own():
    errors = DRAW.normal(size=(250, 3, 2, 2))
    found = conformal_offsets(errors, (0.1, 0.9))
    assert found.shape == (2, 3, 2)
    np.testing.assert_allclose(found[0, 1, 1], np.sort(errors[:, 1, 1, 0])[25 - 1], rtol=1e-6)  # 251 * 0.1 = 25.1
    np.testing.assert_allclose(found[1, 2, 0], np.sort(errors[:, 2, 0, 1])[226 - 1], rtol=1e-6)  # 225.9


def test_few_windows_put_steps_together():
    errors = DRAW.normal(size=(100, 4, 1, 1))
    found = conformal_offsets(errors, (0.1, 0.9))
    together = np.sort(errors[:, :2].ravel())
    np.testing.assert_allclose(found[:, 0, 0], together[[20 - 1, 181 - 1]], rtol=1e-6)  # 201 p: 20.1, 180.9
    np.testing.assert_array_equal(found[:, 0], found[:, 1])
    assert found[0, 0, 0] != found[0, 2, 0]


def test_what_was_not_observed_does_not_count():
    errors = DRAW.normal(size=(300, 1, 1, 1))
    weights = np.ones((300, 1, 1))
    weights[:50] = 0
    found = conformal_offsets(np.where(weights[..., None] > 0, errors, 1e9), (0.1, 0.9), weights)
    np.testing.assert_array_equal(found, conformal_offsets(errors[50:], (0.1, 0.9)))
    assert conformal_offsets(errors, (0.5,), np.zeros((300, 1, 1)))[0, 0, 0] == 0.0


def test_the_promise_is_kept():
    levels, held = (0.05, 0.95), []
    for _ in range(200):
        errors = DRAW.gamma(2.0, size=(400, 1, 1, 1))
        low, high = conformal_offsets(errors[:300], levels)[:, 0, 0]
        held.append(np.mean((errors[300:] >= low) & (errors[300:] <= high)))
    assert 0.895 < np.mean(held) < 0.915


def test_spread():
    history = DRAW.normal(size=(2, 9, 3))
    np.testing.assert_allclose(spread_of(history)[:, 0], np.sqrt(history.var(axis=1) + 1e-5))
    observed = DRAW.random((2, 9, 3)) < 0.5
    expected = np.sqrt(history[1, observed[1, :, 2], 2].var() + 1e-5)
    np.testing.assert_allclose(spread_of(history, observed)[1, 0, 2], expected)


def test_optimism_is_what_errors_grow_beyond_a_naive_forecasters():
    level = DRAW.normal(size=(800, 3, 2))  # how hard a window is, for whoever forecasts it
    harder = np.array([1.0, 2.5])  # the second variable is, in the part that was not learnt from
    learnt, naive = (np.abs(level[:400] * size) for size in (0.6, 2.0))
    unlearnt, naive_unlearnt = (np.abs(level[400:] * harder * size) for size in (1.0, 2.0))
    np.testing.assert_allclose(optimism(learnt, unlearnt, naive, naive_unlearnt), 1.0 / 0.6, rtol=1e-6)
    np.testing.assert_array_equal(optimism(unlearnt, learnt, naive_unlearnt, naive), 1.0)  # it narrows nothing


def test_optimism_of_what_cannot_be_compared_is_one():
    sizes = np.abs(DRAW.normal(size=(50, 3, 4)))
    learnt, naive = sizes.copy(), sizes.copy()
    learnt[..., 0] = 0.0  # no errors at all
    naive[..., 1] = np.nan  # nothing was observed
    learnt[::2, :, 2] = np.nan
    learnt[..., 3] /= 2.0
    seen = sizes[..., 2].mean() / sizes[1::2, :, 2].mean()
    found = optimism(learnt, sizes, naive, sizes)
    np.testing.assert_allclose(found, [1.0, 1.0, max(seen, 1.0), 2.0])
