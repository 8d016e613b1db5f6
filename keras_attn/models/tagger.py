"""A tagger of words: an encoder of pieces, attention between words, a chain of tags, and a label of the whole."""

import keras
from keras import ops

from keras_attn import layers
from keras_attn.layers.layer import check_positive, head_dim


def tagger(
    encoder,
    num_tags,
    num_labels=None,
    num_heads=4,
    allowed_steps=None,
    allowed_starts=None,
    dropout=0.1,
    implementation=None,
    dtype=None,
):
    """Builds a tagger on an encoder.

    A word is the encoder's output at the first of its pieces. Words then attend to one another, and each gets a score
    for each tag, to which the chain adds scores of the steps from tag to tag. The label is told from the words' sum,
    weighed by attention.

    Args:
        encoder: Functional model, integer ids [B, T] -> [B, T, D], such as `text_encoder` makes; it becomes a part of
            the tagger.
        num_tags: Number C of tags.
        num_labels: Number K of labels of a whole text; None leaves that output out.
        num_heads: Number of heads of the attention between words.
        allowed_steps: Which tag may follow which, see `layers.LinearChain`.
        allowed_starts: Which tag may be the first.
        dropout: Share of the words' vectors, and of the pooled one, set to zero in training.
        implementation: How the attention between words is computed, see `layers.MultiHeadAttention`; None chooses.
        dtype: Dtype policy of the layers; scores and logits are float32 in any case.

    Returns:
        A functional `keras.Model` named `tagger`. Inputs: dict of `ids` [B, T], 0 at padding, and `word_starts` [B, W],
        the place of each word's first piece, -1 at padding. Outputs: dict of `tags`, scores of steps [B, W, C, C], and
        of `label`, logits [B, K].

    Raises:
        ValueError: If a number is not positive, or `num_heads` does not divide the encoder's width.

    Example:
        >>> from keras_attn import models
        >>> encoder = models.text_encoder(50, num_layers=1, hidden_dim=8, num_heads=2, intermediate_dim=16)
        >>> model = models.tagger(encoder, num_tags=5, num_labels=3)
        >>> {name: tuple(output.shape) for name, output in model.output.items()}
        {'tags': (None, None, 5, 5), 'label': (None, 3)}

    Reference:
        Lample et al. 2016, "Neural Architectures for Named Entity Recognition", section 2 (the chain); Devlin et al.
        2019, "BERT", section 5.3 (the first piece of each word).
    """
    check_positive(num_tags=num_tags, num_heads=num_heads)
    common = {"dtype": dtype}
    ids = keras.Input((None,), dtype="int32", name="ids")
    word_starts = keras.Input((None,), dtype="int32", name="word_starts")
    mask = ops.greater_equal(word_starts, 0)  # [B, W]
    x = ops.take_along_axis(encoder(ids), ops.maximum(word_starts, 0)[..., None], axis=1)  # [B, W, D]
    x = layers.Dropout(dropout, name="word_dropout", **common)(x)
    head_size = head_dim(x.shape[-1], num_heads)
    attention = layers.MultiHeadAttention(
        num_heads, head_size, implementation=implementation, name="word_attention", **common
    )
    normalized = keras.layers.LayerNormalization(epsilon=1e-5, name="word_norm", **common)(x)
    x = x + layers.Dropout(dropout, name="attention_dropout", **common)(
        attention(normalized, normalized, value_mask=mask)
    )
    scores = keras.layers.Dense(num_tags, name="tag_scores", dtype="float32")(x)
    outputs = {"tags": layers.LinearChain(allowed_steps, allowed_starts, name="tags", dtype="float32")(scores)}
    if num_labels is not None:
        check_positive(num_labels=num_labels)
        pooled = layers.AttentionPooling(name="pooling", **common)(x, mask=mask)  # [B, D]
        pooled = layers.Dropout(dropout, name="pooled_dropout", **common)(pooled)
        outputs["label"] = keras.layers.Dense(num_labels, name="label", dtype="float32")(pooled)
    return keras.Model({"ids": ids, "word_starts": word_starts}, outputs, name="tagger")


def word_attention(model, ids, word_starts):
    """Tells how much each word attends to each other one before it is tagged.

    Args:
        model: A model made by `tagger`, or loaded from a file.
        ids: Integers [B, T], 0 at padding.
        word_starts: Integers [B, W], -1 at padding.

    Returns:
        Float tensor [B, N, W, W]: head, the word that looks, the word looked at. Rows of words sum to 1.
    """
    attention = model.get_layer("word_attention")
    words = keras.Model(model.input, model.get_layer("word_norm").output)({"ids": ids, "word_starts": word_starts})
    _, scores = attention(words, words, value_mask=ops.greater_equal(word_starts, 0), return_attention_scores=True)
    return ops.cast(scores, "float32")
