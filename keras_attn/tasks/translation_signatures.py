"""What a server of an exported translator can be asked."""

import dataclasses
import inspect

import tensorflow as tf

from keras_attn.decoding import Greedy

_INPUTS = {"seed": tf.int32, "temperature": tf.float32}  # all others are texts


def signatures(translator, strategy, num_results, weights):
    """Gives the functions that a SavedModel offers; all inputs and outputs have the batch as their first dimension.

    Args:
        translator: A `Translator`.
        strategy: The search, one result a row.
        num_results: Results of `nbest`.
        weights: The `export.StoredWeights` of its model.

    Returns:
        Dict of name -> concrete function.
    """
    tokenizer = translator.tokenizer
    pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
    several = dataclasses.replace(strategy, num_results=num_results) if num_results > 1 else strategy

    def function(call):
        def with_stored_weights(*arguments):
            with weights.in_use():
                return call(*arguments)

        with_stored_weights.__signature__ = inspect.signature(call)  # the names of the inputs
        inputs = [
            tf.TensorSpec([None], _INPUTS.get(name, tf.string), name) for name in inspect.signature(call).parameters
        ]
        return tf.function(with_stored_weights, input_signature=inputs, autograph=False)

    def names(ids):
        return tf.where(ids == 0, "", tf.gather(tf.constant(pieces), ids))

    @function
    def best(text):  # traced once for two signatures
        source = translator.source_ids(text)
        return source, *translator.search(source, strategy)

    def serving_default(text):
        texts, scores = translator.texts(*best(text))
        return {"text": texts[:, 0], "score": scores[:, 0]}

    def nbest(text):
        source = translator.source_ids(text)
        ids, scores = translator.search(source, several)  # [B, R, T]
        token_scores = translator.token_scores(source, ids)
        texts, scores = translator.texts(source, ids, scores)
        return {"texts": texts, "scores": scores, "tokens": names(ids), "token_scores": token_scores}

    def sample(text, seed, temperature):
        source = translator.source_ids(text)
        draw = _Draw(seed, temperature, translator.max_length)
        found = translator.search(source, Greedy(strategy.length_penalty), [draw])
        texts, scores = translator.texts(source, *found)
        return {"text": texts[:, 0], "score": scores[:, 0]}

    def score(source, target):
        total, ids, scores = translator.score(source, target)
        return {"score": total, "tokens": names(ids), "token_scores": scores}

    def tokenize(text):
        ids = tokenizer.tokenize(text).to_tensor()
        return {"ids": ids, "tokens": names(ids)}

    def explain(text):
        source, target, _ = best(text)
        longest = tf.reduce_max(tf.math.count_nonzero(target, axis=2, dtype=tf.int32))
        target = target[:, :, :longest]  # [B, 1, T]
        alignment = translator.alignment(source, target)[:, 0]  # [B, T, S]
        return {"source_tokens": names(source), "target_tokens": names(target[:, 0]), "alignment": alignment}

    offered = (serving_default, nbest, sample, score, tokenize, explain)
    return {call.__name__: function(call).get_concrete_function() for call in offered}


def inputs_for(name, texts):
    """Makes the inputs of a signature, to warm it up.

    Args:
        name: Name of a signature.
        texts: List of texts.

    Returns:
        Dict of name -> list, as long as `texts`.
    """
    if name == "score":
        return {"source": texts, "target": texts}
    more = {"seed": list(range(len(texts))), "temperature": [1.0] * len(texts)} if name == "sample" else {}
    return {"text": texts, **more}


class _Draw:
    """A rule that leaves one token, drawn by its probability with the row's own seed; the search has to take it.

    So each row of a batch has its seed and temperature, and gets the same text alone and among others; the score is
    that of the model itself.
    """

    def __init__(self, seed, temperature, max_length):
        self.seed, self.temperature, self.max_length = seed, temperature, max_length

    def start(self, bounds):
        def numbers(seed):
            return tf.random.stateless_uniform([self.max_length], tf.stack([seed, 0]))

        drawn = tf.map_fn(numbers, self.seed, fn_output_signature=tf.TensorSpec([self.max_length], tf.float32))
        return {"number": drawn, "temperature": tf.maximum(self.temperature, 0.01)}  # below, it is greedy

    def apply(self, bounds, rows, ids, index, logits):
        probabilities = tf.nn.softmax(logits / rows["temperature"][:, None, None])  # [B, 1, V]
        until = tf.cumsum(probabilities, axis=-1)
        number = rows["number"][:, index][:, None, None]
        # A sum that equals the total by rounding is the last token that has any probability.
        is_before = (until <= number * until[..., -1:]) & (until < until[..., -1:])
        token = tf.math.count_nonzero(is_before, axis=-1, dtype=tf.int32)  # [B, 1]
        is_drawn = tf.one_hot(token, tf.shape(logits)[-1], on_value=True, off_value=False)
        return tf.where(is_drawn, logits, -float("inf"))
