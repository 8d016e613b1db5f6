"""Shortlists: what is learnt against IBM Model 1 in loops, and what texts in a batch may have."""

import collections

import numpy as np
import pytest

from keras_attn.decoding import Shortlist, shortlist

V = 30


def pairs(count, seed=0):
    """Source ids 4 to 11, and targets in which 20 + id stands for most of them, in another order; 4 stands for none."""
    generator = np.random.default_rng(seed)
    sources = [generator.integers(4, 12, generator.integers(1, 6)).tolist() for _ in range(count)]
    return sources, [[id + 16 for id in sorted(source, reverse=True) if id > 4] + [2] for source in sources]


def model_1(sources, targets, iterations):
    """t(target | source) by loops: Brown et al. 1993, equations 11 to 14, without the constant; 0 is the empty word."""
    probability = collections.defaultdict(lambda: 1.0)
    for _ in range(iterations):
        count, total = collections.Counter(), collections.Counter()
        for source, target in zip(sources, targets, strict=True):
            for f in target:
                sum_of_all = sum(probability[e, f] for e in [0, *source])
                for e in [0, *source]:
                    count[e, f] += probability[e, f] / sum_of_all
                    total[e] += probability[e, f] / sum_of_all
        probability = {(e, f): value / total[e] for (e, f), value in count.items()}
    return probability


@pytest.mark.parametrize("iterations", [1, 4])
def test_it_is_ibm_model_1(iterations):
    sources, targets = pairs(40)
    keys, probability = shortlist._translation_probabilities(list(zip(sources, targets, strict=True)), V, iterations)
    expected = model_1(sources, targets, iterations)
    assert {(key // V, key % V) for key in keys.tolist()} == set(expected)
    found = dict(zip(keys.tolist(), probability, strict=True))
    assert all(found[e * V + f] == pytest.approx(value) for (e, f), value in expected.items())


def test_the_likeliest_are_kept():
    sources, targets = pairs(200)
    learnt = Shortlist.learn(sources, targets, V, per_token=1, num_frequent=0)
    assert learnt.translations.shape == (V, 1)
    assert learnt.translations[5:12, 0].tolist() == list(range(21, 28))  # each piece its own
    assert not learnt.translations[12:].any()  # no source had them
    assert learnt.frequent.tolist() == [0, 1, 2, 3]  # the empty word explains the end, 2
    counts = collections.Counter(id for target in targets for id in target)
    few = {id for id, _ in counts.most_common(3)}
    assert set(Shortlist.learn(sources, targets, V, num_frequent=3, per_token=1).frequent) == {0, 1, 2, 3} | few


def test_a_text_has_what_its_own_pieces_become_and_what_is_frequent():
    translations = np.zeros((V, 2), "int32")
    translations[0, 0], translations[5], translations[6], translations[7] = 19, [21, 25], [22, 0], [21, 29]
    ids, allowed = Shortlist(translations, [20]).candidates(np.array([[5, 6, 2], [7, 2, 0], [8, 6, 2]], "int32"))
    assert ids.numpy().tolist() == [0, 1, 2, 3, 19, 20, 21, 22, 25, 29]
    own = [set(ids.numpy()[row].tolist()) - {0, 1, 2, 3, 19, 20} for row in allowed.numpy()]
    assert own == [{21, 22, 25}, {21, 29}, {22}]
    none, allowed = Shortlist(translations, [20]).candidates(np.zeros((0, 1), "int32"))
    assert none.numpy().tolist() == [0, 1, 2, 3, 19, 20] and allowed.shape == (0, 6)


def test_of_many_pairs_some_are_used(monkeypatch):
    sources, targets = pairs(300)
    links = sum((len(source) + 1) * len(target) for source, target in zip(sources, targets, strict=True))
    monkeypatch.setattr(shortlist, "_MOST_LINKS", int(links / 2.5))
    found = Shortlist.learn(sources, targets, V, per_token=3)
    expected = Shortlist.learn(sources[::3], targets[::3], V, per_token=3)
    assert np.array_equal(found.translations, expected.translations)


def test_pairs_without_tokens():
    found = Shortlist.learn([[], [5]], [[6], [7]], V, per_token=1, num_frequent=0)
    assert found.translations[5].tolist() == [7]
    with pytest.raises(ValueError, match=r"Received: 2 pairs, none of which has"):
        Shortlist.learn([[], [5]], [[6], []], V)
