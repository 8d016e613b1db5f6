"""The Conformer block against the paper's equation 1, made of NumPy parts that are tested by themselves."""

import numpy as np
import pytest

from keras_attn.layers import ConformerBlock
from tests import oracle
from tests.block_oracle import silu
from tests.layer_checks import normal, numbers, shuffle_weights
from tests.layers.test_conformer_convolution import convolved
from tests.position_oracle import transformer_xl_scores

X = normal(1, 5, 6)


def half_feed_forward(x, residual, feed_forward):
    kernels = [numbers(w) for w in feed_forward.get_weights()]
    return x + 0.5 * oracle.feed_forward(normed(x, residual.norm), kernels, silu)


def normed(x, norm):
    return oracle.layer_norm(x, numbers(norm.gamma), numbers(norm.beta), norm.epsilon)


def attended(layer, x, mask):
    """Multi-head attention whose scores are Transformer-XL's."""
    query, key, value, output = (
        [numbers(w) for w in dense.get_weights()]
        for dense in (layer.query_dense, layer.key_dense, layer.value_dense, layer.output_dense)
    )
    queries, keys, values = (np.einsum("td,dnh->tnh", x, kernel) + bias for kernel, bias in (query, key, value))
    position = layer.position
    weights = [numbers(w) for w in (position.kernel, position.content_bias, position.distance_bias)]
    places = range(len(x))
    (scores,) = transformer_xl_scores(queries[None], keys[None], weights, places, places)
    scores = np.where(mask, scores, -np.inf)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = powers / powers.sum(axis=-1, keepdims=True)
    return np.einsum("nts,snh,nhd->td", weights, values, output[0]) + output[1], weights


@pytest.mark.parametrize("causal", [False, True])
def test_equation_1(causal):
    block = ConformerBlock(num_heads=2, intermediate_dim=11, kernel_size=3)
    block(X)
    shuffle_weights(block)
    first, attention, convolution, second = block.residuals
    x = half_feed_forward(X[0].astype("float64"), first, block.first_feed_forward)
    mask = np.tril(np.ones((5, 5), bool)) if causal else np.ones((5, 5), bool)
    update, weights = attended(block.attention, normed(x, attention.norm), mask)
    x = x + update
    x = x + convolved(block.convolution, normed(x, convolution.norm), np.ones(5, bool), causal)
    expected = normed(half_feed_forward(x, second, block.second_feed_forward), block.norm)
    found, scores = block(X, use_causal_mask=causal, return_attention_scores=True)
    np.testing.assert_allclose(numbers(found)[0], expected, atol=1e-4)
    np.testing.assert_allclose(numbers(scores)[0], weights, atol=1e-5)


def test_causal_blocks_do_not_see_ahead():
    block = ConformerBlock(num_heads=2, intermediate_dim=11, kernel_size=5)
    before = numbers(block(X, use_causal_mask=True))[:, :3]
    changed = np.concatenate([X[:, :3], normal(1, 2, 6, seed=9)], axis=1)
    np.testing.assert_allclose(numbers(block(changed, use_causal_mask=True))[:, :3], before, atol=1e-6)


def test_errors():
    with pytest.raises(ValueError, match=r"`num_heads` must divide the model's width 6\. Received: num_heads=4"):
        ConformerBlock(num_heads=4, intermediate_dim=11)(X)
    with pytest.raises(ValueError, match=r"`kernel_size` must be odd\. Received: kernel_size=2"):
        ConformerBlock(num_heads=2, intermediate_dim=11, kernel_size=2)
