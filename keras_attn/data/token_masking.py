"""Which tokens a masked language model has to guess, and what it sees in their places."""

import numpy as np


class TokenMasking:
    """BERT's masking, of whole words: of the chosen tokens 80 % are masked, 10 % another token, 10 % themselves.

    Each word is chosen with the probability `share`, by itself, so that the expected share of the tokens is exactly
    that; of a chosen word each token draws by itself which of the three it becomes.

    Args:
        word_starts: Boolean array [V]: the ids that begin a word, see `text.Tokenizer.word_starts`.
        mask_id: Id that stands in the place of a masked token.
        special_ids: Ids that are never chosen, nor stand in for others: padding, start, end and so on.
        share: Share of the tokens to be guessed.

    Raises:
        ValueError: If `share` is not between 0 and 1, or all ids are special.

    Example:
        >>> import numpy as np
        >>> from keras_attn.data import TokenMasking
        >>> masking = TokenMasking(np.array([True] * 9), mask_id=3, special_ids=(0, 1, 2, 3), share=0.9)
        >>> ids, chosen = masking.apply(np.array([[1, 5, 6, 7, 2, 0]]), np.random.default_rng(0))
        >>> chosen.tolist(), ids.tolist()
        ([[False, True, True, True, False, False]], [[1, 3, 3, 7, 2, 0]])

    Reference:
        Devlin et al. 2019, "BERT", section 3.1, task 1; whole words: the authors' later code and Cui et al. 2021,
        "Pre-Training with Whole Word Masking for Chinese BERT", section 3.
    """

    def __init__(self, word_starts, mask_id, special_ids, share=0.15):
        if not 0 < share < 1:
            raise ValueError(f"`share` must be above 0 and below 1. Received: share={share}")
        self.word_starts = np.asarray(word_starts, bool)
        self.mask_id = mask_id
        self.share = share
        self.is_special = np.zeros(len(self.word_starts), bool)
        self.is_special[list(special_ids)] = True
        self._others = np.flatnonzero(~self.is_special).astype("int32")
        if not self._others.size:
            raise ValueError(
                f"There is no id left to guess: all {len(self.word_starts)} are special. "
                f"Received: special_ids={tuple(special_ids)}"
            )

    def apply(self, ids, generator):
        """Chooses and masks.

        Args:
            ids: Integer array [B, T].
            generator: `numpy.random.Generator` of all draws.

        Returns:
            The ids that the model sees [B, T], and which tokens it has to guess, boolean [B, T].
        """
        is_special = self.is_special[ids]
        begins = self.word_starts[ids] | is_special
        begins[:, 0] = True
        word = np.cumsum(begins).reshape(ids.shape) - 1
        chosen = (generator.random(int(word[-1, -1]) + 1) < self.share)[word] & ~is_special
        draw = generator.random(ids.shape)
        other = generator.choice(self._others, ids.shape)
        seen = np.where(draw < 0.8, self.mask_id, np.where(draw < 0.9, other, ids))
        return np.where(chosen, seen, ids).astype("int32"), chosen
