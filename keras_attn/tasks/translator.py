from typing import NamedTuple

import tensorflow as tf

from keras_attn import models
from keras_attn.decoding import ForcedPrefix, SearchResult, coverage_penalty, search
from keras_attn.text import END_ID, START_ID


class _Member(NamedTuple):
    family: object  # the module of functions that run it
    layers: dict  # by name


class Translator(tf.Module):
    """A trained encoder-decoder, or several, between its tokenizers: text in, text out, all in one graph.

    Several models of one vocabulary translate together. Their probability of a token is the normalised geometric mean
    of what each says: `log p = log_softmax(mean_k log p_k)`.

    Args:
        model: A model made by `models.transformer` or `models.rnn_seq2seq`, or a list of such models.
        tokenizer: The tokenizer they were trained with.
        max_length: Longest source and target in tokens; longer sources are cut.
        shortlist: A `decoding.Shortlist` of which searches without constraints make their results, or None.
    """

    def __init__(self, model, tokenizer, max_length, shortlist=None):
        super().__init__()
        members = model if isinstance(model, list | tuple) else [model]
        self.tokenizer = tokenizer
        self.max_length = max_length
        self._shortlist = shortlist
        self.weights = [variable.value for member in members for variable in member.variables]  # for a SavedModel
        self._members = [
            _Member(models.family(member), {layer.name: layer for layer in member.layers}) for member in members
        ]

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

    def search(self, source, strategy, constraints=(), limits=None):
        """Decodes encoded sources.

        Args:
            source: int32 [B, S] as `source_ids` gives them.
            strategy: `decoding.Greedy()` or another strategy.
            constraints: Constraints of `keras_attn.decoding`.
            limits: int32 [B], the most tokens of each result; those of `limits` when None.

        Returns:
            A `decoding.SearchResult`.
        """
        batch_size = tf.shape(source)[0]
        candidates, memory = None, {"members": self._memories(source)}
        if self._shortlist is not None and not constraints:
            candidates, allowed = self._shortlist.candidates(source)
            memory["bias"] = tf.where(allowed, 0.0, -float("inf"))  # [B, C]
        steppers = [member.family.stepper(member.layers, candidates, self.max_length) for member in self._members]

        def step(tokens, index, caches, memory):
            tokens = tokens if candidates is None else tf.gather(candidates, tokens)
            found = [
                next_logits(tokens, index, cache, **own)
                for next_logits, cache, own in zip(steppers, caches, memory["members"], strict=True)
            ]
            logits = [_with_bias(logits, memory.get("bias")) for logits, _ in found]
            return _combined(logits), [cache for _, cache in found]

        ids, scores = search(
            step,
            [member.family.empty_caches(member.layers, batch_size) for member in self._members],
            strategy,
            batch_size=batch_size,
            max_length=self.limits(source) if limits is None else limits,
            start_id=START_ID,
            end_id=END_ID,
            constraints=constraints,
            memory=memory,
        )
        return SearchResult(ids if candidates is None else tf.gather(candidates, ids), scores)

    def limits(self, source, extra=0, at_least=0, at_most=None):
        """Gives the most tokens that the result of each row may have: ten more than twice those of its source.

        Args:
            source: int32 [B, S].
            extra: Further tokens, a number or int32 [B].
            at_least: Fewest tokens before the end.
            at_most: Most tokens, or None; never more than `max_length`.

        Returns:
            int32 [B].
        """
        lengths = 2 * tf.math.count_nonzero(source, axis=1, dtype=tf.int32) + 10 + extra
        return tf.minimum(tf.maximum(lengths, at_least + 1), min(at_most or self.max_length, self.max_length))

    def find(self, source, plan, prefix=None):
        """Searches as planned.

        Args:
            source: int32 [B, S] as `source_ids` gives them.
            plan: A `SearchPlan`.
            prefix: Texts [B] that the results of each row begin with, "" for nothing; None where there are none.

        Returns:
            A `decoding.SearchResult`, R results a row.
        """
        constraints, extra = plan.constraints, plan.extra_length
        if prefix is not None:
            ids = self.tokenizer.tokenize(prefix).to_tensor()  # [B, P]
            constraints = [ForcedPrefix(ids, constraints)]
            extra += tf.math.count_nonzero(ids, axis=1, dtype=tf.int32)
        limits = self.limits(source, extra, plan.min_length, plan.max_length)
        ids, scores = self.search(source, plan.strategy, constraints, limits)
        if plan.coverage_penalty:
            covered = coverage_penalty(self.alignment(source, ids), (source != 0)[:, None], ids != 0)  # [B, R]
            scores, places = tf.math.top_k(scores + plan.coverage_penalty * covered, plan.num_results)
            ids = tf.gather(ids, places, batch_dims=1)
        return SearchResult(ids, scores)

    def translate(self, texts, strategy):
        """Translates texts.

        Args:
            texts: String tensor [B].
            strategy: `decoding.Greedy()` or another strategy.

        Returns:
            Texts [B, R], best first, and their scores, float32 [B, R]. The translation of nothing is nothing.
        """
        source = self.source_ids(texts)
        return self.texts(source, *self.search(source, strategy))

    def texts(self, source, ids, scores):
        """Reads what a search found.

        Args:
            source: int32 [B, S] as `source_ids` gives them.
            ids: int32 [B, R, T].
            scores: float32 [B, R].

        Returns:
            Texts [B, R] and their scores, float32 [B, R]. The translation of nothing is nothing.
        """
        batch_size, results = tf.shape(ids)[0], tf.shape(ids)[1]
        answers = self.tokenizer.detokenize(tf.reshape(ids, [batch_size * results, -1]))
        answers = tf.reshape(answers, [batch_size, results])
        is_empty = tf.equal(tf.math.count_nonzero(source, axis=1), 1)[:, None]  # the end id alone
        return tf.where(is_empty, "", answers), tf.where(is_empty, 0.0, scores)

    def score(self, sources, targets):
        """Asks how likely given translations are.

        Args:
            sources: String tensor [B].
            targets: String tensor [B]; longer ones are cut, like sources.

        Returns:
            Their log-probabilities, float32 [B], the ids of the targets, int32 [B, T], each with the end id, and the
            log-probability of each token, float32 [B, T], 0 at padding.
        """
        ids = self.source_ids(targets)
        scores = self.token_scores(self.source_ids(sources), ids[:, None])[:, 0]
        return tf.reduce_sum(scores, axis=1), ids, scores

    def token_scores(self, source, target):
        """Gives the log-probability of each token of given targets, after those before it.

        Args:
            source: int32 [B, S].
            target: int32 [B, R, T], R targets a source, without start id, padded with 0.

        Returns:
            float32 [B, R, T], 0 at padding.
        """
        logits, _ = self._read(source, target)
        log_probs = tf.nn.log_softmax(tf.cast(logits, tf.float32))  # [B*R, T, V]
        log_probs = tf.gather(log_probs, tf.reshape(target, tf.shape(logits)[:2])[..., None], batch_dims=2)
        return tf.where(target != 0, tf.reshape(log_probs, tf.shape(target)), 0.0)

    def alignment(self, source, target):
        """Gives the mean of the cross-attention over layers, heads and models.

        Args:
            source: int32 [B, S].
            target: int32 [B, R, T], R targets a source, without start id, padded with 0.

        Returns:
            float32 [B, R, T, S], 0 at padding.
        """
        _, layers = self._read(source, target, return_attention_scores=True)
        mean = tf.add_n([tf.reduce_mean(tf.cast(layer, tf.float32), axis=1) for layer in layers]) / len(layers)
        mean = tf.reshape(mean, tf.concat([tf.shape(target), tf.shape(source)[1:]], axis=0))
        return tf.where((target != 0)[..., None], mean, 0.0)

    def cross_attention(self, source, target):
        """Looks where the decoder attends while it reads a given target.

        Args:
            source: int32 [B, S].
            target: int32 [B, T], without start id.

        Returns:
            List of float tensors [B, N, T, S], one a layer that attends, of one model after the other: row t holds the
            attention while target t is predicted.
        """
        return self._read(source, target[:, None], return_attention_scores=True)[1]

    def _memories(self, source):
        """What each model's steps take, and what does not change from step to step."""
        return [
            {
                "encoder_padding_mask": padding_mask,
                "cross_caches": member.family.filled_caches(member.layers, encoder_output),
            }
            for member, (encoder_output, padding_mask) in zip(self._members, self._encode(source), strict=True)
        ]

    def _encode(self, source):
        return [member.family.encode(member.layers, source) for member in self._members]

    def _read(self, source, target, return_attention_scores=False):
        """Reads targets [B, R, T] in one pass: logits [B*R, T, V] and, if asked for, the list of attention scores."""
        results, length = tf.shape(target)[1], tf.shape(target)[2]
        target = tf.reshape(target, [-1, length])
        inputs = tf.concat([tf.fill([tf.shape(target)[0], 1], START_ID), target[:, :-1]], axis=1)
        logits, attention = [], []
        for member, encoded in zip(self._members, self._encode(source), strict=True):
            encoded = tf.nest.map_structure(lambda tensor: tf.repeat(tensor, results, axis=0), encoded)
            read = member.family.decode(
                member.layers, inputs, *encoded, return_attention_scores=return_attention_scores
            )
            logits.append(read[0] if return_attention_scores else read)
            attention += read[1] if return_attention_scores else []
        return _combined(logits), attention


def _with_bias(logits, bias):
    """Adds a bias [B, V] to the logits [B*W, V] of all hypotheses of a row."""
    if bias is None:
        return logits
    rows, size = tf.shape(bias)[0], tf.shape(bias)[1]
    by_row = tf.reshape(tf.cast(logits, tf.float32), [rows, -1, size])
    return tf.reshape(by_row + bias[:, None], [-1, size])


def _combined(logits):
    """The logits of one model, or the mean of the log-probabilities of several."""
    if len(logits) == 1:
        return logits[0]
    return tf.add_n([tf.nn.log_softmax(tf.cast(of_one, tf.float32)) for of_one in logits]) / len(logits)
