"""The contract check: it passes a layer of a user's own that is right, and names each way of being wrong."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attn import testing
from tests.layer_checks import normal

INPUTS = {"inputs": normal(2, 7, 5), "mask": np.arange(7) < np.array([[7], [3]])}


@keras.saving.register_keras_serializable("tests")
class MeanOfHidden(keras.layers.Layer):
    """The mean of `units` hidden values over the positions that a mask shows; a plain Keras layer."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.supports_masking = True

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight((self.units,), "zeros", name="bias")

    def hidden(self, inputs):
        return ops.tanh(ops.matmul(inputs, self.kernel) + self.bias)

    def call(self, inputs, mask=None):
        shown = ops.ones(ops.shape(inputs)[:2]) if mask is None else mask
        shown = ops.cast(shown, self.compute_dtype)[..., None]  # [B, T, 1]
        return ops.sum(shown * self.hidden(inputs), 1) / ops.maximum(ops.sum(shown, 1), 1)

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def check(layer_class, arguments=None, **others):
    keras.saving.register_keras_serializable("tests")(layer_class)
    arguments = {"units": 11} if arguments is None else arguments
    testing.check_layer(layer_class, arguments, INPUTS, **{"masks": {"mask": "inputs"}, **others})


def test_a_layer_that_keeps_the_contract_passes():
    check(MeanOfHidden)


class ForgetsAnArgument(MeanOfHidden):
    def get_config(self):
        return {name: value for name, value in super().get_config().items() if name != "units"}


class RenamesAnArgument(MeanOfHidden):
    def __init__(self, width=3, **kwargs):
        super().__init__(width, **kwargs)


class RewritesAnArgument(MeanOfHidden):
    def __init__(self, units=3, **kwargs):
        super().__init__(2 * units, **kwargs)


class BuildsLate(MeanOfHidden):
    def build(self, input_shape):
        self.dense = keras.layers.Dense(self.units, "tanh", dtype=self.dtype_policy)

    def hidden(self, inputs):
        return self.dense(inputs)


class SaysAnotherShape(MeanOfHidden):
    def compute_output_shape(self, input_shape):
        return input_shape


class AnswersInFloat32(MeanOfHidden):
    def call(self, inputs, mask=None):
        return ops.cast(super().call(inputs, mask), "float32")


class RoundsInHalfPrecision(MeanOfHidden):
    def hidden(self, inputs):
        return super().hidden(inputs) * (1.0 if self.compute_dtype == "float32" else 1.25)


class HasHalfPrecisionWeights(MeanOfHidden):
    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel", dtype=self.compute_dtype)
        self.bias = self.add_weight((self.units,), "zeros", name="bias")


class IgnoresTheMask(MeanOfHidden):
    def call(self, inputs, mask=None):
        return super().call(inputs)


class MaskHidesWhatNeverCounts(MeanOfHidden):
    def call(self, inputs, mask=None):
        return super().call(inputs[:, :3])


class DividesByZero(MeanOfHidden):
    def call(self, inputs, mask=None):
        shown = 1.0 if mask is None else ops.max(ops.cast(mask, self.compute_dtype), 1, keepdims=True)
        return super().call(inputs, mask) * (shown / shown)


class StopsGradients(MeanOfHidden):
    def hidden(self, inputs):
        return ops.tanh(ops.matmul(inputs, ops.stop_gradient(self.kernel)) + self.bias)


class ForgetsAState(MeanOfHidden):
    """A number that is no weight is not saved."""

    count = 0

    def build(self, input_shape):
        super().build(input_shape)
        type(self).count += 1
        self.factor = 1.0 + 0.001 * self.count

    def hidden(self, inputs):
        return self.factor * super().hidden(inputs)


@pytest.mark.parametrize(
    ("layer_class", "text"),
    [
        (ForgetsAnArgument, "ForgetsAnArgument: the config lacks the argument units$"),
        (RenamesAnArgument, "RenamesAnArgument must keep its argument width as an attribute of the same name$"),
        (RewritesAnArgument, r"the round trip changes the config \(before, after\): {'units': \(22, 44\)}$"),
        (BuildsLate, r"the first call makes \[\('kernel', .*\], build makes \[\]$"),
        (SaysAnotherShape, r"with known lengths the symbolic outputs are \[\(\(2, 7, 5\), .*eager ones \[\(\(2, 11\)"),
        (AnswersInFloat32, r"under mixed_bfloat16 output 0 must be bfloat16\. Received: float32$"),
        (RoundsInHalfPrecision, r"under mixed_bfloat16 output 0 is off by 0\.2\d+ of its largest; allowed: 0\.05$"),
        (HasHalfPrecisionWeights, r"under mixed_bfloat16 weights must be float32\. Received: {.*'bfloat16'}$"),
        (IgnoresTheMask, "what mask hides of inputs changes the output$"),
        (MaskHidesWhatNeverCounts, "mask hides nothing of inputs that would count without it; hide some position"),
        (DividesByZero, "the output is not finite where mask hides all of inputs$"),
        (StopsGradients, r"kernel: no gradient reaches it\. Received: 0 at most$"),
        (ForgetsAState, "output 0 differs after a reload$"),
    ],
)
def test_a_layer_that_breaks_the_contract_is_named(layer_class, text):
    arguments = {"width": 11} if layer_class is RenamesAnArgument else {"units": 11}
    with pytest.raises(AssertionError, match=text):
        check(layer_class, arguments)


@pytest.mark.parametrize("arguments", [{}, {"units": 3}])
def test_an_argument_at_its_default_checks_nothing(arguments):
    with pytest.raises(AssertionError, match=r"MeanOfHidden: units is at its default: its loss would not show$"):
        check(MeanOfHidden, arguments)


def test_a_name_of_a_function_is_a_default_too():
    class Activated(MeanOfHidden):
        def __init__(self, activation="relu", **kwargs):
            super().__init__(11, **kwargs)
            self.activation = keras.activations.get(activation)

    with pytest.raises(AssertionError, match="Activated: activation is at its default"):
        testing.check_config(Activated())


def test_a_gradient_said_to_be_zero_must_be():
    with pytest.raises(AssertionError, match=r"bias: its gradient should be zero\. Received: "):
        check(MeanOfHidden, zero_gradients=["bias"])


def test_gradients_are_those_of_the_equation():
    """`y = x W + b`: by W it is `x^T u`, by b the sum of u."""
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, name="dense")])
    inputs, upstream = normal(7, 5, seed=1), normal(7, 3, seed=2)
    gradients = testing.weight_gradients(model, inputs, upstream)
    expected = {"kernel": inputs.T.astype("float64") @ upstream, "bias": upstream.sum(0, dtype="float64")}
    assert {path.split("/")[-1] for path in gradients} == set(expected)
    for path, gradient in gradients.items():
        np.testing.assert_allclose(gradient, expected[path.split("/")[-1]], atol=1e-5)


def test_shuffled_weights_are_different_numbers():
    layer = keras.layers.LayerNormalization()
    layer.build((None, 5))
    testing.shuffle_weights(layer)
    assert len(np.unique(np.concatenate(layer.get_weights()))) == 10
