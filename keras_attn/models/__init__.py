"""L2: functions that assemble layers into functional models: ids or floats in, logits or floats out."""

from keras_attn.models.transformer import decode, empty_caches, encode, filled_caches, transformer

__all__ = ["decode", "empty_caches", "encode", "filled_caches", "transformer"]
