"""A bag of embeddings that begins as naive Bayes, and learns from there."""

import numpy as np
from scipy import sparse

_SMALL = 0.1
_SHARPNESS = 5.0  # naive Bayes itself adds up all tokens, and is too sure by several times


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
    encoder, heads = model.get_layer("text_encoder"), _heads(model)
    classes = sum(head.units for head in heads)
    embedding = encoder.get_layer("embedding")
    if classes > embedding.output_dim:
        raise ValueError(
            f"Each of the {classes} classes needs a column of its own: set hidden_dim to at least {classes}, or "
            f"start=random. Received: hidden_dim={embedding.output_dim}"
        )
    vectors = _SMALL * np.array(embedding.embeddings)  # what is no log-odds must not drown them
    # The encoder multiplies by the root of the width.
    vectors[:, :classes] = log_odds(batches, embedding.input_dim) * embedding.output_dim**-0.5
    embedding.embeddings.assign(vectors)
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


def log_odds(batches, vocabulary_size):
    """Counts how much likelier each class is with a token than without.

    Args:
        batches: `TextBatches`.
        vocabulary_size: Number V of ids.

    Returns:
        float64 [V, C], the classes of all heads one after another.
    """
    with_class, with_token = 0.0, 0.0
    for index in range(len(batches)):
        ids, targets = batches[index][:2]
        targets = np.concatenate(list(targets.values()), axis=1)
        text, place = np.nonzero(ids)
        text, token = np.unique(np.stack([text, ids[text, place]]), axis=1)
        has_token = sparse.csr_matrix((np.ones(len(token)), (token, text)), (vocabulary_size, len(ids)))
        with_class = with_class + has_token @ targets  # [V, C]
        with_token = with_token + np.asarray(has_token.sum(axis=1))[:, 0]
    without_class = with_token[:, None] - with_class
    shares = [(table + 1.0) / (table.sum(axis=0) + vocabulary_size) for table in (with_class, without_class)]
    return np.log(shares[0]) - np.log(shares[1])


def _heads(model):
    return [model.get_layer(f"head_{i}") for i in range(len(model.output))]
