"""L3: looking inside: what a model attends to, as numbers and pictures."""

from keras_attn.explain.attention_map import AttentionMap
from keras_attn.explain.forecast_map import ForecastMap
from keras_attn.explain.signal_weights import SignalWeights
from keras_attn.explain.token_weights import TokenWeights

__all__ = ["AttentionMap", "ForecastMap", "SignalWeights", "TokenWeights"]
