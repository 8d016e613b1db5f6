import keras

from keras_attn.layers.attention_cell import AttentionCell


@keras.saving.register_keras_serializable("keras_attn")
class AttentionRNN(keras.layers.RNN):
    """`keras.layers.RNN` over an `AttentionCell` that makes the memory's keys once, before the loop.

    The numbers are those of `keras.layers.RNN`; the steps are shorter, and a mask of the inputs works on every
    backend.

    Args:
        cell: An `AttentionCell`.
        **kwargs: Those of `keras.layers.RNN`, such as `return_sequences`.

    Call arguments:
        sequences: Float tensor [B, T, D].
        initial_state: List of the first attentional vector [B, A], the cell's states [B, H] one by one (zeros will
            do), the memory [B, S, D'], and its mask [B, S], True where there is something to attend to.
        mask: Boolean [B, T], False at padding: there the states stay what they were.
        training: Not used: the cell has no dropout.

    Returns:
        The last output [B, A], or with `return_sequences` all of them [B, T, A].

    Masking:
        The memory's mask: a row without anything to attend to gets a context of zeros. That of the inputs must be
        passed: beside an initial state Keras hands no mask on by itself.

    Raises:
        ValueError: If `cell` is not an `AttentionCell`, or there is no memory.

    Example:
        >>> import keras, numpy as np
        >>> from keras_attn.layers import AttentionCell, AttentionRNN, BahdanauAttention
        >>> cell = AttentionCell(keras.layers.LSTMCell(7), BahdanauAttention(units=5), memory_dim=11)
        >>> inputs, memory = np.ones((2, 3, 5), "float32"), np.ones((2, 13, 11), "float32")
        >>> states = [np.zeros((2, 7))] * 3 + [memory, np.ones((2, 13), bool)]
        >>> tuple(AttentionRNN(cell, return_sequences=True)(inputs, initial_state=states).shape)
        (2, 3, 7)

    Reference:
        That of `AttentionCell`.
    """

    def __init__(self, cell, **kwargs):
        if not isinstance(cell, AttentionCell):
            raise ValueError(f"`cell` must be an AttentionCell; for others use keras.layers.RNN. Received: cell={cell}")
        super().__init__(cell, **kwargs)

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Runs the loop; Keras calls it.

        Args:
            sequences: Float tensor [B, T, D].
            initial_state: The states, as `call` takes them.
            mask: Boolean [B, T] or None.
            training: Not used.

        Returns:
            The last output, all outputs and the last states that changed.
        """
        *states, memory, memory_mask = initial_state
        loop = keras.layers.RNN(
            _CellAtMemory(self.cell, [memory, memory_mask, self.cell.project_memory(memory)]),
            return_sequences=self.return_sequences,
            go_backwards=self.go_backwards,
            unroll=self.unroll,
            zero_output_for_mask=self.zero_output_for_mask,
        )
        return loop.inner_loop(sequences, states, mask)


class _CellAtMemory:
    """An `AttentionCell` before a memory that the loop does not carry along: a mask would select it at every step."""

    def __init__(self, cell, memory):
        self.cell = cell
        self.memory = memory
        self.state_size = cell.state_size

    def call(self, inputs, states):
        output, states = self.cell(inputs, [*states, *self.memory])
        return output, states[: len(self.state_size)]

    __call__ = call
