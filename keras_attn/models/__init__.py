"""L2: functions that assemble layers into functional models: ids or floats in, logits or floats out.

`encode`, `decode`, `empty_caches` and `filled_caches` are the Transformer's; `family(model)` gives those of any model.
"""

from keras_attn.models.bert import bert, bert_text_encoder
from keras_attn.models.bert_folder import read_bert
from keras_attn.models.families import family
from keras_attn.models.forecast_attention import forecast_attention
from keras_attn.models.forecaster_parts import ForecastShape
from keras_attn.models.inverted_forecaster import inverted_forecaster
from keras_attn.models.language_model import causal_language_model, encoder_of, masked_language_model
from keras_attn.models.layer_groups import layer_groups
from keras_attn.models.linear_forecaster import linear_forecaster
from keras_attn.models.patch_forecaster import patch_forecaster
from keras_attn.models.recurrent_text_encoder import recurrent_text_encoder
from keras_attn.models.rnn_seq2seq import rnn_seq2seq
from keras_attn.models.sequence_forecaster import sequence_forecaster
from keras_attn.models.signal_classifier import class_logits, signal_classifier, step_weights
from keras_attn.models.signal_encoder import signal_encoder
from keras_attn.models.signal_steps import signal_filter, signal_transcriber
from keras_attn.models.tagger import tagger, word_attention
from keras_attn.models.text_classifier import text_classifier, token_weights
from keras_attn.models.text_encoder import text_encoder
from keras_attn.models.transformer import decode, empty_caches, encode, filled_caches, transformer

__all__ = [
    "ForecastShape",
    "bert",
    "bert_text_encoder",
    "causal_language_model",
    "class_logits",
    "decode",
    "empty_caches",
    "encode",
    "encoder_of",
    "family",
    "filled_caches",
    "forecast_attention",
    "inverted_forecaster",
    "layer_groups",
    "linear_forecaster",
    "masked_language_model",
    "patch_forecaster",
    "read_bert",
    "recurrent_text_encoder",
    "rnn_seq2seq",
    "sequence_forecaster",
    "signal_classifier",
    "signal_encoder",
    "signal_filter",
    "signal_transcriber",
    "step_weights",
    "tagger",
    "text_classifier",
    "text_encoder",
    "token_weights",
    "transformer",
    "word_attention",
]
