"""Models on disk that a stock server loads."""

from keras_attn.export.saved_model import ExportError, audit_saved_model, export_saved_model

__all__ = ["ExportError", "audit_saved_model", "export_saved_model"]
