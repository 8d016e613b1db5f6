"""A bag of embeddings that begins as a linear classifier, and learns from there."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC

from keras_attn.text.tokenizer import SPECIAL_PIECES

_SMALL = 0.1
_SHARPNESS = 5.0  # naive Bayes itself adds up all tokens, and is too sure by several times
_PENALTY = 0.5  # scikit-learn's C
_SPREAD = 1.0  # of the logits that the machines give the training texts
_LONGEST_RUN = 5
_MOST_TEXTS = 50_000  # more make the machines slow and hardly better


def start_from_log_odds(model, batches):
    """Puts the log-odds of the classes into the embeddings of a new classifier, and reads them off by its heads.

    Column c of a token's vector becomes `log (n_vc + 1) / (N_c + V) - log (n_v - n_vc + 1) / (N - N_c + V)`, where n_vc
    texts of class c have the token v. Attention begins by weighing all tokens alike, and n-grams begin with nothing:
    counted beside their tokens they made naive Bayes worse.

    Args:
        model: A model made by `models.text_classifier` on an encoder without blocks.
        batches: The training's `TextBatches`.

    Raises:
        ValueError: If the vectors have fewer columns than there are classes.

    Reference:
        Wang and Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification", section 2.
    """
    _begin_with(model, _SHARPNESS * log_odds(batches, _layer(model, "embedding").input_dim))


def start_from_svm(model, batches, pieces):
    """Puts linear support vector machines into the embeddings of a new classifier, one machine a class.

    They judge by a text's tokens, by the hashed n-grams of them where the encoder has such, and by the runs of up to
    five characters that several tokens share, so that what is spelt alike counts alike; each is multiplied by its
    log-odds, see `start_from_log_odds`, and a text's numbers have the length 1. The weight of a run is added to all
    tokens that hold it. As attention begins by weighing all tokens alike, the class that the model gives a text at
    first is the one that the machines give it.

    Args:
        model: A model made by `models.text_classifier` on an encoder without blocks.
        batches: The training's `TextBatches`.
        pieces: List of what each id stands for, as the tokenizer's `pieces` gives it.

    Raises:
        ValueError: If the vectors have fewer columns than there are classes.

    Reference:
        Wang and Manning 2012, section 2.3, without the mean that they mix in; Bojanowski et al. 2017, "Enriching Word
        Vectors with Subword Information", section 3.2 (runs of characters).
    """
    most = max(1, _MOST_TEXTS // batches.batch_size)
    tokens, ngrams, targets = _counted(batches, len(pieces), _layer(model, "ngrams"), most)
    runs = _runs(pieces)
    *values, of_runs = _machines([tokens, *ngrams, tokens @ runs], targets)
    values[0] += runs @ of_runs
    logits = sum(block @ own for block, own in zip([tokens, *ngrams], values, strict=True))
    logits /= tokens.sum(axis=1)[:, None]
    spread = np.sqrt(np.mean(np.square(logits)))
    _begin_with(model, *(own * (_SPREAD / max(spread, 1e-6)) for own in values))


def log_odds(batches, vocabulary_size):
    """Counts how much likelier each class is with a token than without.

    Args:
        batches: `TextBatches`.
        vocabulary_size: Number V of ids.

    Returns:
        float64 [V, C], the classes of all heads one after another.
    """
    tokens, _, targets = _counted(batches, vocabulary_size)
    return _log_odds(tokens, targets)


def _log_odds(counts, targets):
    has_feature = counts.sign().T  # [F, N]
    with_class = has_feature @ targets  # [F, C]
    without_class = has_feature.sum(axis=1)[:, None] - with_class
    shares = [(table + 1.0) / (table.sum(axis=0) + len(table)) for table in (with_class, without_class)]
    return np.log(shares[0]) - np.log(shares[1])


def _counted(batches, vocabulary_size, ngrams=None, most=None):
    """How often each text has each id, [N, V], a list of the same for hashed n-grams, and the classes, [N, C]."""
    tokens, hashed, targets = [], [], []
    for index in range(min(len(batches), most or len(batches))):
        ids, own = batches[index][:2]
        tokens.append(_count(ids, ids > 0, vocabulary_size))
        if ngrams is not None:
            hashed.append(sum(_count(np.array(rows), ids > 0, ngrams.num_buckets) for rows in ngrams.buckets(ids)))
        targets.append(np.concatenate(list(own.values()), axis=1))
    hashed = [sparse.vstack(hashed, format="csr")] if hashed else []
    return sparse.vstack(tokens, format="csr"), hashed, np.concatenate(targets)


def _count(rows, is_token, size):
    text, place = np.nonzero(is_token)
    places = text.astype("int32"), rows[text, place].astype("int32")  # scikit-learn refuses 64 bits
    return sparse.csr_array((np.ones(len(text)), places), (len(rows), size))


def _runs(pieces):
    """How often each piece has each run of characters that several pieces share, [V, R]; its end is one."""
    written = ["" if piece in SPECIAL_PIECES else f"{piece}\n" for piece in pieces]
    runs = CountVectorizer(analyzer="char", ngram_range=(1, _LONGEST_RUN), min_df=2, lowercase=False)
    return sparse.csr_array(runs.fit_transform(written))


def _machines(blocks, targets):
    """Weights [F, C] of each block of features, of which one column tells a class from all others."""
    values = [np.zeros((block.shape[1], targets.shape[1])) for block in blocks]
    for column, target in enumerate(targets.T):
        if 0 < target.sum() < len(target):  # else there is nothing to tell
            factors = [_factors(block, target) for block in blocks]
            scaled = [block.multiply(own) for block, own in zip(blocks, factors, strict=True)]
            machine = LinearSVC(C=_PENALTY, fit_intercept=False, random_state=0)  # it draws the texts' order
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                machine.fit(normalize(sparse.hstack(scaled, format="csr")), target)
            places = np.cumsum([len(own) for own in factors])[:-1]
            for own, factor, weights in zip(values, factors, np.split(machine.coef_[0], places), strict=True):
                own[:, column] = factor * weights
    return values


def _factors(block, target):
    """A class's log-odds [F], times what makes the texts' mean square length 1, so that all blocks weigh alike."""
    odds = _log_odds(block, target[:, None])[:, 0]
    return odds / max(np.sqrt((block.power(2) @ odds**2).mean()), 1e-6)


def _begin_with(model, tokens, hashed=None):
    """Makes a model whose logits are the mean over a text of its tokens' values [V, C] and those of n-grams [M, C]."""
    heads, embedding, classes = _heads(model), _layer(model, "embedding"), tokens.shape[1]
    if classes > embedding.output_dim:
        raise ValueError(
            f"Each of the {classes} classes needs a column of its own: set hidden_dim to at least {classes}, or "
            f"start=random. Received: hidden_dim={embedding.output_dim}"
        )
    vectors = _SMALL * np.array(embedding.embeddings)  # what stands for no class must not drown the others
    # The encoder multiplies by the root of the width.
    vectors[:, :classes] = tokens / (_SHARPNESS * embedding.output_dim**0.5)
    embedding.embeddings.assign(vectors)
    if hashed is not None:
        table = np.array(_layer(model, "ngrams").table)
        table[:, :classes] = hashed / _SHARPNESS
        _layer(model, "ngrams").table.assign(table)
    place = 0
    for head in heads:
        kernel = np.array(head.kernel)
        kernel[:classes] = 0.0
        kernel[np.arange(head.units) + place, np.arange(head.units)] = _SHARPNESS
        head.kernel.assign(kernel)
        place += head.units
    for layer in model.layers:
        if hasattr(layer, "score_weights"):
            layer.score_weights.assign(np.zeros(layer.score_weights.shape))


def _heads(model):
    return [model.get_layer(f"head_{i}") for i in range(len(model.output))]


def _layer(model, name):
    """A layer of the model's encoder, or None."""
    return next((layer for layer in model.get_layer("text_encoder").layers if layer.name == name), None)
