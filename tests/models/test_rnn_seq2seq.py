"""The recurrent encoder-decoder against loops, stepwise against whole, and trained on a task."""

import functools

import keras
import numpy as np
import pytest

from keras_attn import models
from keras_attn.models.rnn_seq2seq import decode, empty_caches, encode, filled_caches
from keras_attn.testing import check_gradients
from tests import recurrent_oracle
from tests.layer_checks import normal, numbers, reloaded, shuffle_weights

B, S, T, V, D, E = 3, 7, 5, 13, 6, 4
LENGTHS = np.array([[7], [4], [1]])
generator = np.random.default_rng(0)
SOURCE = np.where(np.arange(S) < LENGTHS, generator.integers(1, V, (B, S)), 0).astype("int32")
TARGET = generator.integers(1, V, (B, T)).astype("int32")
KINDS = [  # every cell, score, depth and order, in few models: their pairs are tested on the attending cell
    ("simple", "dot", 1, False),
    ("gru", "general", 2, False),
    ("lstm", "concat", 1, False),
    ("lstm", "cosine", 2, True),
    ("gru", "additive", 1, True),
]


def built(cell="gru", attention="general", num_layers=1, use_previous_state=False, **arguments):
    arguments = {"dropout": 0.5, "use_previous_state": use_previous_state, "embedding_dim": E, **arguments}
    model = models.rnn_seq2seq(V, num_layers, D, cell, attention, **arguments)
    shuffle_weights(model)
    return model


shared = functools.cache(built)  # for the tests that change nothing in it
each_kind = pytest.mark.parametrize("kind", KINDS, ids=["-".join(map(str, kind)) for kind in KINDS])


def logits_of(model, source=SOURCE, target=TARGET):
    return numbers(model({"source": source, "target": target}))


@each_kind
def test_it_equals_the_loops(kind):
    cell, attention, num_layers, use_previous_state = kind
    model = shared(*kind)
    weights = recurrent_oracle.model_weights(model, num_layers)
    logits, (scores,) = decode(model, TARGET, *encode(model, SOURCE), return_attention_scores=True)
    assert tuple(scores.shape) == (B, 1, T, S)
    for b, (length,) in enumerate(LENGTHS):  # each row by itself, without padding
        source, target = SOURCE[b, :length], TARGET[b]
        expected, probabilities = recurrent_oracle.rnn_seq2seq(
            source, target, weights, cell, attention, use_previous_state
        )
        np.testing.assert_allclose(numbers(logits)[b], expected, atol=1e-4)
        np.testing.assert_allclose(numbers(scores)[b, 0, :, :length], probabilities, atol=1e-4)
        assert not numbers(scores)[b, 0, :, length:].any()


@each_kind
def test_the_trained_graph_is_the_one_that_takes_steps(kind):
    model = shared(*kind)
    stepwise, _ = decode(model, TARGET, *encode(model, SOURCE), return_attention_scores=True)
    np.testing.assert_allclose(logits_of(model), numbers(stepwise), atol=1e-5)


@each_kind
def test_padding_and_the_future_have_no_influence(kind):
    model = shared(*kind)
    logits = logits_of(model)
    longer = np.pad(SOURCE, ((0, 0), (0, 4)))
    np.testing.assert_allclose(logits_of(model, source=longer), logits, atol=1e-5)
    future = np.where(np.arange(T) < 3, TARGET, TARGET % (V - 1) + 1)
    after = logits_of(model, target=future)
    np.testing.assert_allclose(after[:, :3], logits[:, :3], atol=1e-6)
    assert not np.allclose(after[:, 3:], logits[:, 3:])
    empty = logits_of(model, source=np.where([[True], [False], [True]], SOURCE, 0))
    assert np.isfinite(empty).all() and not np.allclose(empty[1], logits[1])
    np.testing.assert_allclose(empty[[0, 2]], logits[[0, 2]], atol=1e-6)


def decoded_in_steps(model, steps, width=1):
    """Logits of the targets, `width` copies of each source's, with caches."""
    encoded, mask = encode(model, SOURCE)
    cross_caches = filled_caches(model, encoded)
    target, start, parts = np.concatenate([TARGET % (V - 1 - w) + 1 for w in range(width)], 1), 0, []
    target = target.reshape(B * width, T)  # row b*W + w is hypothesis w of source b
    caches = empty_caches(model, B * width, T)
    for length in steps:
        step = target[:, start : start + length]
        logits, caches = decode(model, step, None, mask, caches, np.int32(start), cross_caches)
        parts.append(numbers(logits))
        start += length
    return target, np.concatenate(parts, 1)


@pytest.mark.parametrize(("steps", "width"), [([1] * T, 1), ([2, 3], 1), ([1] * T, 3)])
@each_kind
def test_decoding_with_caches_equals_the_model(kind, steps, width):
    model = shared(*kind)
    target, logits = decoded_in_steps(model, steps, width)
    expected = logits_of(model, np.repeat(SOURCE, width, 0), target)  # beams are rows of their own there
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_cached_decoding_returns_scores_and_caches():
    model = shared("lstm", "concat", 1, False)
    encoded, mask = encode(model, SOURCE)
    width, caches = 2, empty_caches(model, 2 * B, T)
    target = TARGET[:, :1].repeat(width, 0)
    fixed = caches, 0, filled_caches(model, encoded)
    logits, (scores,), after = decode(model, target, None, mask, *fixed, return_attention_scores=True)
    assert tuple(logits.shape) == (width * B, 1, V) and tuple(scores.shape) == (width * B, 1, 1, S)
    shapes = [(width * B, E), (width * B, D), (width * B, D)]  # the vector, h and c
    assert [tuple(x.shape) for x in caches] == [tuple(x.shape) for x in after] == shapes


@each_kind
def test_a_reloaded_model_is_the_same(kind, tmp_path):
    model = shared(*kind)
    again = reloaded(model, tmp_path)
    assert models.family(again) is models.family(model)
    assert np.array_equal(logits_of(again), logits_of(model))
    assert np.array_equal(decoded_in_steps(again, [1] * T)[1], decoded_in_steps(model, [1] * T)[1])


@pytest.mark.parametrize(("cell", "attention"), [("gru", "concat"), ("lstm", "additive")])
def test_gradients_reach_every_weight(cell, attention):
    check_gradients(built(cell, attention, dropout=0.0), {"source": SOURCE, "target": TARGET}, normal(B, T, V, seed=9))


def test_bfloat16_decodes_alike_with_caches():
    model = built(dtype="mixed_bfloat16")
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
    encoded, _ = encode(model, SOURCE)
    caches = [*empty_caches(model, B, T), *filled_caches(model, encoded)]
    assert {keras.backend.standardize_dtype(x.dtype) for x in caches} == {"bfloat16"}
    target, logits = decoded_in_steps(model, [1] * T)
    whole = logits_of(model, target=target)
    np.testing.assert_allclose(logits, whole, atol=0.05 * np.abs(whole).max())
    in_float32 = built()  # with the same weights
    np.testing.assert_allclose(whole, logits_of(in_float32, target=target), atol=0.1 * np.abs(whole).max())


def test_dropout_is_on_in_training_only():
    model, inputs = shared(*KINDS[1]), {"source": SOURCE, "target": TARGET}
    plain = logits_of(model)
    assert np.array_equal(plain, numbers(model(inputs, training=False)))
    assert not np.allclose(plain, numbers(model(inputs, training=True)))
    (before, *_), (after, *_) = (encode(model, SOURCE, training=training)[0] for training in (False, True))
    assert not np.allclose(numbers(before), numbers(after))


def test_the_number_of_weights():
    """Counted on paper: GRU(x, h) = 3 (x h + h h + 2 h)."""

    def gru(inputs, units):
        return 3 * (inputs * units + units * units + 2 * units)

    model = models.rnn_seq2seq(V, num_layers=2, hidden_dim=D, cell="gru", attention="general", embedding_dim=E)
    encoder = 2 * gru(E, D // 2) + 2 * gru(D, D // 2)  # two layers, two directions
    decoder = gru(E + E, D) + gru(D, D) + D * D + (D + D) * E  # the score's matrix; the attentional vector's
    bridges = 2 * (D * D + D)
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trainable == V * E + encoder + decoder + bridges


def test_source_target_and_output_share_one_embedding():
    tables = [weight for weight in shared().weights if V in weight.shape]
    assert [tuple(table.shape) for table in tables] == [(V, E)]


def test_shapes():
    as_wide_as_the_states = built(embedding_dim=None)
    assert as_wide_as_the_states.get_layer("decoder").cell.output_size == D
    model = shared()
    assert model.output_shape == (None, None, V) and {x.name for x in model.inputs} == {"source", "target"}
    assert logits_of(model, SOURCE[:1, :3], TARGET[:1, :2]).shape == (1, 2, V)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="elsewhere lengths are known")
@each_kind
def test_steps_of_a_number_that_is_not_known(kind):
    import tensorflow as tf

    model = shared(*kind)
    encoded, mask = encode(model, SOURCE)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)], autograph=False)
    def look(target):
        return decode(model, target, encoded, mask, return_attention_scores=True)

    logits, (scores,) = look(TARGET)
    expected, (expected_scores,) = decode(model, TARGET, encoded, mask, return_attention_scores=True)
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    np.testing.assert_allclose(scores, expected_scores, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"num_layers": 0}, r"`num_layers` must be a positive integer\. Received: num_layers=0$"),
        ({"hidden_dim": 0}, r"`hidden_dim` must be a positive integer\. Received: hidden_dim=0$"),
        ({"embedding_dim": 0}, r"`embedding_dim` must be a positive integer\. Received: embedding_dim=0$"),
        ({"hidden_dim": 7}, r"`hidden_dim` must be even.*Received: hidden_dim=7$"),
        ({"cell": "rnn"}, r"`cell` must be one of 'simple', 'gru', 'lstm'\. Received: cell='rnn'$"),
        (
            {"attention": "bilinear"},
            r"`attention` must be one of 'dot', .*'additive'\. Received: attention='bilinear'$",
        ),
    ],
)
def test_wrong_arguments_are_named(arguments, text):
    with pytest.raises(ValueError, match=text):
        models.rnn_seq2seq(V, **arguments)


def test_it_learns_to_write_backwards():
    """Unseen sequences of two to five letters, after seconds: attention has to run from right to left."""
    random = np.random.default_rng(1)
    rows = [random.integers(3, 7, random.integers(2, 6)).tolist() for _ in range(1300)]

    def padded(rows):
        return np.array([[*row, *[0] * (6 - len(row))] for row in rows], "int32")

    source, target = padded([[*row, 2] for row in rows]), padded([[1, *row[::-1]] for row in rows])
    labels = padded([[*row[::-1], 2] for row in rows])
    model = models.rnn_seq2seq(7, hidden_dim=32, dropout=0.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
    rate = keras.optimizers.schedules.CosineDecay(0.02, 8 * 30)  # steps
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=keras.backend.backend() == "jax")
    model.fit({"source": source[100:], "target": target[100:]}, labels[100:], batch_size=40, epochs=8, verbose=0)
    logits, (scores,) = decode(model, target[:100], *encode(model, source[:100]), return_attention_scores=True)
    answers = np.where(labels[:100] == 0, 0, numbers(logits).argmax(-1))
    assert (answers == labels[:100]).all(-1).mean() > 0.8
    longest = labels[:100, -2] > 2  # five letters
    looked = numbers(scores)[longest, 0, :5].argmax(-1)  # [B, 5]
    assert (np.diff(looked, axis=-1) < 0).mean() > 0.7  # from right to left
