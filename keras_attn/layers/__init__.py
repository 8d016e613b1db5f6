"""L1: layers hold weights and call into `keras_attn.ops`; one public class a file."""

from keras_attn.layers.feed_forward import FeedForward
from keras_attn.layers.multi_head_attention import MultiHeadAttention
from keras_attn.layers.sinusoidal_position import SinusoidalPosition
from keras_attn.layers.transformer_decoder_block import TransformerDecoderBlock
from keras_attn.layers.transformer_encoder_block import TransformerEncoderBlock

__all__ = [
    "FeedForward",
    "MultiHeadAttention",
    "SinusoidalPosition",
    "TransformerDecoderBlock",
    "TransformerEncoderBlock",
]
