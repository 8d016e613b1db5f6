"""Models on disk that a stock server, or another engine, loads."""

from keras_attn.export.ctranslate2 import write_ctranslate2, write_translate_script
from keras_attn.export.model_card import write_model_card
from keras_attn.export.parity import check_parity
from keras_attn.export.saved_model import audit_saved_model, export_saved_model
from keras_attn.export.serving_files import write_serving_files
from keras_attn.export.stored_weights import StoredWeights
from keras_attn.export.versions import ExportError, write_version

__all__ = [
    "ExportError",
    "StoredWeights",
    "audit_saved_model",
    "check_parity",
    "export_saved_model",
    "write_ctranslate2",
    "write_model_card",
    "write_serving_files",
    "write_translate_script",
    "write_version",
]
