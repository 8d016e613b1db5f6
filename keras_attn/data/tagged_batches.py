"""Batches of sentences as pieces of words, with the tag of each word and the label of each sentence."""

import numpy as np

from keras_attn.data.sorted_batches import SortedBatches, padded

_STEP = 4  # widths are multiples of it


class TaggedBatches(SortedBatches):
    """Batches for a `models.tagger`, sentences of similar lengths together.

    A batch is `(inputs, targets)`: a dict of `ids` [B, T], padded with 0, and `word_starts` [B, W], padded with -1; and
    a dict of `tags` [B, W], padded with -1, and, where sentences have labels, `label` [B].

    Args:
        pieces: For each sentence a list of words, each a list of one positive id or more.
        tags: For each sentence a list of integers, one a word.
        labels: An integer for each sentence, or None.
        batch_size: Sentences a batch.
        max_length: Most words of a sentence; longer ones are cut.
        shuffle: Whether to mix the sentences anew each epoch.
        seed: Seed of the mixing.

    Attributes:
        truncated: Number of sentences that were cut.
        averaged_over: What the loss of each output is the mean over, for `split_batch`.
        padding: What rows of padding hold, for `split_batch`.

    Raises:
        ValueError: If there is no sentence, a sentence or word is empty, or tags or labels are missing.

    Example:
        >>> from keras_attn.data import TaggedBatches
        >>> inputs, targets = TaggedBatches([[[5, 6], [7]]], [[1, 0]], batch_size=2)[0]
        >>> inputs["ids"].tolist(), inputs["word_starts"].tolist(), targets["tags"].tolist()
        ([[5, 6, 7, 0]], [[0, 2, -1, -1]], [[1, 0, -1, -1]])
    """

    averaged_over = {"tags": "tokens", "label": "rows"}

    def __init__(self, pieces, tags, labels=None, *, batch_size=32, max_length=128, shuffle=True, seed=0):
        counts = [len(words) for words in pieces]
        if not all(counts) or counts != [len(row) for row in tags] or not counts:
            raise ValueError(
                "There must be sentences of one word or more, and a tag for each word. "
                f"Received: {len(pieces)} sentences, {len(tags)} rows of tags"
            )
        if not all(len(word) for words in pieces for word in words):
            raise ValueError("Each word must have a piece. Received: a word without pieces")
        if labels is not None and len(labels) != len(pieces):
            raise ValueError(f"Each sentence needs a label. Received: {len(labels)} labels, {len(pieces)} sentences")
        self.truncated = sum(count > max_length for count in counts)
        pieces = [words[:max_length] for words in pieces]
        lengths = [[len(word) for word in words] for words in pieces]
        self._ids = [np.concatenate([np.asarray(word, "int32") for word in words]) for words in pieces]
        self._starts = [np.cumsum([0, *row[:-1]]) for row in lengths]
        self._tags = [np.asarray(row[:max_length], "int32") for row in tags]
        self._labels = None if labels is None else np.asarray(labels, "int32")
        targets = {"tags": -1} if labels is None else {"tags": -1, "label": 0}
        self.padding = {"ids": 0, "word_starts": -1}, targets
        super().__init__([len(row) for row in self._ids], batch_size, shuffle, seed)

    def __getitem__(self, index):
        rows = self.rows_of(index)
        inputs = {
            "ids": padded([self._ids[row] for row in rows], _STEP),
            "word_starts": padded([self._starts[row] for row in rows], _STEP, -1),
        }
        targets = {"tags": padded([self._tags[row] for row in rows], _STEP, -1)}
        if self._labels is not None:
            targets["label"] = self._labels[rows]
        return inputs, targets

    def signature(self):
        import tensorflow as tf

        table = tf.TensorSpec((None, None), tf.int32)
        targets = {"tags": table}
        if self._labels is not None:
            targets["label"] = tf.TensorSpec((None,), tf.int32)
        return {"ids": table, "word_starts": table}, targets
