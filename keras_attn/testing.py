"""The contract that every layer keeps, as checks that anybody can run over a layer of their own.

`check_layer` runs them all; each can be called by itself. A check that fails raises an AssertionError that says what
is wrong. Everything here runs on every Keras backend.
"""

import inspect
import json
import tempfile
from pathlib import Path

import keras
import numpy as np


def check_layer(layer_class, arguments, inputs, call_arguments=None, masks=None, zero_gradients=(), tolerance=0.05):
    """Checks the whole contract of a layer.

    The config survives a round trip, `build` makes the weights that a call makes, symbolic shapes equal eager ones,
    half precision policies give near numbers in their dtype, masked positions have no influence, gradients reach every
    weight, and a saved layer comes back to the last bit.

    Args:
        layer_class: The layer's class, registered as Keras serializable.
        arguments: Constructor arguments by name; each that has a default must be off it.
        inputs: NumPy arrays by the names of `call`'s arguments, the main one first, masks included. Give small sizes,
            all different, batch dimension first: equal ones hide a wrong axis.
        call_arguments: Arguments of `call` that are not tensors, such as `{"use_causal_mask": True}`.
        masks: For each boolean [B, T] mask in `inputs`, the name of the input whose padding it hides.
        zero_gradients: Ends of the paths of weights whose gradient is zero by mathematics, such as the bias of the keys
            of a softmax attention, "key/bias".
        tolerance: Largest difference between bfloat16's and float32's numbers, as a share of the largest of them;
            float16's may be a quarter of it.

    Raises:
        AssertionError: Naming the layer, what it breaks, and the numbers or names that show it.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import AttentionPooling
        >>> from keras_attn.testing import check_layer
        >>> inputs = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
        >>> mask = np.array([[True, True, True, False, False], [True] * 5])
        >>> check_layer(AttentionPooling, {"units": 7}, {"inputs": inputs, "mask": mask}, masks={"mask": "inputs"})
    """
    check_config(layer_class(**arguments, name="checked", dtype="mixed_bfloat16"))
    layer = layer_class(**arguments)
    check_build(layer, inputs, call_arguments)
    check_shapes(layer, inputs, call_arguments)
    check_dtype_policies(layer, inputs, call_arguments, tolerance)
    check_masks(layer, inputs, call_arguments, masks)
    model = functional(layer, inputs, call_arguments)
    with tempfile.TemporaryDirectory() as folder:
        check_reload(model, inputs, Path(folder))
    upstream = np.random.default_rng(0).normal(size=as_list(model(inputs))[0].shape).astype("float32")
    check_gradients(keras.Model(model.input, model.outputs[0]), inputs, upstream, zero_gradients)


def check_config(layer):
    """Checks that every constructor argument survives the round trip through JSON.

    Args:
        layer: A layer whose arguments are all off their defaults: the loss of one at its default would not show.

    Returns:
        The layer made from the config.

    Raises:
        AssertionError: If an argument is at its default, missing in the config, or changed by the round trip.
    """
    config = layer.get_config()
    for name, parameter in inspect.signature(type(layer).__init__).parameters.items():
        if name == "self" or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        attribute = name if hasattr(layer, name) else f"_{name}"
        assert hasattr(layer, attribute), (
            f"{_label(layer)} must keep its argument {name} as an attribute of the same name"
        )
        value = getattr(layer, attribute)
        at_default = parameter.default in (value, getattr(value, "__name__", value))
        assert not at_default, f"{_label(layer)}: {name} is at its default: its loss would not show"
        assert name in config, f"{_label(layer)}: the config lacks the argument {name}"
    again = type(layer).from_config(json.loads(json.dumps(config)))
    other = again.get_config()
    changed = {
        name: (config[name], other.get(name)) for name in config if _plain(config[name]) != _plain(other.get(name))
    }
    assert not changed, f"{_label(layer)}: the round trip changes the config (before, after): {changed}"
    return again


def check_build(layer, inputs, call_arguments=None):
    """Checks that `build`, given shapes, makes the weights that the first call makes, and the second call none.

    Args:
        layer: A layer; copies of it are built.
        inputs: Arrays by the names of `call`'s arguments.
        call_arguments: Arguments of `call` that are not tensors.

    Raises:
        AssertionError: If the weights differ in name, shape or dtype.
    """
    called, built = fresh(layer), fresh(layer)
    called(**inputs, **(call_arguments or {}))
    assert called.built, f"{_label(layer)} is not built after its first call"
    shapes = {f"{name}_shape": keras.tree.map_structure(np.shape, array) for name, array in inputs.items()}
    names = list(inspect.signature(built.build).parameters)
    if len(names) == 1:  # as Keras has it: a single shape is that of the main input, whatever its name
        built.build(next(iter(shapes.values())))
    else:
        built.build(**{name: shapes[name] for name in names if name in shapes})
    by_call, by_build = ([(w.name, tuple(w.shape), w.dtype) for w in x.weights] for x in (called, built))
    assert by_call == by_build, f"{_label(layer)}: the first call makes {by_call}, build makes {by_build}"
    called(**inputs, **(call_arguments or {}))
    assert len(called.weights) == len(by_call), f"{_label(layer)}: the second call makes new weights"


def check_shapes(layer, inputs, call_arguments=None):
    """Checks that symbolic outputs have the shapes and dtypes of eager ones, with lengths known and unknown.

    Args:
        layer: A layer; copies of it are called.
        inputs: Arrays by the names of `call`'s arguments.
        call_arguments: Arguments of `call` that are not tensors.

    Raises:
        AssertionError: If their number, a shape or a dtype differs.
    """
    eager = as_list(fresh(layer)(**inputs, **(call_arguments or {})))
    expected = [(tuple(x.shape), keras.backend.standardize_dtype(x.dtype)) for x in eager]
    for known in (True, False):
        symbolic = functional(layer, inputs, call_arguments, known).outputs
        received = [(tuple(x.shape), x.dtype) for x in symbolic]
        fits = len(received) == len(expected) and all(
            dtype == wanted_dtype and _fits(shape, wanted, known)
            for (shape, dtype), (wanted, wanted_dtype) in zip(received, expected, strict=True)
        )
        assert fits, (
            f"{_label(layer)}: with {'known' if known else 'open'} lengths the symbolic outputs are {received}, the "
            f"eager ones {expected}"
        )


def check_dtype_policies(layer, inputs, call_arguments=None, tolerance=0.05):
    """Checks that half precision policies compute in half precision, near to float32, on float32 weights.

    Args:
        layer: A layer; copies of it are called.
        inputs: Arrays by the names of `call`'s arguments.
        call_arguments: Arguments of `call` that are not tensors.
        tolerance: Largest difference under mixed_bfloat16, as a share of the largest number; under mixed_float16 a
            quarter of it.

    Raises:
        AssertionError: If a weight or an output has another dtype, or a number is too far off.
    """
    exact, expected = _shuffled(fresh(layer, dtype="float32"), inputs, call_arguments)
    for policy, share in (("mixed_bfloat16", tolerance), ("mixed_float16", tolerance / 4)):
        half = fresh(layer, dtype=policy)
        half(**inputs, **(call_arguments or {}))
        half.set_weights(exact.get_weights())
        wrong = {w.path: w.dtype for w in half.trainable_weights if w.dtype != "float32"}
        assert not wrong, f"{_label(layer)}: under {policy} weights must be float32. Received: {wrong}"
        outputs = as_list(half(**inputs, **(call_arguments or {})))
        for i, (output, wanted) in enumerate(zip(outputs, expected, strict=True)):
            dtype = keras.backend.standardize_dtype(output.dtype)
            where = f"{_label(layer)}: under {policy} output {i}"
            assert dtype == half.compute_dtype, f"{where} must be {half.compute_dtype}. Received: {dtype}"
            error, largest = np.abs(numbers(output) - wanted).max(), np.abs(wanted).max()
            assert error <= share * largest, (
                f"{where} is off by {error / largest:.3g} of its largest; allowed: {share:.3g}"
            )


def check_masks(layer, inputs, call_arguments=None, masks=None):
    """Checks that what a mask hides has no influence, and that a mask which hides all gives finite numbers.

    Where a mask hides positions of the main input, the main output's are compared at the other positions alone.

    Args:
        layer: A layer; a copy of it is called.
        inputs: Arrays by the names of `call`'s arguments, masks included.
        call_arguments: Arguments of `call` that are not tensors.
        masks: For each boolean [B, T] mask in `inputs`, the name of the float input whose padding it hides.

    Raises:
        AssertionError: If a hidden number counts, an output is not finite, or the mask given hides nothing that would
            count without it.
    """
    layer, _ = _shuffled(fresh(layer), inputs, call_arguments)

    def output(name, without=None, **changes):
        arrays = {key: array for key, array in {**inputs, **changes}.items() if key != without}
        result = numbers(as_list(layer(**arrays, **(call_arguments or {})))[0])
        mask = inputs[without or name]
        return result[mask] if hidden == next(iter(inputs)) and result.shape[:2] == mask.shape else result

    for name, hidden in (masks or {}).items():
        mask, array = inputs[name], inputs[hidden]
        shown = mask.reshape(*mask.shape, *[1] * (array.ndim - mask.ndim))
        altered = {hidden: np.where(shown, array, 9.0 - 5.0 * array).astype(array.dtype)}
        same = np.array_equal(output(name), output(name, **altered))
        assert same, f"{_label(layer)}: what {name} hides of {hidden} changes the output"
        same = np.allclose(output(name, without=name), output(name, without=name, **altered))
        assert not same, (
            f"{_label(layer)}: {name} hides nothing of {hidden} that would count without it; hide some position that "
            "others see"
        )
        finite = np.isfinite(output(name, **{name: np.zeros_like(mask)})).all()
        assert finite, f"{_label(layer)}: the output is not finite where {name} hides all of {hidden}"


def check_reload(model, inputs, folder):
    """Checks that a saved and reloaded model gives the very same numbers.

    Args:
        model: A Keras model.
        inputs: What it is called on.
        folder: Folder to write a file to.

    Raises:
        AssertionError: If any number differs.
    """
    path = str(Path(folder, "model.keras"))
    model.save(path)
    again = keras.saving.load_model(path)
    for i, (first, second) in enumerate(zip(as_list(model(inputs)), as_list(again(inputs)), strict=True)):
        assert np.array_equal(numbers(first), numbers(second)), f"{model.name}: output {i} differs after a reload"


def check_gradients(model, inputs, upstream, zero_gradients=()):
    """Checks that gradients are finite and reach every weight.

    Args:
        model: A Keras model with one output; it is trained by one step.
        inputs: What it is called on.
        upstream: The gradient by the output, an array of its shape.
        zero_gradients: Ends of the paths of weights whose gradient is zero by mathematics; it must be.

    Raises:
        AssertionError: Naming the weight that gets no gradient, or one that is not finite.
    """
    for path, gradient in weight_gradients(model, inputs, upstream).items():
        assert np.isfinite(gradient).all(), f"{path}: its gradient is not finite"
        largest = np.abs(gradient).max()
        if path.endswith(tuple(zero_gradients)):
            assert largest < 1e-5, f"{path}: its gradient should be zero. Received: {largest:.3g}"
        else:
            assert largest > 1e-4, f"{path}: no gradient reaches it. Received: {largest:.3g} at most"


def weight_gradients(model, inputs, upstream):
    """The gradient of `sum(upstream * model(inputs))` by every trainable weight.

    Taken as the change that one step of plain gradient descent makes, which is the same call on every backend.

    Args:
        model: A Keras model with one output; it is trained by one step.
        inputs: What it is called on.
        upstream: The gradient by the output, an array of its shape.

    Returns:
        Dict of arrays by the weights' paths.
    """
    if not model.trainable_weights:
        return {}

    def inner_product(upstream, outputs):
        return keras.ops.sum(upstream * outputs)

    eager = keras.backend.backend() != "jax"  # one compilation beats one for each operation there
    model.compile(keras.optimizers.SGD(1.0), loss=inner_product, run_eagerly=eager)
    before = [numbers(weight) for weight in model.trainable_weights]
    model.train_on_batch(inputs, upstream)
    after = [numbers(weight) for weight in model.trainable_weights]
    paths = [weight.path for weight in model.trainable_weights]
    return {path: old - new for path, old, new in zip(paths, before, after, strict=True)}


def shuffle_weights(layer, seed=100):
    """Gives every trainable weight random numbers, so that biases of 0 and scales of 1 can't hide a mistake.

    Args:
        layer: A built layer or model.
        seed: Seed of the numbers.
    """
    generator = np.random.default_rng(seed)
    for weight in layer.trainable_weights:
        weight.assign(generator.normal(size=weight.shape) / max(weight.shape[:1], default=1) ** 0.5)


def fresh(layer, **changes):
    """Makes an unbuilt copy of a layer from its config.

    Args:
        layer: A layer.
        **changes: Arguments that are to differ, such as `dtype`.

    Returns:
        A layer of the same class.
    """
    return type(layer).from_config({**layer.get_config(), **changes})


def functional(layer, inputs, call_arguments=None, known_shapes=False):
    """Makes a functional model of a copy of a layer.

    Args:
        layer: A layer.
        inputs: Arrays by the names of `call`'s arguments.
        call_arguments: Arguments of `call` that are not tensors.
        known_shapes: Whether the model's inputs have the arrays' shapes; else only the last dimension of float ones.

    Returns:
        A `keras.Model` from a dict of inputs to a list of outputs.
    """

    def symbolic(array, name=None):
        open_shape = (None,) * (array.ndim - 1) + (array.shape[-1] if array.dtype.kind == "f" else None,)
        return keras.Input(batch_shape=array.shape if known_shapes else open_shape, dtype=str(array.dtype), name=name)

    tensors = {
        name: symbolic(value, name) if isinstance(value, np.ndarray) else keras.tree.map_structure(symbolic, value)
        for name, value in inputs.items()
    }
    return keras.Model(tensors, as_list(fresh(layer)(**tensors, **(call_arguments or {}))))


def numbers(tensor):
    """Gives a tensor of any dtype as float64.

    Args:
        tensor: A tensor of any backend.

    Returns:
        NumPy array.
    """
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32")).astype("float64")


def as_list(outputs):
    """Gives outputs as a flat list, also when there is one only.

    Args:
        outputs: A tensor, or tensors in lists, tuples and dicts.

    Returns:
        List of tensors.
    """
    return keras.tree.flatten(outputs)


def _fits(shape, wanted, known):
    """Whether a symbolic shape is the eager one; where the inputs leave lengths open it may leave them open too."""
    return len(shape) == len(wanted) and all(
        size == other or (size is None and not known) for size, other in zip(shape, wanted, strict=True)
    )


def _shuffled(layer, inputs, call_arguments):
    """The layer with random weights, and its outputs."""
    layer(**inputs, **(call_arguments or {}))
    shuffle_weights(layer)
    return layer, [numbers(x) for x in as_list(layer(**inputs, **(call_arguments or {})))]


def _plain(value):
    """A value of a config without the numbers by which Keras knows shared objects: a copy has others."""
    if not isinstance(value, dict):
        return value
    return {key: _plain(inner) for key, inner in value.items() if key != "shared_object_id"}


def _label(layer):
    return type(layer).__name__
