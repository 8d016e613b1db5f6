"""Keras's optimizers with weight decay, which remember, when saved, what they do not decay."""

import keras


class _SelectiveDecay:
    def __init__(self, *args, no_decay=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.no_decay = tuple(no_decay)

    def build(self, variables):
        if not self.built:
            self.exclude_from_weight_decay([variable for variable in variables if variable.name in self.no_decay])
        super().build(variables)

    def get_config(self):
        return {**super().get_config(), "no_decay": list(self.no_decay)}


@keras.saving.register_keras_serializable("keras_attn")
class AdamW(_SelectiveDecay, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` that leaves the named weights without decay, also after a reload.

    Keras's own `exclude_from_weight_decay` is not saved: a training resumed from a file would decay what it spared.

    Args:
        *args: Keras's own, such as `learning_rate` and `weight_decay`.
        no_decay: Names of weights that do not decay, such as `("bias", "beta", "gamma", "scale")`.
        **kwargs: Keras's own.

    Example:
        >>> from keras_attn.training import AdamW
        >>> AdamW(0.001, weight_decay=0.01, no_decay=("bias",)).get_config()["no_decay"]
        ['bias']

    Reference:
        Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2.
    """


@keras.saving.register_keras_serializable("keras_attn")
class Adafactor(_SelectiveDecay, keras.optimizers.Adafactor):
    """`keras.optimizers.Adafactor` that leaves the named weights without decay, also after a reload.

    Args:
        *args: Keras's own, such as `learning_rate` and `weight_decay`.
        no_decay: Names of weights that do not decay, such as `("bias", "beta", "gamma", "scale")`.
        **kwargs: Keras's own.

    Example:
        >>> from keras_attn.training import Adafactor
        >>> Adafactor(0.01, no_decay=("bias",)).get_config()["no_decay"]
        ['bias']

    Reference:
        Shazeer and Stern 2018, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", algorithm 4.
    """
