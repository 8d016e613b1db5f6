import keras


def rematerialize(layer, function, *tensors):
    """Calls a function of a layer's weights without keeping what its gradient needs: that is computed once more.

    Keras's `RematScope` is no way to it on TensorFlow: there it refuses keyword arguments in a functional model. Seeds
    of dropouts are read before, so that the second computation drops what the first did.

    Args:
        layer: The built layer.
        function: Function of tensors that uses the layer's variables.
        *tensors: Its arguments that gradients go to, or None; what else it needs it may hold itself.

    Returns:
        The tensor that the function returns.

    Reference:
        Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", section 4.
    """
    weights, states = layer.trainable_variables, layer.non_trainable_variables
    seeds = [state for state in states if keras.backend.is_int_dtype(state.dtype)]
    before = [(state, keras.ops.copy(state)) for state in states]

    def stateless(*values):
        rest = iter(values[len(weights) :])
        with keras.StatelessScope([*zip(weights, values[: len(weights)], strict=True), *before]) as scope:
            output = function(*(None if tensor is None else next(rest) for tensor in tensors))
        return output, *(scope.get_current_value(seed) for seed in seeds)

    given = (tensor for tensor in tensors if tensor is not None)
    output, *after = keras.remat(stateless)(*(weight.value for weight in weights), *given)
    for seed, value in zip(seeds, after, strict=True):
        seed.assign(value)
    return output
