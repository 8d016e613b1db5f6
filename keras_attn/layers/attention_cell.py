import keras

from keras_attn import ops
from keras_attn.layers.layer import Layer, check_positive
from keras_attn.layers.single_head_attention import SingleHeadAttention


@keras.saving.register_keras_serializable("keras_attn")
class AttentionCell(Layer):
    """A recurrent cell that attends to a memory at every step, for `keras.layers.RNN` or, faster, `AttentionRNN`.

    With `x` the step's input, `s` the cell's states and `h` their uppermost hidden vector:

    - attending with the new state (Luong): `h, s' = cell([x; a], s)` with `a` the previous output,
      `c = attention(h, memory)`;
    - attending with the previous state (Bahdanau, `use_previous_state`): `c = attention(h_previous, memory)`,
      `h, s' = cell([x; c], s)`;

    and either way the output, called the attentional vector, is `activation(W [c; h])`.

    Args:
        cell: Any Keras cell without dropout: `SimpleRNNCell`, `GRUCell`, `LSTMCell` or `StackedRNNCells` of them.
        attention: A `BahdanauAttention` or `LuongAttention` without dropout.
        memory_dim: Width D' of the memory.
        attention_dim: Width A of the output; the cell's own when None.
        use_previous_state: Whether to attend with the state before the step, rather than with the one after it.
        activation: Activation of the output, a name or a function; "linear" for none.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [W*B, D], the inputs of one step.
        states: List of the previous output [W*B, A], the cell's states one by one, and then what never changes: the
            memory [B, S, D'], its mask [B, S] (1 or True where there is something to attend to), and optionally its
            keys from `project_memory`, which are else made at every step. W is 1, or the hypotheses of a beam search,
            side by side: they share their memory without a copy.
        return_attention_scores: Whether to return the attention probabilities too.

    Returns:
        The output [W*B, A] and the new states; with `return_attention_scores` also the probabilities [W*B, S], last.

    Masking:
        The memory's mask: a row without anything to attend to gets a context of zeros.

    Raises:
        ValueError: If the cell or the attention has dropout, which a loop cannot draw on every backend, or if there
            is no memory.

    Example:
        >>> import keras, numpy as np
        >>> from keras_attn.layers import AttentionCell, LuongAttention
        >>> cell = AttentionCell(keras.layers.GRUCell(7), LuongAttention("general"), memory_dim=11)
        >>> inputs, memory = np.ones((2, 3, 5), "float32"), np.ones((2, 13, 11), "float32")
        >>> states = [np.zeros((2, 7)), np.zeros((2, 7)), memory, np.ones((2, 13))]
        >>> tuple(keras.layers.RNN(cell, return_sequences=True)(inputs, initial_state=states).shape)
        (2, 3, 7)

    Reference:
        Luong et al. 2015, "Effective Approaches to Attention-based Neural Machine Translation", equation 5 and section
        3.3 (input feeding): their h~_t, c_t, h_t, W_c are our output, c, h, W. Bahdanau et al. 2015, "Neural Machine
        Translation by Jointly Learning to Align and Translate", appendix A.2.2: their s_(i-1), c_i, s_i are our
        h_previous, c, h; the context enters the cell beside the input, as in their recurrence, but the output is the
        attentional vector in place of their maxout layer.
    """

    def __init__(
        self,
        cell,
        attention,
        memory_dim,
        attention_dim=None,
        use_previous_state=False,
        activation="tanh",
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive(memory_dim=memory_dim, **({} if attention_dim is None else {"attention_dim": attention_dim}))
        if not isinstance(attention, SingleHeadAttention):
            raise ValueError(
                "`attention` must be a BahdanauAttention or a LuongAttention: they compare one query with all keys. "
                f"Received: attention={attention}"
            )
        cells = getattr(cell, "cells", [cell])
        if attention.dropout or any(getattr(c, "dropout", 0) or getattr(c, "recurrent_dropout", 0) for c in cells):
            raise ValueError(
                "A loop cannot draw dropout on every backend: leave it off in `cell` and `attention`, and put Dropout "
                f"layers around the RNN. Received: cell={cell}, attention={attention}"
            )
        self.cell = cell
        self.attention = attention
        self.memory_dim = memory_dim
        self.attention_dim = attention_dim
        self.use_previous_state = use_previous_state
        self.activation = keras.activations.get(activation)
        self._hidden_index = len(keras.tree.flatten([c.state_size for c in cells[:-1]]))
        hidden_dim = keras.tree.flatten(cell.state_size)[self._hidden_index]
        self.output_size = attention_dim or hidden_dim
        self.state_size = [self.output_size, *keras.tree.flatten(cell.state_size)]  # those that change
        self.vector_dense = keras.layers.Dense(
            self.output_size, self.activation, use_bias=False, dtype=self.dtype_policy, name="attentional_vector"
        )

    def build(self, input_shape):
        hidden_dim = self.state_size[1 + self._hidden_index]
        fed_dim = self.memory_dim if self.use_previous_state else self.output_size
        if not self.cell.built:  # one that was reloaded is
            self.cell.build((None, input_shape[-1] + fed_dim))
        if not self.attention.built:
            self.attention.build((None, None, hidden_dim), (None, None, self.memory_dim))
        self.vector_dense.build((None, self.memory_dim + hidden_dim))

    def get_initial_state(self, batch_size=None):
        """Refuses to begin without a memory.

        Args:
            batch_size: What Keras passes.

        Raises:
            ValueError: Saying how to pass it.
        """
        raise ValueError(
            "The memory to attend to is part of the initial state: pass `initial_state=[vector, *cell_states, memory, "
            "memory_mask]`, where `vector` and `cell_states` may be zeros. Received: initial_state=None"
        )

    def project_memory(self, memory):
        """Makes the keys of a memory, once for all steps.

        Args:
            memory: Float tensor [B, S, D'].

        Returns:
            Tensor [B, S, U], as the last of the states.
        """
        return self.attention.project_key(memory)

    def call(self, inputs, states, return_attention_scores=False):
        count = len(self.state_size)
        (vector, *cell_states), (memory, mask, *keys) = states[:count], states[count:]
        place = memory, mask, keys[0] if keys else self.project_memory(memory)
        if self.use_previous_state:
            context, probabilities = self._attend(cell_states[self._hidden_index], *place)
            hidden, cell_states = self._step(inputs, context, cell_states)
        else:
            hidden, cell_states = self._step(inputs, vector, cell_states)
            context, probabilities = self._attend(hidden, *place)
        vector = self.vector_dense(keras.ops.concatenate([context, hidden], axis=-1))
        states = [vector, *cell_states, *states[count:]]
        return (vector, states, probabilities) if return_attention_scores else (vector, states)

    def _step(self, inputs, fed, cell_states):
        """Runs the cell on its input and what is fed to it beside that; gives `h` [W*B, H] and the new states."""
        cell_states = keras.tree.pack_sequence_as(self.cell.state_size, cell_states)
        hidden, cell_states = self.cell(keras.ops.concatenate([inputs, fed], axis=-1), cell_states)
        return hidden, keras.tree.flatten(cell_states)

    def _attend(self, hidden, memory, mask, keys):
        """Gives the context [W*B, D'] and the probabilities [W*B, S] for the hidden vectors [W*B, H]."""
        batch, length = keras.ops.shape(mask)
        query = beams_apart(hidden, batch)  # [B, W, H]: beams become queries
        scores = self.attention.compare(query, keys)  # [B, W, S]
        probabilities = ops.masked_softmax(scores, keras.ops.cast(mask, "bool")[:, None])
        context = keras.ops.matmul(keras.ops.cast(probabilities, self.compute_dtype), memory)  # [B, W, D']
        return keras.ops.reshape(context, (-1, self.memory_dim)), keras.ops.reshape(probabilities, (-1, length))


def beams_apart(inputs, batch_size):
    """Gives the hypotheses of a beam search an axis of their own.

    Args:
        inputs: Float tensor [W*B, D], those of a row side by side.
        batch_size: B, an integer or an integer scalar tensor; it may be 0.

    Returns:
        Tensor [B, W, D].
    """
    at_least_one = keras.ops.maximum(batch_size, 1) if keras.ops.is_tensor(batch_size) else max(batch_size, 1)
    return keras.ops.reshape(inputs, (batch_size, keras.ops.shape(inputs)[0] // at_least_one, inputs.shape[-1]))
