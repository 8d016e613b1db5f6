"""Batches that add up their gradients make the step of the one large batch of all their pairs."""

import keras
import numpy as np
import pytest

from keras_attn.data import TokenBatches
from keras_attn.training import Adam, MaskedCrossentropy

V = 11
generator = np.random.default_rng(1)
SOURCES, TARGETS = ([generator.integers(3, V, generator.integers(1, 14)) for _ in range(60)] for _ in range(2))


def make_model(**arguments):
    """The last word and the sum of the source's, padding left out, give the next one."""
    keras.utils.set_random_seed(3)
    source, target = (keras.Input((None,), dtype="int32", name=name) for name in ("source", "target"))
    is_token = keras.ops.cast(keras.ops.not_equal(source, 0), "float32")[..., None]
    context = keras.ops.sum(keras.layers.Embedding(V, 5)(source) * is_token, axis=1, keepdims=True)
    logits = keras.layers.Dense(V)(keras.layers.Embedding(V, 5)(target) + context)
    model = keras.Model({"source": source, "target": target}, logits)
    optimizer = Adam(0.01, epsilon=0.1, global_clipnorm=0.3, **arguments)
    model.compile(optimizer, MaskedCrossentropy(0.1), jit_compile=False)
    return model


def joined(arrays):
    """Batches of different widths, one below the other."""
    width = max(array.shape[1] for array in arrays)
    return np.concatenate([np.pad(array, ((0, 0), (0, width - array.shape[1]))) for array in arrays])


@pytest.mark.long
def test_weights_are_those_of_the_large_batches():
    batches = TokenBatches(SOURCES, TARGETS, batch_tokens=60, max_length=20, num_buckets=4, accumulate=4)
    parts = [batches[index] for index in range(len(batches))]
    tokens = [int((labels != 0).sum()) for _, labels, _ in parts]
    assert len(set(tokens)) > 3  # so that the mean of the batches' means would be another
    small, large = make_model(gradient_accumulation_steps=4), make_model()
    small.fit(batches, verbose=0, shuffle=False)
    for first in range(0, len(parts), 4):
        inputs = [inputs for inputs, _, _ in parts[first : first + 4]]
        inputs = {side: joined([part[side] for part in inputs]) for side in ("source", "target")}
        large.train_on_batch(inputs, joined([labels for _, labels, _ in parts[first : first + 4]]))
    for one, other, old in zip(small.get_weights(), large.get_weights(), make_model().get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
        assert not np.allclose(one, old, atol=1e-4)
