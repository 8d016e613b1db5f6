"""The cutting of attention into tiles, against loops over single positions."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.ops.tiles_tensorflow import FORBIDDEN, TiledArray, TileGrid
from tests.layer_checks import normal

B, T, S, N, K, H = 2, 13, 17, 6, 3, 5


def new_grid(together=False, before=None, after=None, block=4):
    return TileGrid(normal(B, T, N, H), normal(B, S, K, H), together, before, after, None, block)


@pytest.mark.parametrize("together", [False, True])
def test_queries_come_back_from_their_blocks(together):
    grid, query = new_grid(together), normal(B, T, N, H)
    assert np.array_equal(grid.joined(grid.query_blocks(query)), query)


@pytest.mark.parametrize("together", [False, True])
def test_a_step_finds_the_keys_of_its_heads(together):
    grid, key = new_grid(together), normal(B, S, K, H, seed=2)
    blocks = grid.key_blocks(key).numpy()
    for step, j, d in itertools.product(range(grid.steps), range(grid.key_count), range(grid.key_block)):
        row, first = step // grid.head_steps, step % grid.head_steps * grid.kv_heads * grid.groups
        for m in range(grid.kv_heads):
            position, head = j * grid.key_block + d, (first + m * grid.groups) // (N // K)
            expected = key[row, position, head] if position < S else np.zeros(H)
            assert np.array_equal(blocks[grid.key_index(step, j)][m, d], expected)


@pytest.mark.parametrize(("before", "after"), [(None, None), (None, 0), (2, 0), (3, 5), (None, 2), (1, None), (0, 0)])
def test_ranges_and_restrictions(before, after):
    grid = new_grid(before=before, after=after)
    offset, allowed = S - T, np.zeros((grid.query_count, grid.query_block, grid.key_count, grid.key_block), bool)
    for i, c, j, d in np.ndindex(allowed.shape):
        distance = j * grid.key_block + d - (i * grid.query_block + c + offset)
        is_near = (before is None or distance >= -before) and (after is None or distance <= after)
        allowed[i, c, j, d] = is_near and j * grid.key_block + d < S
    for i, j in itertools.product(range(grid.query_count), range(grid.key_count)):
        (start, stop), (first, last) = grid.key_range(i), grid.query_range(j)
        if allowed[i, :, j].any():
            assert start <= j < stop and first <= i < last
        for transposed in (False, True):
            tile = allowed[i, :, j].T if transposed else allowed[i, :, j]
            scores = grid.restrict(tf.ones((1, *tile.shape)), i, j, transposed).numpy()[0]
            assert np.array_equal(scores == 1, tile) and (scores[~tile] <= FORBIDDEN / 2).all()


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("shape", [(B, N, T, S), (1, N, 1, S), (B, 1, T, 1), (1, 1, T, S), (B, 1, 1, S), (1, 1, 1, 1)])
def test_an_array_is_found_by_tile(shape, together):
    grid, array = new_grid(together), normal(*shape, seed=3)
    tiled, whole = TiledArray(grid, tf.constant(array)), np.broadcast_to(array, (B, N, T, S))
    places = itertools.product(range(grid.steps), range(grid.query_count), range(grid.key_count))
    for step, i, j in places:
        tile = tiled.blocks[tiled.index(step, i, j)].numpy()
        tile = np.broadcast_to(tile, (grid.kv_heads, grid.groups, grid.query_block, grid.key_block))
        for m, g, c, d in np.ndindex(tile.shape):
            t, s = i * grid.query_block + c, j * grid.key_block + d
            head = (step % grid.head_steps * grid.kv_heads + m) * grid.groups + g
            if t < T and s < S:
                assert tile[m, g, c, d] == whole[step // grid.head_steps, head, t, s]
