import re

import keras

_EMBEDDINGS = {"embedding", "segment_embedding", "ngrams", "position", "embedding_norm"}


def layer_groups(model):
    """Sorts the layers of a model that stands on a text encoder by their height, for fine-tuning.

    Args:
        model: A model with an encoder made by `text_encoder` or `bert`, as a part of it or taken apart; such as
            `text_classifier` makes.

    Returns:
        List of lists of layer names from the bottom up: the embeddings, each encoder block, and all that stands above.
        Layers without weights are left out.

    Example:
        >>> from keras_attn import models
        >>> encoder = models.text_encoder(50, num_layers=2, hidden_dim=8, num_heads=2, intermediate_dim=16)
        >>> models.layer_groups(models.masked_language_model(encoder))
        [['embedding'], ['encoder_block_0'], ['encoder_block_1'], ['output_transform', 'output_norm']]
    """
    heights = {}
    for layer in _parts(model):
        if layer.weights:
            block = re.fullmatch(r"encoder_block_(\d+)", layer.name)
            heights[layer.name] = 0 if layer.name in _EMBEDDINGS else 1 + int(block[1]) if block else float("inf")
    return [[name for name in heights if heights[name] == height] for height in sorted(set(heights.values()))]


def _parts(model):
    for layer in model.layers:
        yield from _parts(layer) if isinstance(layer, keras.Model) else [layer]
