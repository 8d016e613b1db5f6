"""L0: pure functions of tensors, in `keras.ops` alone, so that they run on every Keras backend."""

from keras_attn.ops.attention import dot_product_attention
from keras_attn.ops.cache import empty_cache, update_cache
from keras_attn.ops.crossentropy import crossentropy
from keras_attn.ops.masks import causal_mask, combine_masks
from keras_attn.ops.positions import sinusoidal_positions
from keras_attn.ops.projections import project

__all__ = [
    "causal_mask",
    "combine_masks",
    "crossentropy",
    "dot_product_attention",
    "empty_cache",
    "project",
    "sinusoidal_positions",
    "update_cache",
]
