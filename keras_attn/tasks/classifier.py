import tensorflow as tf

from keras_attn import models

_BYTES_A_TOKEN = 64  # SentencePiece's longest pieces are 16 characters


def token_ids(texts, tokenizer, max_length):
    """Tokenizes texts, of long ones as much as is read.

    Args:
        texts: String tensor [B].
        tokenizer: A tokenizer of `keras_attn.text`.
        max_length: Longest text in tokens.

    Returns:
        `tf.RaggedTensor` int32 [B, None], rows of at most `max_length` ids, without an end.
    """
    return tokenizer.tokenize(tf.strings.substr(texts, 0, _BYTES_A_TOKEN * max_length))[:, :max_length]


class Classifier(tf.Module):
    """A trained classifier behind its tokenizer: text in, scores out, all in one graph.

    Args:
        model: A model made by `models.text_classifier`.
        tokenizer: The tokenizer it was trained with.
        labels: Its `Labels`.
        temperatures: Dict of head -> the number its logits are divided by.
        max_length: Longest text in tokens; longer ones are cut.
        with_start: Whether texts begin with the tokenizer's start id.
    """

    def __init__(self, model, tokenizer, labels, temperatures, max_length, with_start=False):
        super().__init__()
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.with_start = with_start
        self.weights = [variable.value for variable in model.variables]  # for a SavedModel
        self._model = (model,)  # within a tuple, as Keras's own tracking is not wanted there
        self._labels = labels
        self._temperatures = dict(temperatures)

    def ids(self, texts):
        """Encodes texts.

        Args:
            texts: String tensor [B].

        Returns:
            int32 [B, T], each beginning with the start id, where texts do, and ending in the end id, padded with 0.
        """
        ids = token_ids(texts, self.tokenizer, self.max_length)[:, : self.max_length - 1 - self.with_start]
        start = [tf.fill([ids.nrows(), 1], self.tokenizer.start_id)] * self.with_start
        ids = tf.concat([*start, ids, tf.fill([ids.nrows(), 1], self.tokenizer.end_id)], axis=1).to_tensor()
        return tf.pad(ids, [[0, 0], [0, tf.maximum(1 - tf.shape(ids)[1], 0)]])  # of no text too, a recurrent one's step

    def logits(self, ids):
        """Runs the model.

        Args:
            ids: int32 [B, T].

        Returns:
            Dict of head -> float32 [B, C].
        """
        logits = self._model[0](ids, training=False)
        return {head: logits[output] for head, output in self._labels.outputs().items()}

    def scores(self, ids):
        """Gives calibrated probabilities.

        Args:
            ids: int32 [B, T].

        Returns:
            Dict of head -> float32 [B, C]; each row sums to 1, but for heads of several labels.
        """
        found = {}
        for head, logits in self.logits(ids).items():
            logits = logits / self._temperatures.get(head, 1.0)
            found[head] = tf.sigmoid(logits) if head in self._labels.multi_label else tf.nn.softmax(logits)
        return found

    def token_weights(self, ids):
        """Tells how much of what the classifier judges by comes from each token.

        Args:
            ids: int32 [B, T].

        Returns:
            float32 [B, T], see `models.token_weights`.
        """
        return models.token_weights(self._model[0], ids)

    def unknown_share(self, ids):
        """Tells how much of each text the tokenizer has never seen.

        Args:
            ids: int32 [B, T].

        Returns:
            float32 [B].
        """
        tokenizer = self.tokenizer
        is_token = (ids != 0) & (ids != tokenizer.start_id) & (ids != tokenizer.end_id)
        counts = tf.math.count_nonzero(is_token, axis=1, dtype=tf.float32)
        is_unknown = ids == tokenizer.unknown_id
        return tf.math.count_nonzero(is_unknown, axis=1, dtype=tf.float32) / tf.maximum(counts, 1.0)
