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
        The memory's mask: a row without anything to attend to gets a context of zeros.

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
            The last output, all outputs and the last states.
        """
        *states, memory, memory_mask = initial_state
        batch, length, _ = keras.ops.shape(memory)
        # Where an input is masked Keras selects between states [B, any]: memory and keys go in flat.
        fixed = (memory, self.cell.project_memory(memory))
        flat = [keras.ops.reshape(x, (batch, length * x.shape[-1])) for x in fixed]
        states = [*states, flat[0], memory_mask, flat[1]]
        last_output, outputs, states = super().inner_loop(sequences, states, mask, training)
        return last_output, outputs, [*states[:-3], memory, memory_mask]
