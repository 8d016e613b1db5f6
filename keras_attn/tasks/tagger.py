import tensorflow as tf

from keras_attn import models
from keras_attn.ops import best_chain, chain_log_partition
from keras_attn.tasks.texts import as_tensor
from keras_attn.text import UNKNOWN_ID, split_words

_CHARACTERS_A_WORD = 64  # what is read of a word, and, times the most words, of a text
_PIECES_A_WORD = 16


def word_pieces(words, tokenizer):
    """Tokenizes words, each by itself, so that every piece belongs to one word.

    Args:
        words: String tensor [N]; of each the first 64 characters are read.
        tokenizer: A tokenizer of `keras_attn.text`.

    Returns:
        `tf.RaggedTensor` int32 [N, None], of one to 16 ids a word; the unknown id for one that leaves none.
    """
    pieces = tokenizer.tokenize(tf.strings.substr(words, 0, _CHARACTERS_A_WORD, "UTF8_CHAR"))[:, :_PIECES_A_WORD]
    pieces = tf.cast(pieces, tf.int32).with_row_splits_dtype(tf.int64)
    is_empty = tf.cast(pieces.row_lengths() == 0, tf.int64)
    unknown = tf.RaggedTensor.from_row_lengths(tf.fill([tf.reduce_sum(is_empty)], UNKNOWN_ID), is_empty)
    return tf.concat([pieces, unknown], axis=1)


def ragged_words(rows):
    """Makes a tensor of words.

    Args:
        rows: List of lists of words.

    Returns:
        `tf.RaggedTensor` of strings [B, None].
    """
    flat = as_tensor([word for words in rows for word in words])
    return tf.RaggedTensor.from_row_lengths(flat, tf.constant([len(words) for words in rows], tf.int64))


def tokenized(rows, tokenizer):
    """Tokenizes sentences word by word.

    Args:
        rows: List of lists of words.
        tokenizer: A tokenizer of `keras_attn.text`.

    Returns:
        For each sentence a list of words, each a list of ids.
    """
    words = ragged_words(rows)
    return words.with_values(word_pieces(words.values, tokenizer)).to_list()


class Tagger(tf.Module):
    """A trained tagger behind its tokenizer: text in, words and tags out, all in one graph.

    Args:
        model: A model made by `models.tagger`.
        tokenizer: The tokenizer it was trained with.
        word_rule: How a text becomes words, see `text.split_words`.
        max_length: Most words of a text; the others are left out.
    """

    def __init__(self, model, tokenizer, word_rule, max_length):
        super().__init__()
        self.tokenizer = tokenizer
        self.word_rule = word_rule
        self.max_length = max_length
        self.weights = [variable.value for variable in model.variables]  # for a SavedModel
        self._model = (model,)  # within a tuple, as Keras's own tracking is not wanted there

    def words(self, texts):
        """Splits texts into words.

        Args:
            texts: String tensor [B].

        Returns:
            Three `tf.RaggedTensor`s [B, None], see `text.split_words`, of `max_length` words at most.
        """
        texts = tf.strings.substr(texts, 0, 4 * _CHARACTERS_A_WORD * self.max_length)  # bytes, of 10 MB not all
        return tuple(part[:, : self.max_length] for part in split_words(texts, self.word_rule))

    def inputs(self, words):
        """Encodes words.

        Args:
            words: `tf.RaggedTensor` of strings [B, None].

        Returns:
            The model's inputs: dict of `ids` [B, T], padded with 0, and `word_starts` [B, W], padded with -1; both at
            least one wide.
        """
        pieces = word_pieces(words.flat_values, self.tokenizer)
        splits = tf.gather(pieces.row_splits, words.row_splits)  # where each sentence's pieces begin
        ids = tf.RaggedTensor.from_row_splits(pieces.flat_values, splits)
        starts = pieces.row_starts() - tf.gather(splits, words.value_rowids())
        starts = words.with_flat_values(tf.cast(starts, tf.int32))
        return {"ids": padded_table(ids, 0), "word_starts": padded_table(starts, -1)}

    def answers(self, inputs):
        """Finds the most probable tags.

        Args:
            inputs: From `inputs`.

        Returns:
            Dict of `states` int32 [B, W], places in the list of tags, -1 at padding; `score` float32 [B], the
            probability of all of a sentence's tags together; and where sentences have labels `label_scores` [B, K].
        """
        outputs = self._model[0](inputs, training=False)
        mask = inputs["word_starts"] >= 0
        states, best = best_chain(outputs["tags"], mask)
        found = {"states": states, "score": tf.exp(tf.minimum(best - chain_log_partition(outputs["tags"], mask), 0.0))}
        if "label" in outputs:
            found["label_scores"] = tf.nn.softmax(outputs["label"])
        return found

    def attention(self, inputs):
        """Tells where words look.

        Args:
            inputs: From `inputs`.

        Returns:
            float32 [B, N, W, W], see `models.word_attention`.
        """
        return models.word_attention(self._model[0], inputs["ids"], inputs["word_starts"])

    def unknown_share(self, inputs):
        """Tells how much of each text the tokenizer has never seen.

        Args:
            inputs: From `inputs`.

        Returns:
            float32 [B].
        """
        counts = tf.math.count_nonzero(inputs["ids"], axis=1, dtype=tf.float32)
        unknown = tf.math.count_nonzero(inputs["ids"] == UNKNOWN_ID, axis=1, dtype=tf.float32)
        return unknown / tf.maximum(counts, 1.0)


def padded_table(rows, value):
    """Makes a table of ragged rows.

    Args:
        rows: `tf.RaggedTensor` [B, None].
        value: What stands behind short rows.

    Returns:
        Tensor [B, W], at least one wide.
    """
    table = rows.to_tensor(value)
    return tf.pad(table, [[0, 0], [0, tf.maximum(1 - tf.shape(table)[1], 0)]], constant_values=value)
