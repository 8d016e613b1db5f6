"""Every position scheme through its hooks, against loops from the papers: numbers, gradients, dtypes, shifts, config.

The scores and the summed values of an attention without its softmax are compared: they are linear in every weight, so
that differences of the loops are exact gradients.
"""

import math

import keras
import numpy as np
import pytest

from keras_attn.layers import AlibiPosition, RotaryPosition, ShawPosition, T5Position, TransformerXLPosition
from keras_attn.layers.attention_position import AttentionPosition
from tests import oracle, position_oracle
from tests.layer_checks import check_gradients, normal, numbers, shuffle_weights, weight_gradients

B, T, S, N, H, V = 2, 5, 7, 3, 6, 11
QUERY, KEY = normal(B, T, N, H, seed=1), normal(B, S, N, H, seed=2)

SCHEMES = {
    "none": AttentionPosition,
    "rotary": lambda **kwargs: RotaryPosition(max_wavelength=50.0, **kwargs),
    "alibi": AlibiPosition,
    "shaw": lambda **kwargs: ShawPosition(3, **kwargs),
    "shaw_keys": lambda **kwargs: ShawPosition(3, use_values=False, **kwargs),
    "t5": lambda **kwargs: T5Position(num_buckets=14, max_distance=9, **kwargs),
    "t5_causal": lambda **kwargs: T5Position(num_buckets=7, max_distance=9, bidirectional=False, **kwargs),
    "transformer_xl": TransformerXLPosition,
}
LEARNED = [name for name in SCHEMES if name.startswith(("shaw", "t5", "transformer"))]
every_scheme = pytest.mark.parametrize("scheme", SCHEMES)


class Hooks(keras.layers.Layer):
    """The scores [B, N, T, S] that the hooks give, and behind them the values' part [B, N, T, V] if there is one."""

    def __init__(self, position, query_start=2, key_start=0, step=1, **kwargs):
        super().__init__(**kwargs)
        self.position = position
        self.starts = query_start, key_start
        self.step = step

    def build(self, query_shape, key_shape):
        self.position.build(query_shape, V)

    def call(self, query, key):
        query = self.position.encode_query(query, self.starts[0])
        key = self.position.encode_key(key, self.starts[1])
        positions = [
            start + self.step * keras.ops.arange(keras.ops.shape(x)[1], dtype="int32")
            for start, x in zip(self.starts, (query, key), strict=True)
        ]
        distance = positions[1][None, :] - positions[0][:, None]
        query = keras.ops.transpose(query, (0, 2, 1, 3)) / math.sqrt(query.shape[-1])
        outputs = scores = keras.ops.matmul(query, keras.ops.transpose(key, (0, 2, 3, 1)))
        bias, value_bias = self.position.score_bias(), self.position.value_bias()
        if bias is not None:
            outputs = scores = scores + bias.function(query, distance, *bias.weights)
        if value_bias is not None:
            values = value_bias.function(scores, distance, *value_bias.weights)
            outputs = keras.ops.concatenate([scores, values], axis=-1)
        return outputs


def expected(scheme, weights, query_start=2, key_start=0, step=1, query=QUERY, key=KEY):
    """What `Hooks` computes, by the loops."""
    places = (
        [query_start + step * t for t in range(query.shape[1])],
        [key_start + step * s for s in range(key.shape[1])],
    )
    if scheme == "rotary":
        query, key = (
            oracle.rotate_by_position(x, start, 50.0) for x, start in ((query, query_start), (key, key_start))
        )
    if scheme == "transformer_xl":
        return position_oracle.transformer_xl_scores(query, key, weights, *places)
    scores = np.einsum("btnh,bsnh->bnts", *(np.asarray(x, "float64") for x in (query, key))) / math.sqrt(H)
    if scheme == "alibi":
        scores += position_oracle.alibi(N, *places)
    if scheme.startswith("t5"):
        scores += position_oracle.t5(weights[0], *places, max_distance=9, bidirectional=scheme == "t5")
    if scheme.startswith("shaw"):
        scores += position_oracle.shaw_scores(query, weights[0], *places)
    if scheme == "shaw":
        values = position_oracle.shaw_outputs(scores, weights[1], *places)
        scores = np.concatenate([scores, values], axis=-1)
    return scores


def built(scheme, dtype=None, **where):
    """`Hooks` of a scheme, with random weights."""
    layer = Hooks(SCHEMES[scheme](dtype=dtype), dtype=dtype, **where)
    layer.build(QUERY.shape, KEY.shape)
    shuffle_weights(layer)
    return layer


@every_scheme
@pytest.mark.parametrize("starts", [(0, 0), (2, 0), (0, 29), (31, 0)])
def test_the_equation(scheme, starts):
    layer = built(scheme, query_start=starts[0], key_start=starts[1])
    wanted = expected(scheme, layer.get_weights(), *starts)
    np.testing.assert_allclose(numbers(layer(QUERY, KEY)), wanted, atol=2e-5)


@pytest.mark.parametrize("scheme", [name for name in SCHEMES if name not in ("none", "rotary")])
def test_dilated_positions(scheme):
    layer = built(scheme, query_start=4, step=3)
    wanted = expected(scheme, layer.get_weights(), query_start=4, step=3)
    np.testing.assert_allclose(numbers(layer(QUERY, KEY)), wanted, atol=2e-5)


@every_scheme
@pytest.mark.parametrize(("length", "keys"), [(1, 1), (1, 7), (5, 1), (5, 3)])
def test_one_query_or_key_and_more_queries_than_keys(scheme, length, keys):
    layer = built(scheme)
    query, key = QUERY[:, :length], KEY[:, :keys]
    wanted = expected(scheme, layer.get_weights(), query=query, key=key)
    np.testing.assert_allclose(numbers(layer(query, key)), wanted, atol=2e-5)


@every_scheme
def test_only_the_distance_counts(scheme):
    layer = built(scheme)
    first = numbers(layer(QUERY, KEY))
    layer.starts = 102, 100
    np.testing.assert_allclose(numbers(layer(QUERY, KEY)), first, atol=1e-4)
    layer.starts = 102, 101
    moved = np.abs(numbers(layer(QUERY, KEY)) - first).max()
    assert moved == 0 if scheme == "none" else moved > 0.01


@every_scheme
def test_lengths_that_are_not_known(scheme):
    if keras.backend.backend() == "jax" and scheme in LEARNED:
        pytest.skip("on JAX relative positions need known lengths")
    query, key = keras.Input((None, N, H)), keras.Input((None, N, H))
    layer = built(scheme)
    model = keras.Model([query, key], layer(query, key))
    assert model.output_shape == (None, N, None, None)
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow computes with lengths that are not known")
    import tensorflow as tf

    shapes = [tf.TensorSpec((None, None, N, H))] * 2
    graph = tf.function(lambda query, key: model([query, key]), input_signature=shapes)
    np.testing.assert_allclose(graph(QUERY, KEY), expected(scheme, layer.get_weights()), atol=2e-5)


@every_scheme
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_half_precision_policies(scheme, dtype):
    layer = built(scheme, dtype)
    output = layer(QUERY, KEY)
    assert keras.backend.standardize_dtype(output.dtype) == dtype.removeprefix("mixed_")
    wanted = expected(scheme, [numbers(weight) for weight in layer.weights])
    tolerance = 0.005 if dtype == "mixed_float16" else 0.04
    np.testing.assert_allclose(numbers(output), wanted, atol=tolerance * np.abs(wanted).max())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_position_of_its_own_dtype_follows_the_attention(scheme):
    layer = Hooks(SCHEMES[scheme](dtype="float32"), dtype="mixed_bfloat16")
    assert keras.backend.standardize_dtype(layer(QUERY, KEY).dtype) == "bfloat16"


def model_of(layer):
    query, key = keras.Input((T, N, H)), keras.Input((S, N, H))
    return keras.Model([query, key], layer(query, key))


@pytest.mark.parametrize("scheme", LEARNED)
def test_gradients_equal_differences_of_the_loops(scheme):
    where = {"query_start": 8}  # so far that the last rows of the tables are used
    layer = built(scheme, **where)
    weights = [weight.astype("float64") for weight in layer.get_weights()]
    upstream = normal(*expected(scheme, weights, **where).shape, seed=3)
    found = weight_gradients(model_of(layer), [QUERY, KEY], upstream)
    for weight, (path, gradient) in zip(weights, found.items(), strict=True):
        for place in np.random.default_rng(4).permutation(list(np.ndindex(weight.shape)))[:23]:
            place, sums = tuple(place), []
            for step in (0.5, -0.5):
                weight[place] += step
                sums.append((upstream * expected(scheme, weights, **where)).sum())
                weight[place] -= step
            assert gradient[place] == pytest.approx(sums[0] - sums[1], abs=2e-4), (path, place)


@pytest.mark.parametrize("scheme", LEARNED)
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_gradients_reach_every_weight_in_half_precision(scheme, dtype):
    model = model_of(built(scheme, dtype))
    check_gradients(model, [QUERY, KEY], normal(*model([QUERY, KEY]).shape, seed=3))


@pytest.mark.parametrize("scheme", [name for name in SCHEMES if name != "none"])
def test_the_config_of_a_built_layer_is_that_of_a_new_one(scheme):
    layer = SCHEMES[scheme](name="position")
    fresh = keras.saving.serialize_keras_object(layer)
    layer.build(QUERY.shape, V)
    assert keras.saving.serialize_keras_object(layer) == fresh
    again = keras.saving.deserialize_keras_object(fresh)
    assert not again.weights
    again.build(QUERY.shape, V)
    assert [weight.shape for weight in again.weights] == [weight.shape for weight in layer.weights]
