import keras

from keras_attn.layers.layer import Layer

_FORBIDDEN = -1e4


@keras.saving.register_keras_serializable("keras_attn")
class LinearChain(Layer):
    """Makes a score for each step from state to state out of scores of the states: a conditional random field.

    `s[b, t, i, j] = x[b, t, j] + A[i, j]`, and at the first place `s[b, 0, i, j] = x[b, 0, j] + a[j]` whatever i. A
    step that is not allowed gets 10000 less. `ops.best_chain` finds the best path through these scores, and
    `training.ChainCrossentropy` teaches them.

    Args:
        allowed_steps: C lists of C booleans: whether state j may follow state i; None allows all.
        allowed_starts: C booleans: whether a path may begin in state j; None allows all.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [B, T, C], T at least 1.

    Returns:
        Tensor [B, T, C, C].

    Raises:
        ValueError: If there is not one list a state, or not one boolean a state in each.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import LinearChain
        >>> tuple(LinearChain()(np.ones((2, 3, 5), "float32")).shape)
        (2, 3, 5, 5)

    Reference:
        Lafferty, McCallum and Pereira 2001, "Conditional Random Fields", section 3; Lample et al. 2016, "Neural
        Architectures for Named Entity Recognition", section 2.2: their A and P are our A and x.
    """

    def __init__(self, allowed_steps=None, allowed_starts=None, **kwargs):
        super().__init__(**kwargs)
        self.allowed_steps = allowed_steps
        self.allowed_starts = allowed_starts
        if allowed_steps is not None and any(len(row) != len(allowed_steps) for row in allowed_steps):
            raise ValueError(
                "`allowed_steps` must hold as many booleans in each list as there are lists. "
                f"Received: lengths={[len(row) for row in allowed_steps]}"
            )

    def build(self, input_shape):
        count = input_shape[-1]
        for name in ("allowed_steps", "allowed_starts"):
            allowed = getattr(self, name)
            if allowed is not None and len(allowed) != count:
                raise ValueError(f"`{name}` must be as long as there are states. Received: {len(allowed)} for {count}")
        self.transitions = self.add_weight((count, count), "zeros", name="transitions")
        self.starts = self.add_weight((count,), "zeros", name="starts")

    def call(self, inputs):
        count = inputs.shape[-1]
        steps = self.transitions + self._forbidden(self.allowed_steps, (count, count))
        starts = self.starts + self._forbidden(self.allowed_starts, (count,))
        states = inputs[:, :, None, :]  # [B, T, 1, C]
        first = states[:, :1] + keras.ops.broadcast_to(starts, (count, count))
        return keras.ops.concatenate([first, states[:, 1:] + steps], axis=1)  # [B, T, C, C]

    def _forbidden(self, allowed, shape):
        if allowed is None:
            return keras.ops.zeros(shape, self.compute_dtype)
        return keras.ops.cast(keras.ops.logical_not(keras.ops.array(allowed, "bool")), self.compute_dtype) * _FORBIDDEN
