"""Intervals that hold what they promise: quantiles moved by what known windows say of their errors."""

import numpy as np

_FEWEST_ERRORS = 200  # for a quantile of its own; steps of the horizon are put together where there are fewer
EPSILON = 1e-5  # added to the variance of a window


def spread_of(history, observed=None):
    """Measures how far a window's values lie apart, by which errors are divided.

    Args:
        history: Array [B, L, C].
        observed: Boolean [B, L, C], or None.

    Returns:
        Array [B, 1, C].
    """
    weights = np.ones_like(history) if observed is None else observed.astype(history.dtype)
    count = np.maximum(weights.sum(axis=1, keepdims=True), 1.0)
    mean = (weights * history).sum(axis=1, keepdims=True) / count
    return np.sqrt((weights * (history - mean) ** 2).sum(axis=1, keepdims=True) / count + EPSILON)


def conformal_offsets(errors, levels, weights=None):
    """Finds by how much to move each quantile, so that what came lies below it as often as its level says.

    With n errors sorted, the offset of level p is the one of rank `ceil((n + 1) p)`, for p below one half
    `floor((n + 1) p)`, so that the interval is rather too wide than too narrow.

    Args:
        errors: What came minus the quantile, over the window's spread: [N, H, C, P], or [N, H, C, 1] where all levels
            are moved away from one forecast.
        levels: The levels p, P of them.
        weights: Array [N, H, C], 0 where nothing was observed; None for all observed.

    Returns:
        float32 [P, H, C].

    Example:
        >>> errors = np.arange(1.0, 10.0)[:, None, None, None]
        >>> conformal_offsets(errors, (0.1, 0.9))[:, 0, 0].tolist()
        [1.0, 9.0]

    Reference:
        Vovk et al. 2005, "Algorithmic Learning in a Random World"; Romano et al. 2019, "Conformalized Quantile
        Regression", section 3, for each end by itself.
    """
    count, horizon, variables, columns = errors.shape
    if weights is not None:
        errors = np.where(weights[..., None] > 0, errors, np.nan)
    together = max(1, min(horizon, -(-_FEWEST_ERRORS // max(count, 1))))  # steps that share a quantile
    offsets = np.zeros((len(levels), horizon, variables), "float32")
    for start in range(0, horizon, together):
        part = errors[:, start : start + together].transpose(0, 1, 3, 2)  # [N, steps, P or 1, C]
        rows = np.sort(part.reshape(-1, columns, variables), axis=0)
        counts = (~np.isnan(rows)).sum(axis=0)  # [P or 1, C]; NaN are sorted to the end
        for i, level in enumerate(levels):
            column = i if columns > 1 else 0
            exact = (counts[column] + 1) * level
            rank = np.ceil(exact - 1e-9) if level >= 0.5 else np.floor(exact + 1e-9)
            place = np.clip(rank - 1, 0, np.maximum(counts[column] - 1, 0)).astype("int64")
            found = np.take_along_axis(rows[:, column], place[None], axis=0)[0]
            offsets[i, start : start + together] = np.nan_to_num(found)
    return offsets


def optimism(learnt, unlearnt, naive_learnt, naive_unlearnt):
    """Tells by how much the errors of what was learnt from are too small.

    One part may be harder than another, which a naive forecaster meets in both. What the errors of one that learns grow
    beyond its own, from what was learnt from to what was not, is optimism: with the mean m over windows and steps
    `max(1, (m(unlearnt) / m(learnt)) / (m(naive_unlearnt) / m(naive_learnt)))`.

    Args:
        learnt: Sizes of errors, over the window's spread, in the part that was learnt from [N, H, C]; NaN where nothing
            was observed.
        unlearnt: Those in the other part [M, H, C].
        naive_learnt: Those of a forecaster that learns nothing [N, H, C].
        naive_unlearnt: Likewise [M, H, C].

    Returns:
        Array [C], at least 1; 1 for a variable without errors in one of them.

    Example:
        >>> optimism(*(np.full((1, 1, 1), size) for size in (0.5, 1.5, 1.0, 2.0)))
        array([1.5])
    """
    means = []
    for sizes in (learnt, unlearnt, naive_learnt, naive_unlearnt):
        count = (~np.isnan(sizes)).sum(axis=(0, 1))
        means.append(np.nansum(sizes, axis=(0, 1), dtype="float64") / np.maximum(count, 1))
    is_known = np.all([mean > 0 for mean in means], axis=0)
    own, other, naive, naive_other = (np.where(is_known, mean, 1.0) for mean in means)
    return np.maximum(other / own * naive / naive_other, 1.0)
