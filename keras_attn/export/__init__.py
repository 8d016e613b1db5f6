"""Models on disk that a stock server, or another engine, loads."""

from keras_attn.export.ctranslate2 import write_ctranslate2, write_translate_script
from keras_attn.export.litert import litert_logits, write_litert
from keras_attn.export.model_card import write_model_card
from keras_attn.export.onnx import onnx_logits, write_onnx
from keras_attn.export.parity import check_numbers, check_parity
from keras_attn.export.saved_model import audit_saved_model, export_saved_model
from keras_attn.export.serving_files import write_serving_files
from keras_attn.export.stored_weights import StoredWeights
from keras_attn.export.versions import ExportError, write_version

__all__ = [
    "ExportError",
    "StoredWeights",
    "audit_saved_model",
    "check_numbers",
    "check_parity",
    "export_saved_model",
    "litert_logits",
    "onnx_logits",
    "write_ctranslate2",
    "write_litert",
    "write_model_card",
    "write_onnx",
    "write_serving_files",
    "write_translate_script",
    "write_version",
]
