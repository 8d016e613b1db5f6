"""What is masked: counted, and against a loop that is given the same draws."""

import numpy as np
import pytest

from keras_attn.data import TokenMasking

V, MASK_ID = 40, 4
SPECIAL = (0, 1, 2, 3, 4)
STARTS = np.arange(V) % 3 != 0  # every third id goes on with a word


def masking(share=0.15):
    return TokenMasking(STARTS, MASK_ID, SPECIAL, share)


def rows(count, width, seed=0):
    """Rows from start (1) to end (2), of all lengths, with unknown tokens (3) in them."""
    generator = np.random.default_rng(seed)
    ids = generator.integers(3, V, (count, width))
    lengths = generator.integers(3, width + 1, count)
    ids[np.arange(width) >= lengths[:, None]] = 0
    ids[:, 0] = 1
    ids[np.arange(count), lengths - 1] = 2
    return ids


class Replay:
    """A generator that hands out draws made before, in the order in which they are asked for."""

    def __init__(self, *draws):
        self.draws = list(draws)

    def random(self, size):
        draw = self.draws.pop(0)
        assert np.size(draw) >= np.prod(size)
        return draw.ravel()[: np.prod(size)].reshape(size)

    def choice(self, values, size):
        return values[(self.draws.pop(0) * len(values)).astype(int)].reshape(size)


def loop(ids, share, by_word, by_token, others):
    """Token by token: a new word begins with a start id, a special id, behind one, and at the start of a row."""
    seen, chosen, words = ids.copy(), np.zeros(ids.shape, bool), -1
    regular = [i for i in range(V) if i not in SPECIAL]
    for row, column in np.ndindex(ids.shape):
        id_ = ids[row, column]
        if column == 0 or STARTS[id_] or id_ in SPECIAL:
            words += 1
        if id_ in SPECIAL or by_word[words] >= share:
            continue
        chosen[row, column] = True
        if by_token[row, column] < 0.8:
            seen[row, column] = MASK_ID
        elif by_token[row, column] < 0.9:
            seen[row, column] = regular[int(others[row, column] * len(regular))]
    return seen, chosen


@pytest.mark.parametrize("share", [0.15, 0.6])
def test_it_equals_the_loop(share):
    ids, generator = rows(50, 12), np.random.default_rng(5)
    draws = generator.random(600), generator.random((50, 12)), generator.random((50, 12))
    seen, chosen = masking(share).apply(ids, Replay(*draws))
    expected = loop(ids, share, *draws)
    assert np.array_equal(chosen, expected[1]) and np.array_equal(seen, expected[0])
    assert chosen.any() and seen.dtype == np.int32


def test_shares_are_those_of_the_paper():
    ids = rows(4000, 30)
    seen, chosen = masking().apply(ids, np.random.default_rng(0))
    regular = ~np.isin(ids, SPECIAL)
    count = regular.sum()  # of independent words, most of one or two tokens
    assert abs(chosen.sum() / count - 0.15) < 4 * np.sqrt(2 * 0.15 * 0.85 / count)
    of_chosen = {
        "masked": (seen == MASK_ID)[chosen].mean(),
        "other": ((seen != MASK_ID) & (seen != ids))[chosen].mean(),
        "itself": (seen == ids)[chosen].mean(),
    }
    by_chance = 0.1 / (V - len(SPECIAL))  # another token that happens to be the same
    expected = {"masked": 0.8, "other": 0.1 - by_chance, "itself": 0.1 + by_chance}
    for name, share in expected.items():
        assert abs(of_chosen[name] - share) < 4 * np.sqrt(share * (1 - share) / chosen.sum()), name


def test_whole_words_and_nothing_special():
    ids = rows(500, 30)
    seen, chosen = masking(0.5).apply(ids, np.random.default_rng(1))
    assert not chosen[np.isin(ids, SPECIAL)].any()
    assert np.array_equal(seen[~chosen], ids[~chosen])
    assert not np.isin(seen[chosen & (seen != ids)], [0, 1, 2, 3]).any()
    goes_on = ~STARTS[ids] & ~np.isin(ids, SPECIAL)
    after_a_word = goes_on[:, 1:] & ~np.isin(ids[:, :-1], SPECIAL)
    assert np.array_equal(chosen[:, 1:][after_a_word], chosen[:, :-1][after_a_word])
    assert after_a_word.sum() > 1000


def test_errors():
    for share in (0.0, 1.0):
        with pytest.raises(ValueError, match=rf"Received: share={share}"):
            masking(share)
    with pytest.raises(ValueError, match=r"all 3 are special"):
        TokenMasking(np.ones(3, bool), 2, (0, 1, 2))
