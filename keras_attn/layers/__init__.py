"""L1: layers hold weights and call into `keras_attn.ops`; one public class a file."""

from keras_attn.layers.alibi_position import AlibiPosition
from keras_attn.layers.attention_cell import AttentionCell
from keras_attn.layers.attention_pooling import AttentionPooling
from keras_attn.layers.attention_position import AttentionPosition
from keras_attn.layers.attention_rnn import AttentionRNN
from keras_attn.layers.bahdanau_attention import BahdanauAttention
from keras_attn.layers.conformer_block import ConformerBlock
from keras_attn.layers.conformer_convolution import ConformerConvolution
from keras_attn.layers.convolution_stem import ConvolutionStem
from keras_attn.layers.dropout import Dropout
from keras_attn.layers.feed_forward import FeedForward
from keras_attn.layers.learned_position import LearnedPosition
from keras_attn.layers.linear_chain import LinearChain
from keras_attn.layers.luong_attention import LuongAttention
from keras_attn.layers.multi_head_attention import MultiHeadAttention
from keras_attn.layers.ngram_embedding import NgramEmbedding
from keras_attn.layers.patch_embedding import PatchEmbedding
from keras_attn.layers.reversible_instance_norm import ReversibleInstanceNorm
from keras_attn.layers.rotary_position import RotaryPosition
from keras_attn.layers.shaw_position import ShawPosition
from keras_attn.layers.signal_augmentation import SignalAugmentation
from keras_attn.layers.sinusoidal_position import SinusoidalPosition
from keras_attn.layers.spec_augment import SpecAugment
from keras_attn.layers.t5_position import T5Position
from keras_attn.layers.transformer_decoder_block import TransformerDecoderBlock
from keras_attn.layers.transformer_encoder_block import TransformerEncoderBlock
from keras_attn.layers.transformer_xl_position import TransformerXLPosition
from keras_attn.layers.windowed_pooling import WindowedPooling
from keras_attn.layers.word_dropout import WordDropout

__all__ = [
    "AlibiPosition",
    "AttentionCell",
    "AttentionPooling",
    "AttentionPosition",
    "AttentionRNN",
    "BahdanauAttention",
    "ConformerBlock",
    "ConformerConvolution",
    "ConvolutionStem",
    "Dropout",
    "FeedForward",
    "LearnedPosition",
    "LinearChain",
    "LuongAttention",
    "MultiHeadAttention",
    "NgramEmbedding",
    "PatchEmbedding",
    "ReversibleInstanceNorm",
    "RotaryPosition",
    "ShawPosition",
    "SignalAugmentation",
    "SinusoidalPosition",
    "SpecAugment",
    "T5Position",
    "TransformerDecoderBlock",
    "TransformerEncoderBlock",
    "TransformerXLPosition",
    "WindowedPooling",
    "WordDropout",
]
