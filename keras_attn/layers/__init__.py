"""L1: layers hold weights and call into `keras_attn.ops`; one public class a file."""

from keras_attn.layers.attention_pooling import AttentionPooling
from keras_attn.layers.bahdanau_attention import BahdanauAttention
from keras_attn.layers.feed_forward import FeedForward
from keras_attn.layers.luong_attention import LuongAttention
from keras_attn.layers.multi_head_attention import MultiHeadAttention
from keras_attn.layers.rotary_position import RotaryPosition
from keras_attn.layers.sinusoidal_position import SinusoidalPosition
from keras_attn.layers.transformer_decoder_block import TransformerDecoderBlock
from keras_attn.layers.transformer_encoder_block import TransformerEncoderBlock

__all__ = [
    "AttentionPooling",
    "BahdanauAttention",
    "FeedForward",
    "LuongAttention",
    "MultiHeadAttention",
    "RotaryPosition",
    "SinusoidalPosition",
    "TransformerDecoderBlock",
    "TransformerEncoderBlock",
]
