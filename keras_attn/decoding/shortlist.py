import itertools

import numpy as np
import tensorflow as tf

_MOST_LINKS = 20_000_000  # of pieces, in what is learnt from: more text adds little
_SPECIAL_IDS = 4  # padding, start, end, unknown


class Shortlist:
    """The few tokens that a translation of a text may be made of, so that a step computes the logits of these alone.

    A text's tokens are those that its own pieces are likely to become, and those that are frequent everywhere. What
    stands beside it in a batch has no influence on them.

    Args:
        translations: int32 array `[V, K]`: for each source id the target ids it may become, 0 where there are fewer;
            those of id 0 every text may have.
        frequent: int32 array `[F]`: further ids that every text may have.

    Example:
        >>> from keras_attn.decoding import Shortlist
        >>> short = Shortlist.learn([[5, 6], [5, 7]], [[15, 16], [15, 17]], 20, per_token=1, num_frequent=0)
        >>> ids, allowed = short.candidates([[5, 7]])
        >>> ids.numpy().tolist(), allowed.numpy().tolist()
        ([0, 1, 2, 3, 15, 17], [[True, True, True, True, True, True]])

    Reference:
        Junczys-Dowmunt et al. 2018, "Marian: Cost-effective High-Quality Neural Machine Translation in C++": its
        lexical shortlists.
    """

    def __init__(self, translations, frequent):
        self.translations = np.asarray(translations, "int32")
        self.frequent = np.unique([*range(_SPECIAL_IDS), *self.translations[0], *frequent]).astype("int32")

    @classmethod
    def learn(cls, sources, targets, vocabulary_size, per_token=20, num_frequent=100, iterations=4):
        """Learns from pairs which target pieces a source piece becomes, by IBM Model 1.

        Of many pairs, as many as make 20 million links between pieces are used, evenly chosen.

        Args:
            sources: Lists of ids, of the sources.
            targets: Lists of ids, of their targets.
            vocabulary_size: Number of ids V.
            per_token: Target ids K kept for each source id.
            num_frequent: Of the targets' most frequent ids, how many every text may have.
            iterations: Rounds of expectation maximization.

        Returns:
            A `Shortlist`.

        Raises:
            ValueError: If there is no pair in which both sides have a token.

        Reference:
            Brown et al. 1993, "The Mathematics of Statistical Machine Translation", section 4.
        """
        pairs = [pair for pair in zip(sources, targets, strict=True) if pair[0] and pair[1]]
        if not pairs:
            raise ValueError(
                "A shortlist is learnt from pairs whose source and target both have tokens. "
                f"Received: {len(sources)} pairs, none of which has"
            )
        links = sum((len(source) + 1) * len(target) for source, target in pairs)
        pairs = pairs[:: -(-links // _MOST_LINKS)]
        keys, probability = _translation_probabilities(pairs, vocabulary_size, iterations)
        translations = _likeliest(keys, probability, vocabulary_size, per_token)
        counts = np.bincount(list(itertools.chain.from_iterable(target for _, target in pairs)))
        return cls(translations, np.argsort(-counts, kind="stable")[:num_frequent])

    def candidates(self, source):
        """Finds the tokens that a batch's translations may be made of.

        Args:
            source: int32 `[B, S]`, padded with 0.

        Returns:
            ids: int32 `[C]`, ascending, the four special ids first, of all texts of the batch together.
            allowed: boolean `[B, C]`, which of them each text may have.
        """
        own = tf.gather(tf.constant(self.translations), source)  # [B, S, K]
        batch_size, vocabulary_size = tf.shape(own)[0], len(self.translations)
        own = tf.reshape(own, [batch_size, -1])
        rows = tf.broadcast_to(tf.range(batch_size)[:, None], tf.shape(own))
        places = tf.stack([rows, own], axis=-1)  # [B, S*K, 2]
        present = tf.scatter_nd(places, tf.ones_like(own), [batch_size, vocabulary_size]) > 0
        everywhere = tf.reduce_any(tf.one_hot(self.frequent, vocabulary_size, True, False), axis=0)
        present |= everywhere  # [B, V]
        ids = tf.where(tf.reduce_any(present, axis=0) | everywhere)[:, 0]  # of an empty batch too
        return tf.cast(ids, tf.int32), tf.gather(present, ids, axis=1)


def _translation_probabilities(pairs, vocabulary_size, iterations):
    """Gives the links `source id * V + target id` that occur, and the probability of the target of each.

    Source id 0 stands for the empty word, which every source has.
    """
    sizes = np.array([(len(source) + 1, len(target)) for source, target in pairs])
    sources = [np.repeat([0, *source], len(target)) for source, target in pairs]
    targets = [np.tile(target, len(source) + 1) for source, target in pairs]
    starts = np.cumsum(sizes[:, 1]) - sizes[:, 1]  # each target token has a number
    tokens = [np.tile(np.arange(n), m) + start for (m, n), start in zip(sizes, starts, strict=True)]
    keys = np.concatenate(sources).astype("int64") * vocabulary_size + np.concatenate(targets)
    tokens = np.concatenate(tokens)
    keys, link = np.unique(keys, return_inverse=True)
    source = keys // vocabulary_size
    probability = np.ones(len(keys))
    for _ in range(iterations):
        share = probability[link]
        share /= np.bincount(tokens, share)[tokens]  # how much of a target token a source token explains
        count = np.bincount(link, share)
        probability = count / np.bincount(source, count)[source]
    return keys, probability


def _likeliest(keys, probability, vocabulary_size, per_token):
    """Gives int32 `[V, K]`: the likeliest targets of each source id, 0 where it has fewer."""
    source, target = keys // vocabulary_size, keys % vocabulary_size
    order = np.lexsort((target, -probability, source))
    source, target = source[order], target[order]
    rank = np.arange(len(source)) - np.searchsorted(source, source)
    found = np.zeros((vocabulary_size, per_token), "int32")
    kept = rank < per_token
    found[source[kept], rank[kept]] = target[kept]
    return found
