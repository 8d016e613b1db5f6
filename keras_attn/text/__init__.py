"""Text to ids and back, inside the TensorFlow graph: tokenizers trained from texts and packed with the model."""

from keras_attn.text.byte_tokenizer import ByteTokenizer
from keras_attn.text.character_tokenizer import CharacterTokenizer
from keras_attn.text.kinds import load_tokenizer, train_tokenizer
from keras_attn.text.subword_tokenizer import SubwordTokenizer
from keras_attn.text.tokenizer import (
    END_ID,
    PADDING_ID,
    START_ID,
    UNKNOWN_ID,
    Tokenizer,
)
from keras_attn.text.wordpiece_tokenizer import WordpieceTokenizer
from keras_attn.text.words import split_words

__all__ = [
    "END_ID",
    "PADDING_ID",
    "START_ID",
    "UNKNOWN_ID",
    "ByteTokenizer",
    "CharacterTokenizer",
    "SubwordTokenizer",
    "Tokenizer",
    "WordpieceTokenizer",
    "load_tokenizer",
    "split_words",
    "train_tokenizer",
]
