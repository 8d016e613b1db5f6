"""Parts of a batch whose losses add up to the batch's, worked out by hand."""

import numpy as np
import pytest

from keras_attn.data import TaggedBatches, TextBatches, TokenBatches, shard_dataset, split_batch

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
    shares = [(part["label"][:, 0] * weights["label"].ravel()).sum() / len(part["label"]) for _, part, weights in parts]
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


def test_a_row_without_weight_is_told_from_a_row_of_padding():
    """Its loss counts for nothing, but it is a row of the batch, by which Keras weighs the batches of an epoch."""
    parts = split_batch((IDS, LOSSES, np.array([[1.0, 1, 1], [0, 0, 0], [0, 1, 0]])), 2)
    (_, unseen), (seen, padding) = (weights for *_, weights in parts)
    assert (unseen > 0).all() and (unseen < 1e-20).all()
    np.testing.assert_allclose(seen, [0, 4 / 3, 0], rtol=1e-6)
    np.testing.assert_array_equal(padding, 0)


def test_weights_have_the_axes_of_the_labels():
    """Keras multiplies them with losses of as many axes, or of one less."""
    for labels in (np.zeros(3), np.zeros((3, 2)), np.zeros((3, 2, 2))):
        for *_, weights in split_batch((IDS, labels), 2):
            assert weights.shape == (2, *[1] * (labels.ndim - 1))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_each_output_is_averaged_its_own_way(count):
    """Tags by words, labels by sentences; rows of padding hold the padding of their array."""
    pieces = [[[5], [6, 7]], [[8]], [[4], [9], [3]]]
    batches = TaggedBatches(pieces, [[0, 1], [2], [1, 0, 0]], [1, 0, 1], batch_size=3, shuffle=False)
    inputs, targets = batches[0]
    parts = split_batch(batches[0], count, batches.averaged_over, batches.padding)
    words, rows = np.array([2, 1, 3]), -(-3 // count)
    tags, labels = 0.0, 0.0  # each word's and sentence's loss is the number of its sentence
    for place, (own_inputs, own, weights) in enumerate(parts):
        here = range(place * rows, min(3, (place + 1) * rows))
        padding = [-1] * (rows - len(here))
        for array, whole in ((own_inputs["word_starts"], inputs["word_starts"]), (own["tags"], targets["tags"])):
            np.testing.assert_array_equal(array[: len(here)], whole[here.start : here.stop])
            np.testing.assert_array_equal(array[len(here) :, 0], padding)
        assert not own_inputs["ids"][len(here) :].any() and not own["label"][len(here) :].any()
        sums = [row * words[row] * weights["tags"][row - place * rows, 0] for row in here]
        tags += sum(sums) / max(1, sum(words[row] for row in here))
        labels += sum(row * weights["label"][row - place * rows] for row in here) / rows / count
    np.testing.assert_allclose(tags, (0 * 2 + 1 * 1 + 2 * 3) / 6, rtol=1e-6)
    np.testing.assert_allclose(labels, (0 + 1 + 2) / 3, rtol=1e-6)


def test_a_dataset_serves_the_parts_asked_for():
    words = [[5, 6, 7], [8], [4, 9], [6, 6], [7]]
    tokens = TokenBatches(words, words, batch_tokens=12, max_length=6, num_buckets=1, shuffle=False)
    texts = TextBatches(words, {"label": np.eye(5)}, batch_size=3, shuffle=False)
    sentences = TaggedBatches([[row] for row in words], [[1]] * 5, range(5), batch_size=3, shuffle=False)
    for batches in (tokens, texts, sentences):
        how = getattr(batches, "averaged_over", "rows"), getattr(batches, "padding", 0)
        wanted = [part for i in range(len(batches)) for part in split_batch(batches[i], 3, *how)[1:]]
        found = list(shard_dataset(batches, range(1, 3), 3).as_numpy_iterator())
        assert len(found) == len(wanted) == 2 * len(batches)
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_equal(one, other)
    assert int(shard_dataset(tokens, [2], 3).cardinality()) == len(tokens)


def test_an_unknown_loss_is_refused():
    with pytest.raises(ValueError, match="Received: averaged_over='words'"):
        split_batch((IDS, IDS), 2, "words")
