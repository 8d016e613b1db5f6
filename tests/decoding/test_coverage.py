import numpy as np
import tensorflow as tf

from keras_attn.decoding import coverage_penalty


def test_it_is_equation_14():
    """By a loop: what each source token gets from all targets, up to 1; padding on both sides counts for nothing."""
    random = np.random.default_rng(0)
    alignments = random.dirichlet(np.ones(5), size=(2, 3, 4))  # [B, R, T, S]
    source_mask = np.array([[True] * 5, [True, True, True, False, False]])[:, None]  # [B, 1, S]
    target_mask = np.arange(4) < random.integers(1, 5, size=(2, 3, 1))  # [B, R, T]
    found = coverage_penalty(tf.constant(alignments), tf.constant(source_mask), tf.constant(target_mask)).numpy()
    assert found.dtype == "float32" and found.shape == (2, 3)
    for b in range(2):
        for r in range(3):
            expected = 0.0
            for i in range(5):
                if source_mask[b, 0, i]:
                    expected += np.log(min(sum(alignments[b, r, j, i] for j in range(4) if target_mask[b, r, j]), 1.0))
            np.testing.assert_allclose(found[b, r], expected, rtol=1e-5)


def test_a_source_that_nothing_reads_costs_much_but_is_no_infinity():
    penalty = coverage_penalty(tf.constant([[1.0, 0.0]]), tf.constant([True, True]), tf.constant([True]))
    np.testing.assert_allclose(penalty, np.log(1e-6), rtol=1e-5)
