"""L5: what a person uses: from their own files to a trained, measured, explained and exported model."""

from keras_attn.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Answer": "keras_attn.tasks.translation_answers",
        "Classification": "keras_attn.tasks.classification",
        "ClassificationSettings": "keras_attn.tasks.classification_settings",
        "Entity": "keras_attn.tasks.tagging_answers",
        "Forecast": "keras_attn.tasks.forecasting_answers",
        "Forecasting": "keras_attn.tasks.forecasting",
        "ForecastingSettings": "keras_attn.tasks.forecasting_settings",
        "PairScore": "keras_attn.tasks.translation_answers",
        "PairShards": "keras_attn.tasks.pair_shards",
        "Prediction": "keras_attn.tasks.classification_answers",
        "Pretraining": "keras_attn.tasks.pretraining",
        "PretrainingSettings": "keras_attn.tasks.pretraining_settings",
        "SearchOptions": "keras_attn.tasks.search_options",
        "Signal": "keras_attn.tasks.signal",
        "SignalSettings": "keras_attn.tasks.signal_settings",
        "Start": "keras_attn.tasks.pretrained",
        "Tagged": "keras_attn.tasks.tagging_answers",
        "Tagging": "keras_attn.tasks.tagging",
        "TaggingSettings": "keras_attn.tasks.tagging_settings",
        "TASKS": "keras_attn.tasks.registry",
        "TaskEntry": "keras_attn.tasks.registry",
        "Translation": "keras_attn.tasks.translation",
        "TranslationSettings": "keras_attn.tasks.translation_settings",
        "find_task": "keras_attn.tasks.registry",
        "load_task": "keras_attn.tasks.task",
        "start_from": "keras_attn.tasks.pretrained",
    },
)
