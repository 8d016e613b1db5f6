"""L5: what a person uses: from their own files to a trained, measured, explained and exported model."""

from keras_attn.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "PRESETS": "keras_attn.tasks.presets",
        "Translation": "keras_attn.tasks.translation",
        "TranslationSettings": "keras_attn.tasks.translation_settings",
        "load_task": "keras_attn.tasks.task",
    },
)
