"""Batches for language models: single sequences of ids, whose own tokens are the labels."""

import numpy as np

from keras_attn.data.token_batches import TokenBatches


class LanguageBatches(TokenBatches):
    """Batches of token ids for training a language model, under a token budget, in few static shapes.

    Without a masking each token is to be told from those before it: a batch is `({"ids": [B, T]}, labels [B, T])`;
    `ids` begins with `start_id`, and `labels`, one token ahead, ends in `end_id`.

    With a masking some tokens are to be told from all the others: a batch is
    `({"ids": [B, T], "positions": [B, P]}, labels [B, P])`. The ids, from `start_id` to `end_id`, are masked;
    `positions` says where the tokens stand that `labels` names. A row with fewer of them than P is filled up with
    labels 0, which count as padding. What is masked is a function of `(seed, epoch)` and the batch.

    Sequences longer than a row go on in rows of their own. All else is as in `TokenBatches`.

    Args:
        sequences: List of 1-D sequences of positive ids, without start and end.
        masking: A `TokenMasking`, or None for the next token.
        batch_tokens: Most tokens, padding included, of a batch.
        max_length: Most tokens of a row, start and end included.
        num_buckets: Most distinct shapes.
        shuffle: Whether to shuffle rows and batches anew each epoch.
        seed: Seed of the shuffling and of the masking.
        start_id: Id that begins a row.
        end_id: Id that ends one.

    Raises:
        ValueError: If there are no sequences, or an argument is out of its range.

    Example:
        >>> from keras_attn.data import LanguageBatches
        >>> batches = LanguageBatches([[5, 6, 7, 8]], max_length=3, batch_tokens=9, shuffle=False)
        >>> inputs, labels = batches[0]
        >>> inputs["ids"].tolist(), labels.tolist()
        ([[1, 5, 6], [1, 7, 8], [0, 0, 0]], [[5, 6, 2], [7, 8, 2], [0, 0, 0]])

    Reference:
        Devlin et al. 2019, "BERT", section 3.1 (masked); Radford et al. 2018, "Improving Language Understanding by
        Generative Pre-Training", section 3.1 (the next token).
    """

    def __init__(
        self,
        sequences,
        masking=None,
        *,
        batch_tokens=4096,
        max_length=128,
        num_buckets=16,
        shuffle=True,
        seed=0,
        start_id=1,
        end_id=2,
    ):
        self.masking = masking
        room = max_length - (1 if masking is None else 2)
        if room < 1:
            raise ValueError(
                f"A row must have room for a token beside start and end. Received: max_length={max_length}"
            )
        rows = [part for sequence in sequences for part in _parts(np.asarray(sequence), room)]
        if masking is not None:
            rows = [np.concatenate([[start_id], row]) for row in rows]
        super().__init__(
            rows,
            rows,
            batch_tokens=batch_tokens,
            max_length=max_length,
            num_buckets=num_buckets,
            shuffle=shuffle,
            seed=seed,
            start_id=start_id,
            end_id=end_id,
        )

    def __getitem__(self, index):
        inputs, ids = super().__getitem__(index)
        if self.masking is None:
            return {"ids": inputs["target"]}, ids
        seen, chosen = self.masking.apply(ids, np.random.default_rng([self.seed, self.epoch, index]))
        most = max(1, chosen.sum(axis=1).max())
        positions = np.argsort(~chosen, axis=1, kind="stable")[:, :most].astype("int32")  # the chosen ones first
        labels = np.where(np.take_along_axis(chosen, positions, 1), np.take_along_axis(ids, positions, 1), 0)
        return {"ids": seen, "positions": positions}, labels

    def _signature(self):
        import tensorflow as tf

        ids = tf.TensorSpec((None, None), tf.int32)
        return dict.fromkeys(("ids",) if self.masking is None else ("ids", "positions"), ids), ids


def _parts(sequence, room):
    return np.split(sequence, range(room, len(sequence), room))
