from collections import Counter

import keras
import numpy as np
import pytest

from keras_attn.data.parallel_text import read_parallel_text
from keras_attn.data.token_batches import TokenBatches

START, END = 1, 2


def make_pairs(count, seed=0, mean=2.5, sigma=0.3, longest=60):
    """Pairs of random ids with lognormal lengths that are correlated, much as in Multi30k en-de."""
    generator = np.random.default_rng(seed)
    source_lengths = np.clip(generator.lognormal(mean, sigma, count).astype(int), 1, longest)
    target_lengths = np.clip((source_lengths * generator.lognormal(0, 0.15, count)).astype(int), 1, longest)
    sources = [generator.integers(3, 10_000, n) for n in source_lengths]
    targets = [generator.integers(3, 10_000, n) for n in target_lengths]
    return sources, targets


def rows_of(batches):
    """Every row of an epoch as (source, target, labels), cut at the padding, all-padding rows left out."""
    rows = []
    for index in range(len(batches)):
        inputs, labels = batches[index]
        for source, target, label in zip(inputs["source"], inputs["target"], labels, strict=True):
            row = tuple(tuple(int(i) for i in side if i != 0) for side in (source, target, label))
            for side, ids in zip((source, target, label), row, strict=True):
                assert not side[len(ids) :].any()  # padding stands at the end only
            if any(row):
                rows.append(row)
    return rows


def expected_rows(sources, targets, max_length=128):
    return Counter(
        (
            (*map(int, s[: max_length - 1]), END),
            (START, *map(int, t[: max_length - 1])),
            (*map(int, t[: max_length - 1]), END),
        )
        for s, t in zip(sources, targets, strict=True)
    )


def test_every_pair_is_seen_once_an_epoch():
    sources, targets = make_pairs(1_500)
    batches = TokenBatches(sources, targets, batch_tokens=256, seed=3)
    expected = expected_rows(sources, targets)
    number_of_batches = len(batches)
    for epoch in range(4):
        batches.epoch = epoch
        assert Counter(rows_of(batches)) == expected
        assert len(batches) == number_of_batches
    assert batches.truncated == 0
    assert batches.target_tokens == sum(len(t) + 1 for t in targets)


@pytest.mark.parametrize("arguments", [{}, {"accumulate": 3}, {"packing": True}, {"packing": True, "accumulate": 3}])
def test_each_epoch_serves_the_next_variant_in_as_many_batches(arguments):
    variants = [make_pairs(600, seed=seed, mean=2.5 + 0.2 * seed) for seed in range(3)]
    sources, targets = ([row for pairs in variants for row in pairs[side]] for side in (0, 1))
    if "packing" in arguments:
        sources, targets = ([row[:20] for row in rows] for rows in (sources, targets))
        variants = [([row[:20] for row in s], [row[:20] for row in t]) for s, t in variants]
    batches = TokenBatches(sources, targets, batch_tokens=256, max_length=64, variants=3, **arguments)
    for epoch in range(4):
        before, batches.epoch = len(batches), epoch
        assert len(batches) == before
        served = [batches[n] for n in range(len(batches))]
        labels = Counter(row for _, ids, *_ in served for row in _ended(ids))
        assert labels == Counter((*map(int, row), END) for row in variants[epoch % 3][1])
        assert batches.target_tokens == sum(len(row) + 1 for row in variants[epoch % 3][1])
        assert all(np.isfinite(weights).all() for *_, weights in served)


def _ended(ids):
    """The sequences of rows, each up to and with its end."""
    flat = [int(i) for i in ids.ravel() if i]
    ends = [place + 1 for place, i in enumerate(flat) if i == END]
    return [tuple(flat[first:last]) for first, last in zip([0, *ends], ends, strict=False)]


def test_variants_must_divide_the_pairs():
    with pytest.raises(ValueError, match=r"variants=3"):
        TokenBatches([[5]] * 4, [[6]] * 4, batch_tokens=8, max_length=8, variants=3)


@pytest.mark.parametrize("count", [1, 2, 3, 17])
@pytest.mark.parametrize("shuffle", [True, False])
def test_few_pairs(count, shuffle):
    sources, targets = make_pairs(count, seed=count)
    batches = TokenBatches(sources, targets, batch_tokens=64, max_length=64, shuffle=shuffle)
    assert Counter(rows_of(batches)) == expected_rows(sources, targets)


def test_empty_sequences_are_kept():
    batches = TokenBatches([[], [5]], [[7, 8], []], batch_tokens=8, max_length=8, shuffle=False)
    assert Counter(rows_of(batches)) == Counter(
        {((END,), (START, 7, 8), (7, 8, END)): 1, ((5, END), (START,), (END,)): 1}
    )


def test_budget_and_shapes():
    sources, targets = make_pairs(3_000)
    batches = TokenBatches(sources, targets, batch_tokens=500, max_length=64, num_buckets=7)
    seen, short = set(), 0
    for index in range(len(batches)):
        inputs, labels = batches[index]
        (rows, s), (_, t) = inputs["source"].shape, inputs["target"].shape
        assert inputs["source"].dtype == inputs["target"].dtype == labels.dtype == np.int32
        assert labels.shape == inputs["target"].shape == (rows, t)
        assert max(rows * s, rows * t) <= 500
        assert rows == 500 // max(s, t)
        short += bool((labels[:, 0] == 0).any())
        seen.add((s, t, rows))
    assert sorted(batches.shapes) == sorted(seen)
    assert 1 < len(seen) <= 7
    assert short <= 1


def order_of(batches):
    return [(i["source"].tobytes(), i["target"].tobytes()) for i, _ in (batches[n] for n in range(len(batches)))]


def test_order_is_a_function_of_seed_and_epoch():
    sources, targets = make_pairs(800)
    make = lambda seed: TokenBatches(sources, targets, batch_tokens=256, seed=seed)  # noqa: E731
    walked, jumped = make(5), make(5)
    orders = []
    for epoch in range(3):
        assert walked.epoch == epoch
        orders.append(order_of(walked))
        for _ in walked:
            pass
        walked.on_epoch_end()
    jumped.epoch = 2
    assert order_of(jumped) == orders[2]
    jumped.epoch = 0
    assert order_of(jumped) == orders[0]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert Counter(orders[0]) != Counter(orders[1])  # not only the order of the batches changes
    assert order_of(make(6)) != orders[0]


def test_epoch_stays_until_it_was_seen_whole():
    batches = TokenBatches(*make_pairs(500), batch_tokens=256)
    batches.on_epoch_end()
    assert batches.epoch == 0
    batches.on_epoch_begin()
    _ = batches[0]
    batches.on_epoch_end()
    assert batches.epoch == 0
    for _ in batches:
        pass
    batches.on_epoch_end()
    assert batches.epoch == 1


def test_unshuffled_order_is_the_same_in_every_epoch():
    batches = TokenBatches(*make_pairs(300), batch_tokens=256, shuffle=False)
    first = order_of(batches)
    batches.epoch = 9
    assert order_of(batches) == first


def test_long_sequences_are_cut_and_counted():
    sources = [[5] * 7, [6] * 8, [7] * 50]
    targets = [[3] * 9, [4], [8] * 7]
    batches = TokenBatches(sources, targets, batch_tokens=16, max_length=8)
    assert batches.truncated == 3
    assert Counter(rows_of(batches)) == expected_rows(sources, targets, max_length=8)
    assert all(s <= 8 and t <= 8 for s, t, _ in batches.shapes)


def test_accumulated_batches_weigh_their_tokens():
    sources, targets = make_pairs(300)
    batches = TokenBatches(sources, targets, batch_tokens=200, max_length=64, accumulate=7)
    assert len(batches) % 7 == 0
    parts = [batches[n] for n in range(len(batches))]
    tokens = np.array([(labels != 0).sum() for _, labels, _ in parts])
    for first in range(0, len(parts), 7):
        shares = tokens[first : first + 7] / tokens[first : first + 7].sum()
        for (_, labels, weights), share in zip(parts[first : first + 7], shares, strict=True):
            assert weights.shape == (len(labels), 1) and weights.dtype == np.float32
            np.testing.assert_allclose(weights, 7 * share, rtol=1e-6)
    assert tokens.sum() == batches.target_tokens
    assert 0 < (tokens == 0).sum() < 7  # batches of padding fill the last seven up


def counted_padding(batches):
    arrays = [a for i, _ in (batches[n] for n in range(len(batches))) for a in (i["source"], i["target"])]
    return sum(int((a == 0).sum()) for a in arrays) / sum(a.size for a in arrays)


def test_padding_on_lognormal_lengths():
    batches = TokenBatches(*make_pairs(29_000))
    assert batches.padding_fraction == pytest.approx(counted_padding(batches))
    assert batches.padding_fraction < 0.08
    assert len(batches.shapes) <= 16


def test_padding_with_more_lengths_than_the_search_looks_at():
    sources, targets = make_pairs(20_000, mean=3.5, sigma=0.5, longest=500)
    batches = TokenBatches(sources, targets, max_length=200)
    assert batches.truncated > 0
    assert len(np.unique([len(s) for s in sources])) > 64
    assert batches.padding_fraction == pytest.approx(counted_padding(batches))
    assert batches.padding_fraction < 0.15


@pytest.mark.parametrize("growth", [1.0, 1.15])
def test_padding_on_multi30k(growth, data_folder):
    folder = data_folder / "translation" / "multi30k" / "tok"
    text = read_parallel_text([folder / f"train.lc.norm.tok.{language}.gz" for language in ("en", "de")])
    tokens = [
        [np.full(int(np.ceil(growth * len(line.split()))), 3) for line in side] for side in (text.sources, text.targets)
    ]
    batches = TokenBatches(*tokens)
    assert len(batches.shapes) <= 16
    assert batches.padding_fraction < 0.08


@pytest.mark.parametrize("shuffle", [True, False])
def test_first_two_batches_show_which_lengths_vary(shuffle):
    batches = TokenBatches(*make_pairs(400), batch_tokens=256, shuffle=shuffle)
    for epoch in range(20):
        batches.epoch = epoch
        (first, _), (second, _) = batches[0], batches[1]
        assert first["source"].shape[1] != second["source"].shape[1]
        assert first["target"].shape[1] != second["target"].shape[1]


def test_first_two_batches_where_only_one_length_varies():
    sources, targets = [[5] * 3] * 40, [[6] * (1 + n // 20 * 6) for n in range(40)]
    batches = TokenBatches(sources, targets, batch_tokens=16, max_length=16)
    assert {s for s, _, _ in batches.shapes} == {4}
    (first, _), (second, _) = batches[0], batches[1]
    assert first["target"].shape[1] != second["target"].shape[1]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="counts traces of tf.function")
def test_fit_traces_once_and_sees_every_epoch_in_its_order():
    sources, targets = make_pairs(300)
    batches = TokenBatches(sources, targets, batch_tokens=128, num_buckets=6, seed=4)
    batches.epoch = 3
    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    context = keras.ops.mean(keras.layers.Embedding(10_000, 2)(source), axis=1, keepdims=True)
    model = keras.Model([source, target], keras.layers.Embedding(10_000, 2)(target) + context)
    traces, fed = [], []

    def loss(labels, outputs):
        traces.append(labels.shape)
        return keras.ops.mean(outputs, axis=(1, 2)) + 0.0 * keras.ops.cast(labels[:, 0], "float32")

    serve = batches.__class__.__getitem__

    class Recorded(TokenBatches):
        def __getitem__(self, index):
            batch = serve(self, index)
            fed.append((self.epoch, index, batch[0]["source"].tobytes()))
            return batch

    batches.__class__ = Recorded
    model.compile("sgd", loss, jit_compile=False)
    model.fit(batches, epochs=2, verbose=0, shuffle=False)
    assert len(traces) == 1
    assert batches.epoch == 5
    reference = TokenBatches(sources, targets, batch_tokens=128, num_buckets=6, seed=4)
    expected = []
    for epoch in (3, 4):
        reference.epoch = epoch
        expected += [(epoch, n, reference[n][0]["source"].tobytes()) for n in range(len(reference))]
    assert len(reference.shapes) > 3
    assert fed[-len(expected) :] == expected  # before them: the two batches Keras looks at for their shapes
    assert len(fed) == len(expected) + 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sources": [], "targets": []}, r"At least one pair.*Received: len\(sources\)=0"),
        ({"targets": [[3]]}, r"same length.*len\(sources\)=2, len\(targets\)=1"),
        ({"targets": [[3], [4, 0]]}, r"`targets`.*Received: targets\[1\] holds 0"),
        ({"sources": [[3, -1], [4]]}, r"Received: sources\[0\] holds -1"),
        ({"sources": [[3], [2**31]]}, r"Received: sources\[1\] holds 2147483648"),
        ({"sources": [[3], [4.5]]}, r"1-D sequence of integer ids; item 1 .*float64"),
        ({"sources": [[3], [[4]]]}, r"1-D sequence of integer ids; item 1 has shape \(1, 1\)"),
        ({"batch_tokens": 127}, r"at least `max_length` \(128\).*Received: batch_tokens=127"),
        ({"max_length": 1}, "Received: max_length=1"),
        ({"num_buckets": 0}, "Received: num_buckets=0"),
        ({"end_id": 0}, "Received: end_id=0"),
        ({"seed": -1}, "Received: seed=-1"),
        ({"accumulate": 0}, "Received: accumulate=0"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        TokenBatches(**{"sources": [[3], [4]], "targets": [[5], [6]], **arguments})


def test_index_and_epoch_errors():
    batches = TokenBatches([[3]], [[4]])
    with pytest.raises(IndexError, match="Received: index=1"):
        _ = batches[1]
    with pytest.raises(ValueError, match="Received: epoch=-1"):
        batches.epoch = -1


@pytest.mark.parametrize("options", [{}, {"packing": True, "accumulate": 3}])
def test_dataset_serves_the_epoch_that_is_set(options):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("tf.data feeds the TensorFlow backend only")
    batches = TokenBatches(*make_pairs(300), batch_tokens=256, seed=3, **options)
    dataset = batches.as_dataset()
    assert int(dataset.cardinality()) == len(batches)
    assert dataset.element_spec[1].shape.as_list() == [None, None]
    for epoch in (5, 0):
        batches.epoch = epoch
        served = list(dataset.as_numpy_iterator())
        assert len(served) == len(batches)
        for index, batch in enumerate(served):
            keras.tree.map_structure(np.testing.assert_array_equal, batch, batches[index])
