"""L2: functions that assemble layers into functional models: ids or floats in, logits or floats out.

`encode`, `decode`, `empty_caches` and `filled_caches` are the Transformer's; `family(model)` gives those of any model.
"""

from keras_attn.models.bert import bert, bert_text_encoder
from keras_attn.models.bert_folder import read_bert
from keras_attn.models.families import family
from keras_attn.models.recurrent_text_encoder import recurrent_text_encoder
from keras_attn.models.rnn_seq2seq import rnn_seq2seq
from keras_attn.models.text_classifier import text_classifier, token_weights
from keras_attn.models.text_encoder import text_encoder
from keras_attn.models.transformer import decode, empty_caches, encode, filled_caches, transformer

__all__ = [
    "bert",
    "bert_text_encoder",
    "decode",
    "empty_caches",
    "encode",
    "family",
    "filled_caches",
    "read_bert",
    "recurrent_text_encoder",
    "rnn_seq2seq",
    "text_classifier",
    "text_encoder",
    "token_weights",
    "transformer",
]
