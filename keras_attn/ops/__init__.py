"""L0: pure functions of tensors, in `keras.ops` alone, so that they run on every Keras backend."""

from keras_attn.ops.attention import dot_product_attention
from keras_attn.ops.axes import fold_axes, fold_mask, unfold_axes, unfold_scores
from keras_attn.ops.cache import (
    attend_scaled,
    attend_to_past,
    empty_cache,
    empty_past,
    extend_past,
    new_past,
    roll_cache,
    update_cache,
)
from keras_attn.ops.crossentropy import crossentropy
from keras_attn.ops.dropout import dropout
from keras_attn.ops.filled_cache import attend_to_filled
from keras_attn.ops.linear_chain import best_chain, chain_log_partition, chain_path_score
from keras_attn.ops.masks import (
    causal_mask,
    combine_masks,
    expand_bias,
    expand_masks,
    segment_mask,
    segment_starts,
)
from keras_attn.ops.positions import rotate_by_position, sinusoidal_positions, sinusoids
from keras_attn.ops.projections import project
from keras_attn.ops.relative_positions import (
    alibi_bias,
    alibi_slopes,
    shaw_bias,
    shaw_values,
    t5_bias,
    t5_buckets,
    transformer_xl_bias,
)
from keras_attn.ops.score_bias import ScoreBias
from keras_attn.ops.scores import additive_scores, cosine_scores, dot_scores
from keras_attn.ops.sliding_window import SlidingWindow
from keras_attn.ops.softmax import forbidding_bias, masked_softmax

__all__ = [
    "ScoreBias",
    "SlidingWindow",
    "additive_scores",
    "alibi_bias",
    "alibi_slopes",
    "attend_scaled",
    "attend_to_filled",
    "attend_to_past",
    "best_chain",
    "causal_mask",
    "chain_log_partition",
    "chain_path_score",
    "combine_masks",
    "cosine_scores",
    "crossentropy",
    "dot_product_attention",
    "dot_scores",
    "dropout",
    "empty_cache",
    "empty_past",
    "expand_bias",
    "expand_masks",
    "extend_past",
    "fold_axes",
    "fold_mask",
    "forbidding_bias",
    "masked_softmax",
    "new_past",
    "project",
    "roll_cache",
    "rotate_by_position",
    "segment_mask",
    "segment_starts",
    "shaw_bias",
    "shaw_values",
    "sinusoidal_positions",
    "sinusoids",
    "t5_bias",
    "t5_buckets",
    "transformer_xl_bias",
    "unfold_axes",
    "unfold_scores",
    "update_cache",
]
