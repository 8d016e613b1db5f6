"""How a pretrained model is trained on: smaller steps below, and layers that wait for their turn."""

import keras


def layerwise_rates(groups, decay):
    """Gives the layers that stand lower smaller learning rates, as the `rate_factors` of an optimizer.

    A layer of the top group learns with the whole rate, one of the group below with `decay` times that, one below
    that with `decay^2`, and so on.

    Args:
        groups: Lists of layer names from the bottom up, such as `models.layer_groups(model)` gives them.
        decay: Factor from a group to the one below.

    Returns:
        Dict of layer name -> factor.

    Raises:
        ValueError: If `decay` is not above 0 and at most 1.

    Example:
        >>> from keras_attn.training import Adam, layerwise_rates
        >>> layerwise_rates([["embedding"], ["encoder_block_0"], ["head"]], decay=0.5)
        {'embedding': 0.25, 'encoder_block_0': 0.5, 'head': 1.0}
        >>> optimizer = Adam(0.001, rate_factors=layerwise_rates([["embedding"], ["head"]], decay=0.5))

    Reference:
        Howard and Ruder 2018, "Universal Language Model Fine-tuning", section 3.2 ("discriminative fine-tuning"), where
        `decay` is 1 / 2.6.
    """
    if not 0 < decay <= 1:
        raise ValueError(f"`decay` must be above 0 and at most 1. Received: decay={decay}")
    top = len(groups) - 1
    return {name: float(decay ** (top - height)) for height, group in enumerate(groups) for name in group}


class GradualUnfreezing(keras.callbacks.Callback):
    """Trains the top of a model first, and takes in one more group of layers below each few epochs.

    In epoch e, counted from 0, the top `1 + e // epochs_per_group` groups learn. A layer in no group always does. When
    the training ends, all of them are trainable again.

    Build the optimizer with all weights before the training begins, `model.optimizer.build(model.trainable_variables)`:
    it cannot take in others later.

    Args:
        groups: Lists of layer names from the bottom up, such as `models.layer_groups(model)` gives them.
        epochs_per_group: Epochs after which the next group is taken in.

    Raises:
        ValueError: If `epochs_per_group` is not positive, or, when the training begins, the model lacks a layer or the
            optimizer was not built.

    Example:
        >>> import keras, numpy as np
        >>> from keras_attn.training import GradualUnfreezing
        >>> layers = [keras.Input((2,)), keras.layers.Dense(2, name="below"), keras.layers.Dense(1, name="head")]
        >>> model = keras.Sequential(layers)
        >>> model.compile("sgd", "mse")
        >>> model.optimizer.build(model.trainable_variables)
        >>> unfreezing = GradualUnfreezing([["below"], ["head"]])
        >>> before = model.get_layer("below").get_weights()[0]
        >>> history = model.fit(np.ones((4, 2)), np.ones(4), epochs=1, verbose=0, callbacks=[unfreezing])
        >>> bool((model.get_layer("below").get_weights()[0] == before).all())
        True

    Reference:
        Howard and Ruder 2018, "Universal Language Model Fine-tuning", section 3.3.
    """

    def __init__(self, groups, epochs_per_group=1):
        super().__init__()
        if epochs_per_group < 1:
            raise ValueError(f"`epochs_per_group` must be at least 1. Received: epochs_per_group={epochs_per_group}")
        self.groups = [list(group) for group in groups]
        self.epochs_per_group = epochs_per_group

    def on_train_begin(self, logs=None):
        self._layers = {layer.name: layer for layer in self.model._flatten_layers()}
        unknown = [name for group in self.groups for name in group if name not in self._layers]
        if unknown:
            raise ValueError(
                f"The model has no such layers; take the groups from `models.layer_groups(model)`. Received: {unknown}"
            )
        if not self.model.optimizer.built:
            raise ValueError(
                "The optimizer must know all weights: call `model.optimizer.build(model.trainable_variables)` first. "
                "Received: an optimizer that is not built"
            )

    def on_epoch_begin(self, epoch, logs=None):
        self._open(1 + epoch // self.epochs_per_group)

    def on_train_end(self, logs=None):
        self._open(len(self.groups))

    def _open(self, count):
        closed = len(self.groups) - min(count, len(self.groups))
        changed = False
        for height, group in enumerate(self.groups):
            for name in group:
                changed |= self._layers[name].trainable != (height >= closed)
                self._layers[name].trainable = height >= closed
        if changed:
            self.model.make_train_function(force=True)  # the old one holds the old list of weights
