"""Keras's optimizers with what they lack for language: decay that spares weights after a reload, exact clipping, and
rates of their own for some layers.

Keras 3.15 does not save `exclude_from_weight_decay`, so that a training resumed from a file would decay what it spared.
On TensorFlow its `global_clipnorm` takes the rows of an embedding's gradient before those of one word are added, and
finds a norm that is not the gradient's; its Adam squares them before they are added.
"""

import keras


class _Optimizer:
    def __init__(self, *args, no_decay=(), rate_factors=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.no_decay = tuple(no_decay)
        self.rate_factors = dict(rate_factors or {})

    def build(self, variables):
        if not self.built:
            self.exclude_from_weight_decay([variable for variable in variables if variable.name in self.no_decay])
            self._factors = {str(self._var_key(variable)): self._named_factor(variable) for variable in variables}
        super().build(variables)

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, learning_rate * self._factor(variable))

    def _apply_weight_decay(self, variables):
        for variable in variables if self.weight_decay is not None else []:
            if self._use_weight_decay(variable):
                rate = keras.ops.cast(self.learning_rate, variable.dtype) * self._factor(variable)
                self.assign_sub(variable, variable * (self.weight_decay * rate))

    def _factor(self, variable):
        return self._factors[str(self._var_key(variable))]

    def _named_factor(self, variable):
        """The factor of the layer that a weight belongs to."""
        names = variable.path.split("/")
        return next((factor for name, factor in self.rate_factors.items() if name in names), 1.0)

    def apply(self, grads, trainable_variables=None):
        if self.global_clipnorm or self.clipnorm:
            grads = [None if grad is None else _dense(grad) for grad in grads]
        super().apply(grads, trainable_variables)

    def finalize_variable_values(self, var_list):
        super().finalize_variable_values(self._trainable_variables)  # of frozen ones too, which the list leaves out

    def get_config(self):
        return {**super().get_config(), "no_decay": list(self.no_decay), "rate_factors": dict(self.rate_factors)}


class _OnePass:
    """Adam's update in one pass over each weight where the backend has one."""

    def update_step(self, gradient, variable, learning_rate):
        if keras.backend.backend() != "tensorflow" or self.amsgrad:
            return super().update_step(gradient, variable, learning_rate)
        from keras_attn.ops import tensorflow

        index = self._get_variable_index(variable)
        tensorflow.adam_update(
            variable,
            self._momentums[index],
            self._velocities[index],
            keras.ops.cast(gradient, variable.dtype),
            keras.ops.cast(self.iterations + 1, variable.dtype),
            keras.ops.cast(learning_rate, variable.dtype),
            self.beta_1,
            self.beta_2,
            self.epsilon,
        )


def _dense(grad):
    return keras.ops.reshape(grad, keras.ops.shape(grad))  # TensorFlow adds an embedding's rows to reshape them


@keras.saving.register_keras_serializable("keras_attn")
class Adam(_Optimizer, _OnePass, keras.optimizers.Adam):
    """`keras.optimizers.Adam` that clips by the norm of the whole gradient, embeddings included.

    Args:
        *args: Keras's own, such as `learning_rate`.
        no_decay: Names of weights that do not decay, such as `("bias", "beta", "gamma", "scale")`.
        rate_factors: Dict of layer name -> what the learning rate is multiplied by for its weights, 1 for all others;
            see `layerwise_rates`.
        **kwargs: Keras's own.

    Example:
        >>> from keras_attn.training import Adam
        >>> Adam(0.001, global_clipnorm=1.0).global_clipnorm
        1.0

    Reference:
        Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", section 2.
    """


@keras.saving.register_keras_serializable("keras_attn")
class AdamW(_Optimizer, _OnePass, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` that spares the named weights the decay, also after a reload, and clips as `Adam`.

    Args:
        *args: Keras's own, such as `learning_rate` and `weight_decay`.
        no_decay: Names of weights that do not decay, such as `("bias", "beta", "gamma", "scale")`.
        rate_factors: Dict of layer name -> what the learning rate is multiplied by for its weights, 1 for all others;
            see `layerwise_rates`.
        **kwargs: Keras's own.

    Example:
        >>> from keras_attn.training import AdamW
        >>> AdamW(0.001, weight_decay=0.01, no_decay=("bias",)).get_config()["no_decay"]
        ['bias']

    Reference:
        Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2.
    """


@keras.saving.register_keras_serializable("keras_attn")
class Adafactor(_Optimizer, keras.optimizers.Adafactor):
    """`keras.optimizers.Adafactor` that spares the named weights the decay, also after a reload, and clips as `Adam`.

    Args:
        *args: Keras's own, such as `learning_rate` and `weight_decay`.
        no_decay: Names of weights that do not decay, such as `("bias", "beta", "gamma", "scale")`.
        rate_factors: Dict of layer name -> what the learning rate is multiplied by for its weights, 1 for all others;
            see `layerwise_rates`.
        **kwargs: Keras's own.

    Example:
        >>> from keras_attn.training import Adafactor
        >>> Adafactor(0.01, no_decay=("bias",)).get_config()["no_decay"]
        ['bias']

    Reference:
        Shazeer and Stern 2018, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", algorithm 4.
    """
