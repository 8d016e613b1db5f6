"""A bag of embeddings that begins as naive Bayes, and learns from there."""

import numpy as np
from scipy import sparse

_SHARPNESS = 5.0  # naive Bayes itself adds up all tokens, and is too sure by several times


def start_from_log_odds(model, batches):
    """Puts the log-odds of the classes into the embeddings of a new classifier, and reads them off by its heads.

    Column c of a token's vector becomes `log (n_vc + 1) / (N_c + V) - log (n_v - n_vc + 1) / (N - N_c + V)`, where n_vc
    texts of class c have the token v; of an n-gram's likewise. Attention begins by weighing all tokens alike.

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
    # The encoder multiplies its embeddings by the root of their width, n-grams it adds as they are.
    tables = [(embedding.embeddings, lambda ids: [ids], embedding.output_dim**-0.5)]
    ngrams = next((layer for layer in encoder.layers if layer.name == "ngrams"), None)
    if ngrams is not None:
        tables.append((ngrams.table, lambda ids: [np.asarray(rows) for rows in ngrams.buckets(ids)], 1.0))
    for table, rows_of, scale in tables:
        values = np.array(table)
        values[:, :classes] = scale * log_odds(batches, rows_of, table.shape[0])
        table.assign(values)
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


def log_odds(batches, rows_of, size):
    """Counts how much likelier each class is with a token than without.

    Args:
        batches: `TextBatches`.
        rows_of: Function of ids [B, T] -> list of arrays [B, T] of the rows that a text has.
        size: Number V of rows.

    Returns:
        float64 [V, C], the classes of all heads one after another.
    """
    with_class, with_row = 0.0, 0.0
    for index in range(len(batches)):
        ids, targets = batches[index][:2]
        targets = np.concatenate(list(targets.values()), axis=1)
        text, place = np.nonzero(ids)
        found = [np.stack([text, rows[text, place]]) for rows in rows_of(ids)]
        text, row = np.unique(np.concatenate(found, axis=1), axis=1)
        has_row = sparse.csr_matrix((np.ones(len(row)), (row, text)), (size, len(ids)))
        with_class = with_class + has_row @ targets  # [V, C]
        with_row = with_row + np.asarray(has_row.sum(axis=1))[:, 0]
    without_class = with_row[:, None] - with_class
    shares = [(table + 1.0) / (table.sum(axis=0) + size) for table in (with_class, without_class)]
    return np.log(shares[0]) - np.log(shares[1])


def _heads(model):
    return [model.get_layer(f"head_{i}") for i in range(len(model.output))]
