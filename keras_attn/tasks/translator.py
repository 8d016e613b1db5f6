import tensorflow as tf

from keras_attn import models
from keras_attn.decoding import search
from keras_attn.text import END_ID, START_ID


class Translator(tf.Module):
    """A trained encoder-decoder between its tokenizers: text in, text out, all in one graph.

    Args:
        model: A model made by `models.transformer` or `models.rnn_seq2seq`.
        tokenizer: The tokenizer it was trained with.
        max_length: Longest source and target in tokens; longer sources are cut.
    """

    def __init__(self, model, tokenizer, max_length):
        super().__init__()
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.weights = [variable.value for variable in model.variables]  # what a SavedModel has to keep
        self._family = models.family(model)
        self._layers = {layer.name: layer for layer in model.layers}

    def source_ids(self, texts):
        """Encodes source texts.

        Args:
            texts: String tensor [B].

        Returns:
            int32 [B, S], each ending in the end id, padded with 0; S is 1 where there is no text.
        """
        ids = self.tokenizer.tokenize(texts)[:, : self.max_length - 1]
        end = tf.fill([ids.nrows(), 1], END_ID)
        ids = tf.concat([ids, end], axis=1).to_tensor()
        return tf.pad(ids, [[0, 0], [0, tf.maximum(1 - tf.shape(ids)[1], 0)]])  # a recurrent encoder needs a step

    def search(self, source, strategy):
        """Decodes encoded sources.

        Args:
            source: int32 [B, S] as `source_ids` gives them.
            strategy: `decoding.Greedy()` or `decoding.Beam()`.

        Returns:
            A `decoding.SearchResult`. A target may be up to ten tokens longer than twice its source.
        """
        encoder_output, padding_mask = self._family.encode(self._layers, source)
        batch_size = tf.shape(source)[0]
        lengths = tf.math.count_nonzero(source, axis=1, dtype=tf.int32)

        next_logits = self._family.stepper(self._layers)

        def step(tokens, index, caches, memory):
            return next_logits(tokens, index, caches, **memory)

        return search(
            step,
            self._family.empty_caches(self._layers, batch_size),
            strategy,
            batch_size=batch_size,
            max_length=tf.minimum(2 * lengths + 10, self.max_length),
            start_id=START_ID,
            end_id=END_ID,
            memory={
                "encoder_padding_mask": padding_mask,
                "cross_caches": self._family.filled_caches(self._layers, encoder_output),
            },
        )

    def translate(self, texts, strategy):
        """Translates texts.

        Args:
            texts: String tensor [B].
            strategy: `decoding.Greedy()` or `decoding.Beam()`.

        Returns:
            Texts [B, R], best first, and their scores, float32 [B, R]. The translation of nothing is nothing.
        """
        source = self.source_ids(texts)
        ids, scores = self.search(source, strategy)
        batch_size, results = tf.shape(ids)[0], tf.shape(ids)[1]
        answers = self.tokenizer.detokenize(tf.reshape(ids, [batch_size * results, -1]))
        answers = tf.reshape(answers, [batch_size, results])
        is_empty = tf.equal(tf.math.count_nonzero(source, axis=1), 1)[:, None]  # the end id alone
        return tf.where(is_empty, "", answers), tf.where(is_empty, 0.0, scores)

    def cross_attention(self, source, target):
        """Looks where the decoder attends while it reads a given target.

        Args:
            source: int32 [B, S].
            target: int32 [B, T], without start id.

        Returns:
            List of float tensors [B, N, T, S], one a layer that attends: row t holds the attention while target t is
            predicted.
        """
        encoder_output, padding_mask = self._family.encode(self._layers, source)
        start = tf.fill([tf.shape(target)[0], 1], START_ID)
        inputs = tf.concat([start, target[:, :-1]], axis=1)
        _, scores = self._family.decode(
            self._layers, inputs, encoder_output, padding_mask, return_attention_scores=True
        )
        return scores
