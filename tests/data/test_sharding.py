"""Parts of a batch whose losses add up to the batch's, worked out by hand."""

import numpy as np
import pytest

from keras_attn.data import TextBatches, TokenBatches, shard_dataset, split_batch

IDS = np.array([[5, 6, 7], [8, 0, 0], [4, 9, 0]], "int32")
LOSSES = np.array([[0.3, 0.7, 1.1], [2.0, 0.0, 0.0], [0.6, 1.5, 0.0]])  # 0 at padding


def masked_mean(labels, losses):
    return losses.sum() / max((labels != 0).sum(), 1)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_losses_over_tokens_add_up(count):
    losses = {tuple(row): loss for row, loss in zip(IDS.tolist(), LOSSES, strict=True)}
    parts = split_batch(({"source": IDS}, IDS), count, "tokens")
    total, sizes = 0.0, set()
    for inputs, labels, weights in parts:
        np.testing.assert_array_equal(inputs["source"], labels)
        own = np.array([losses.get(tuple(row), np.zeros(3)) for row in labels.tolist()])
        assert weights.shape == (len(labels), 1)
        total += masked_mean(labels, own * weights)
        sizes.add(len(labels))
    np.testing.assert_allclose(total, masked_mean(IDS, LOSSES), rtol=1e-6)
    assert len(parts) == count and sizes == {-(-3 // count)}
    shown = np.concatenate([labels for _, labels, _ in parts])
    np.testing.assert_array_equal(shown, np.pad(IDS, ((0, len(shown) - 3), (0, 0))))


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("own", [None, [2.0, 0.5, 1.0]])
def test_losses_over_rows_add_up_as_keras_takes_them(count, own):
    """Keras divides the weighted sum by the rows, and by the number of replicas."""
    losses = LOSSES.sum(axis=1)
    labels = {"label": losses[:, None]}
    given = () if own is None else ({"label": np.array(own)},)
    parts = split_batch((IDS, labels, *given), count)
    shares = [(part["label"][:, 0] * weights["label"]).sum() / len(part["label"]) for _, part, weights in parts]
    wanted = np.mean(losses * (1.0 if own is None else own))
    np.testing.assert_allclose(sum(shares) / count, wanted, rtol=1e-6)
    padded = np.concatenate([weights["label"] for _, _, weights in parts])[3:]
    np.testing.assert_array_equal(padded, 0)


def test_weights_of_accumulated_batches_are_kept():
    parts = split_batch((IDS, IDS, np.full((3, 1), 1.6)), 2, "tokens")
    np.testing.assert_allclose([weights[0, 0] for _, _, weights in parts], [1.6 * 4 / 6, 1.6 * 2 / 6], rtol=1e-6)
    empty = split_batch((IDS, np.zeros_like(IDS), np.zeros((3, 1))), 3, "tokens")  # a batch of padding has rows too
    assert all((weights == 1).all() for _, _, weights in empty)


def test_weights_of_elements_are_kept():
    """Three rows of two steps; an element that was not observed stays out."""
    observed = np.array([[[1.0], [0.0]], [[1.0], [1.0]], [[0.0], [1.0]]])
    parts = split_batch((IDS, observed, observed), 2)
    np.testing.assert_allclose(np.concatenate([weights for *_, weights in parts])[:3], observed * 4 / 3, rtol=1e-6)


def test_a_dataset_serves_the_parts_asked_for():
    words = [[5, 6, 7], [8], [4, 9], [6, 6], [7]]
    tokens = TokenBatches(words, words, batch_tokens=12, max_length=6, num_buckets=1, shuffle=False)
    texts = TextBatches(words, {"label": np.eye(5)}, batch_size=3, shuffle=False)
    for batches in (tokens, texts):
        averaged = getattr(batches, "averaged_over", "rows")
        wanted = [part for i in range(len(batches)) for part in split_batch(batches[i], 3, averaged)[1:]]
        found = list(shard_dataset(batches, range(1, 3), 3).as_numpy_iterator())
        assert len(found) == len(wanted) == 2 * len(batches)
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_equal(one, other)
    assert int(shard_dataset(tokens, [2], 3).cardinality()) == len(tokens)


def test_an_unknown_loss_is_refused():
    with pytest.raises(ValueError, match="Received: averaged_over='words'"):
        split_batch((IDS, IDS), 2, "words")
