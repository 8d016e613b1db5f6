"""A language model whose embeddings begin with what its texts tell of each token by the tokens near it."""

import numpy as np
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import normalize

_WINDOW = 5  # so many places to either side a token is near
_SMOOTHING = 0.75  # the power of the counts of neighbours, so that rare ones do not drown the others
_MOST_TOKENS = 5_000_000  # more take long to count and hardly change the vectors


def start_from_neighbours(model, sequences):
    """Puts vectors made of the texts' co-occurrences into the embeddings of a new language model.

    Tokens that never have a neighbour, such as padding, keep their random vectors.

    Args:
        model: A model made by `models.masked_language_model` or `models.causal_language_model`.
        sequences: List of 1-D integer arrays, the ids of each text, without start and end.
    """
    embedding = model.get_layer("embedding")
    vectors = np.array(embedding.embeddings)
    found = neighbour_vectors(sequences, *vectors.shape)
    is_known = found.any(axis=1)
    vectors[is_known] = found[is_known]
    embedding.embeddings.assign(vectors)


def neighbour_vectors(sequences, vocabulary_size, width):
    """Works out vectors by which tokens are alike that have the same neighbours.

    With n_vw, how often v and w stand within five places of each other in a text, and p_w, the share of `n_w^0.75`
    among all tokens, the matrix M_vw = max(0, log n_vw - log n_v - log p_w) is `U S W^T`; the vectors are the first
    columns of `U S^0.5`, each brought to length 1.

    Args:
        sequences: List of 1-D integer arrays, the ids of each text.
        vocabulary_size: Number V of ids.
        width: Number D of columns; where the vocabulary is no larger, what is left over is 0.

    Returns:
        float32 [V, D]; the row of a token without neighbours is 0.

    Reference:
        Levy, Goldberg and Dagan 2015, "Improving Distributional Similarity with Lessons Learned from Word Embeddings",
        sections 2.2, 3.2 (smoothing) and 3.3 (the power of S).
    """
    counts = _counts(sequences, vocabulary_size)
    totals = counts.sum(axis=1)  # [V]
    shares = totals**_SMOOTHING / max(1.0, (totals**_SMOOTHING).sum())
    counts = counts.tocoo()
    counts.data = np.maximum(0.0, np.log(counts.data) - np.log(totals[counts.row] * shares[counts.col]))
    table = counts.tocsr()
    table.eliminate_zeros()
    vectors = np.zeros((vocabulary_size, width), "float32")
    if table.nnz:
        svd = TruncatedSVD(min(width, vocabulary_size), random_state=0)
        columns = svd.fit_transform(table) / np.sqrt(np.maximum(svd.singular_values_, 1e-9))
        vectors[:, : columns.shape[1]] = normalize(columns)
    return vectors


def _counts(sequences, vocabulary_size):
    """How often each two tokens stand near each other, [V, V]."""
    ids = np.concatenate(sequences)[:_MOST_TOKENS]
    text = np.repeat(np.arange(len(sequences)), [len(sequence) for sequence in sequences])[:_MOST_TOKENS]
    counts = sparse.csr_array((vocabulary_size, vocabulary_size))
    for distance in range(1, _WINDOW + 1):
        is_same = text[distance:] == text[:-distance]
        places = ids[:-distance][is_same], ids[distance:][is_same]
        counts = counts + sparse.csr_array((np.ones(is_same.sum()), places), counts.shape)
    return counts + counts.T
