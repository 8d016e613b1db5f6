"""The whole Transformer against loops, cached against whole, and counted by hand."""

import functools

import keras
import numpy as np
import pytest

from keras_attn import layers, models
from tests import block_oracle, oracle
from tests.layer_checks import (
    block_weights,
    check_gradients,
    normal,
    numbers,
    reloaded,
    shuffle_weights,
)

B, S, T, V, L, N, H, F = 2, 11, 7, 13, 2, 5, 2, 17
D = N * H
generator = np.random.default_rng(0)
SOURCE = np.where(np.arange(S) < np.array([[11], [6]]), generator.integers(1, V, (B, S)), 0).astype("int32")
TARGET = generator.integers(1, V, (B, T)).astype("int32")


SIZES = {"num_layers": L, "hidden_dim": D, "num_heads": N, "intermediate_dim": F}


def built(**arguments):
    model = models.transformer(V, **{**SIZES, **arguments})
    shuffle_weights(model)
    return model


@functools.cache
def shared(normalize_first=False):
    """A model for the tests that change nothing in it: building one takes longer than most of them."""
    return built(normalize_first=normalize_first, attention_dropout=0.1)


def logits_of(model, source=SOURCE, target=TARGET):
    return numbers(model({"source": source, "target": target}))


def loops(model, normalize_first):
    """The model's logits and its last block's attention, block by block in NumPy."""
    embedding = model.get_layer("embedding").get_weights()[0].astype("float64")

    def embed(ids):
        return embedding[ids] * D**0.5 + oracle.sinusoidal_positions(ids.shape[1], D)

    def norm(x, side):
        if not normalize_first:
            return x
        return oracle.layer_norm(x, *model.get_layer(f"{side}_norm").get_weights(), 1e-5)

    x, scores = embed(SOURCE), None
    for i in range(L):
        weights = block_weights(model.get_layer(f"encoder_block_{i}"))
        x = oracle.encoder_block(x, weights, normalize_first, padding_mask=SOURCE != 0)
    encoded, y = norm(x, "encoder"), embed(TARGET)
    for i in range(L):
        weights = block_weights(model.get_layer(f"decoder_block_{i}"))
        y, scores = oracle.decoder_block(y, encoded, weights, normalize_first, encoder_padding_mask=SOURCE != 0)
    return norm(y, "decoder") @ embedding.T, scores


@pytest.mark.parametrize("normalize_first", [False, True])
def test_it_equals_the_loops(normalize_first):
    model = shared(normalize_first)
    expected, expected_scores = loops(model, normalize_first)
    np.testing.assert_allclose(logits_of(model), expected, rtol=1e-4, atol=5e-4)
    logits, scores = models.decode(model, TARGET, *models.encode(model, SOURCE), return_attention_scores=True)
    np.testing.assert_allclose(numbers(logits), logits_of(model), atol=1e-4)
    assert [tuple(x.shape) for x in scores] == [(B, N, T, S)] * L
    np.testing.assert_allclose(numbers(scores[-1]), expected_scores, atol=1e-4)


@pytest.mark.parametrize("normalize_first", [False, True])
def test_padding_and_the_future_have_no_influence(normalize_first):
    model = shared(normalize_first)
    logits = logits_of(model)
    future = np.where(np.arange(T) < 3, TARGET, TARGET % (V - 1) + 1)
    after = logits_of(model, target=future)
    assert np.array_equal(after[:, :3], logits[:, :3]) and not np.allclose(after[:, 3:], logits[:, 3:])
    longer = np.pad(SOURCE, ((0, 0), (0, 5)))
    np.testing.assert_allclose(logits_of(model, source=longer), logits, atol=1e-4)
    encoded, mask = models.encode(model, SOURCE)
    assert np.array_equal(numbers(mask), SOURCE != 0)
    altered = np.where((SOURCE != 0)[..., None], numbers(encoded), 77.0).astype("float32")
    before, after = (numbers(models.decode(model, TARGET, x, mask)) for x in (encoded, altered))
    assert np.array_equal(before, after)
    empty = logits_of(model, source=np.where([[True], [False]], SOURCE, 0))
    assert np.isfinite(empty).all() and np.array_equal(empty[0], logits[0])


def decoded_in_steps(model, steps, width=1, length=T):
    """Logits of the targets, `width` copies of each source's, with caches; those that grow if `length` is None."""
    encoded, mask = models.encode(model, SOURCE)
    cross_caches = models.filled_caches(model, encoded)
    target, start, parts = np.concatenate([TARGET % (V - 1 - w) + 1 for w in range(width)], 1), 0, []
    target = target.reshape(B * width, T)  # row b*W + w is hypothesis w of source b
    caches = models.empty_caches(model, B * width, length)
    for count in steps:
        step = target[:, start : start + count]
        logits, caches = models.decode(model, step, None, mask, caches, np.int32(start), cross_caches)
        parts.append(numbers(logits))
        start += count
    return target, np.concatenate(parts, 1)


@pytest.mark.parametrize("normalize_first", [False, True])
@pytest.mark.parametrize(("steps", "width"), [([1] * T, 1), ([4, 1, 2], 1), ([2] + [1] * 5, 3)])
def test_decoding_with_caches_equals_the_model(steps, width, normalize_first):
    model = shared(normalize_first)
    for length in (T, None):
        target, logits = decoded_in_steps(model, steps, width, length)
        whole = logits_of(model, np.repeat(SOURCE, width, 0), target)
        np.testing.assert_allclose(logits, whole, rtol=1e-4, atol=2e-4)


def by_stepper(model, width, **prepared):
    """Targets and their logits, position by position with all prepared."""
    encoded, mask = models.encode(model, SOURCE)
    step, caches, parts = models.family(model).stepper(model, **prepared), models.empty_caches(model, B * width), []
    target = np.concatenate([TARGET % (V - 1 - w) + 1 for w in range(width)], 1).reshape(B * width, T)
    for t in range(T):
        logits, caches = step(target[:, t], np.int32(t), caches, models.filled_caches(model, encoded), mask)
        parts.append(numbers(logits))
    return target, np.stack(parts, axis=1)


def check_stepper(model, width=3, **tolerance):
    target, logits = by_stepper(model, width)
    np.testing.assert_allclose(logits, logits_of(model, np.repeat(SOURCE, width, 0), target), **tolerance)


@pytest.mark.parametrize("normalize_first", [False, True])
@pytest.mark.parametrize("width", [1, 3])
def test_prepared_steps_equal_the_model(width, normalize_first):
    check_stepper(shared(normalize_first), width, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("name", ["pre-norm", "without position", "windowed"])
def test_steps_of_some_candidates_and_known_length(name):
    changes = {"without position": {"position": layers.RotaryPosition()}, "windowed": {"sliding_window": 2}}
    model = shared(True) if name == "pre-norm" else built(**changes[name])
    candidates = np.array([0, 2, 5], "int32")
    _, logits = by_stepper(model, 2)
    _, found = by_stepper(model, 2, candidates=candidates, max_length=T)
    np.testing.assert_allclose(found, logits[..., candidates], rtol=1e-4, atol=1e-4)


def test_cached_decoding_returns_scores_and_caches():
    model = shared()
    encoded, mask = models.encode(model, SOURCE)
    logits, scores, caches = models.decode(
        model,
        TARGET[:, :1],
        None,
        mask,
        models.empty_caches(model, B, T),
        0,
        models.filled_caches(model, encoded),
        return_attention_scores=True,
    )
    assert tuple(logits.shape) == (B, 1, V) and len(caches) == L
    assert [tuple(x.shape) for x in scores] == [(B, N, 1, S)] * L


@pytest.mark.parametrize("normalize_first", [False, True])
def test_a_reloaded_model_is_the_same(normalize_first, tmp_path):
    model = shared(normalize_first)
    again = reloaded(model, tmp_path)
    assert np.array_equal(logits_of(again), logits_of(model))
    first, second = (numbers(models.decode(m, TARGET, *models.encode(m, SOURCE))) for m in (model, again))
    assert np.array_equal(first, second)


MODERN = {
    "num_kv_heads": 1,
    "position": layers.RotaryPosition(),
    "normalization": "rms",
    "activation": "silu",
    "gated": True,
    "use_bias": False,
}
VARIANTS = {
    "modern": MODERN,
    "modern pre-norm": {**MODERN, "normalize_first": True},
    "added position": {"position": layers.SinusoidalPosition(), "num_kv_heads": 5},
}


@functools.cache
def variant(name):
    return built(**VARIANTS[name])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name.startswith("modern") else []) for name in VARIANTS]
)
def test_a_variant_decodes_alike_with_caches_and_after_a_reload(name, tmp_path):
    model = variant(name)
    target, logits = decoded_in_steps(model, [1, 3] + [1] * (T - 4), width=2)
    np.testing.assert_allclose(logits, logits_of(model, np.repeat(SOURCE, 2, 0), target), rtol=1e-4, atol=3e-4)
    check_stepper(model, rtol=1e-4, atol=3e-4)
    again = reloaded(model, tmp_path)
    assert np.array_equal(logits_of(again), logits_of(model))
    assert np.array_equal(decoded_in_steps(again, [1] * T)[1], decoded_in_steps(model, [1] * T)[1])


@pytest.mark.parametrize("name", ["modern", "modern pre-norm"])
def test_a_modern_model_equals_the_loops(name):
    model, pre = variant(name), name == "modern pre-norm"
    embedding = model.get_layer("embedding").get_weights()[0].astype("float64")

    def norm(x, side):
        return block_oracle.rms_norm(x, *model.get_layer(f"{side}_norm").get_weights(), 1e-5) if pre else x

    mask, x, y = (SOURCE != 0)[:, None, None], embedding[SOURCE] * D**0.5, embedding[TARGET] * D**0.5
    for i in range(L):
        weights = block_weights(model.get_layer(f"encoder_block_{i}"))
        x = block_oracle.modern_block(x, weights, pre, 1e-5, mask)
    masks = oracle.causal_mask(T, T, 0), norm(x, "encoder"), mask
    for i in range(L):
        y = block_oracle.modern_block(y, block_weights(model.get_layer(f"decoder_block_{i}")), pre, 1e-5, *masks)
    expected = norm(y, "decoder") @ embedding.T
    np.testing.assert_allclose(logits_of(model), expected, rtol=1e-4, atol=5e-4)


PARTICULAR = {
    "window": {"sliding_window": 3},
    "alibi": {"position": layers.AlibiPosition()},
    "normalized": {"normalize_query_key": True, "use_bias": False},
}


@pytest.mark.parametrize("name", PARTICULAR)
def test_steps_equal_the_model_where_not_all_can_be_prepared(name):
    check_stepper(built(**PARTICULAR[name]), rtol=1e-4, atol=3e-4)


def test_positions_stand_where_they_belong():
    blocks = [f"{side}_block_{i}" for side in ("encoder", "decoder") for i in range(L)]
    plain, modern = shared(), variant("modern")
    assert type(plain.get_layer("position")) is layers.SinusoidalPosition
    assert "position" not in {layer.name for layer in modern.layers}
    assert all(plain.get_layer(name).self_attention.position is None for name in blocks)
    positions = [modern.get_layer(name).self_attention.position for name in blocks]
    assert all(type(position) is layers.RotaryPosition for position in positions)
    assert len({id(position) for position in [*positions, MODERN["position"]]}) == 2 * L + 1
    added = variant("added position").get_layer("position")
    assert type(added) is layers.SinusoidalPosition and added is not VARIANTS["added position"]["position"]


def test_bfloat16_decodes_alike_with_caches():
    model = built(dtype="mixed_bfloat16")
    assert {weight.dtype for weight in model.weights} == {"float32"}
    encoded, _ = models.encode(model, SOURCE)
    caches = [*models.empty_caches(model, B, T), *models.filled_caches(model, encoded)]
    assert {keras.backend.standardize_dtype(x.dtype) for cache in caches for x in cache.values()} == {"bfloat16"}
    target, logits = decoded_in_steps(model, [1] * T)
    whole = logits_of(model, target=target)
    np.testing.assert_allclose(logits, whole, atol=0.05 * np.abs(whole).max())
    in_float32 = shared()  # with the same weights
    np.testing.assert_allclose(whole, logits_of(in_float32, target=target), atol=0.1 * np.abs(whole).max())


def test_dropout_is_on_in_training_only():
    model, inputs = shared(), {"source": SOURCE, "target": TARGET}
    plain = logits_of(model)
    assert np.array_equal(plain, numbers(model(inputs, training=False)))
    assert not np.allclose(plain, numbers(model(inputs, training=True)))
    encoded = [numbers(models.encode(model, SOURCE, training=training)[0]) for training in (False, True)]
    assert not np.allclose(*encoded)


@pytest.mark.parametrize("normalize_first", [False, True])
def test_gradients_reach_every_weight(normalize_first):
    model = built(num_layers=1, normalize_first=normalize_first)
    check_gradients(model, {"source": SOURCE, "target": TARGET}, normal(B, T, V, seed=9))


def count(vocabulary, layers, width, hidden):
    """The weights of a post-norm model, counted on paper."""
    attention = 4 * (width * width + width)
    network = width * hidden + hidden + hidden * width + width
    encoder = attention + network + 2 * (2 * width)
    decoder = 2 * attention + network + 3 * (2 * width)
    return vocabulary * width + layers * (encoder + decoder)


def test_the_number_of_weights_is_the_papers():
    # "tiny": 768,000 embeddings, four times an encoder block of 132,480 and a decoder block of 198,784.
    assert count(6000, 4, 128, 256) == 768_000 + 4 * (132_480 + 198_784) == 2_093_056
    # "base": 65 million in table 3 of the paper, for a vocabulary of about 37,000.
    assert round(count(37_000, 6, 512, 2048) / 1e6) in (63, 64, 65)
    tiny = models.transformer(6000, 4, 128, 4, 256)
    assert tiny.count_params() == 2_093_056
    assert shared().count_params() == count(V, L, D, F)
    assert shared(normalize_first=True).count_params() == count(V, L, D, F) + 2 * (2 * D)


def test_source_target_and_output_share_one_embedding():
    model = built()
    tables = [weight for weight in model.weights if V in weight.shape]
    assert [tuple(table.shape) for table in tables] == [(V, D)]
    encoded, mask = (numbers(x) for x in models.encode(model, SOURCE))
    fixed = encoded.astype("float32"), mask.astype(bool)
    logits = numbers(models.decode(model, TARGET, *fixed))
    unused = next(i for i in range(1, V) if i not in TARGET[0])
    changed = numbers(tables[0])
    changed[unused] *= 2.0
    tables[0].assign(changed)
    after = numbers(models.decode(model, TARGET[:1], fixed[0][:1], fixed[1][:1]))
    np.testing.assert_allclose(after[..., unused], 2.0 * logits[:1, :, unused], rtol=1e-3, atol=1e-4)
    others = np.delete(np.arange(V), unused)
    np.testing.assert_allclose(after[..., others], logits[:1][..., others], atol=1e-4)


def test_shapes():
    model = shared()
    assert model.output_shape == (None, None, V) and {x.name for x in model.inputs} == {"source", "target"}
    assert logits_of(model).shape == (B, T, V)
    assert logits_of(model, SOURCE[:1, :3], TARGET[:1, :2]).shape == (1, 2, V)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"num_heads": 3}, r"`num_heads` must divide the model's width 10\. Received: num_heads=3"),
        ({"hidden_dim": 15}, r"`dim` must be even, make it 16\. Received: dim=15"),
        ({"intermediate_dim": 0}, r"`intermediate_dim` must be a positive integer\. Received: intermediate_dim=0"),
        ({"num_heads": 0}, r"`num_heads` must be a positive integer\. Received: num_heads=0"),
        ({"position": "rotary"}, r"`position` must be 'sinusoidal' or a position layer.* Received: position='rotary'$"),
        ({"normalization": "batch"}, r"`normalization` must be 'layer' or 'rms'\. Received: normalization='batch'$"),
    ],
)
def test_wrong_arguments_are_named(arguments, text):
    with pytest.raises(ValueError, match=text):
        built(**arguments)
