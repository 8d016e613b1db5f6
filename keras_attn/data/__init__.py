"""Readers for users' files, and batches made from them.

Names load on first use: reading text files must not cost an import of Keras.
"""

from keras_attn.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "DatePair": "keras_attn.data.dates",
        "Frequency": "keras_attn.data.time_stamps",
        "LabelledSignals": "keras_attn.data.labelled_signals",
        "LabelledText": "keras_attn.data.labelled_text",
        "LanguageBatches": "keras_attn.data.language_batches",
        "ParallelText": "keras_attn.data.parallel_text",
        "PlainText": "keras_attn.data.plain_text",
        "Series": "keras_attn.data.time_series",
        "SeriesColumns": "keras_attn.data.time_series",
        "SignalBatches": "keras_attn.data.signal_batches",
        "TaggedBatches": "keras_attn.data.tagged_batches",
        "TaggedText": "keras_attn.data.tagged_text",
        "TextBatches": "keras_attn.data.text_batches",
        "TimeSeries": "keras_attn.data.time_series",
        "TokenBatches": "keras_attn.data.token_batches",
        "TokenCache": "keras_attn.data.token_cache",
        "TokenMasking": "keras_attn.data.token_masking",
        "TokenSequences": "keras_attn.data.token_sequences",
        "WindowBatches": "keras_attn.data.window_batches",
        "WindowSource": "keras_attn.data.window_batches",
        "date_pairs": "keras_attn.data.dates",
        "every_origin": "keras_attn.data.window_batches",
        "read_labelled_text": "keras_attn.data.labelled_text",
        "read_lines": "keras_attn.data.parallel_text",
        "read_parallel_text": "keras_attn.data.parallel_text",
        "read_plain_text": "keras_attn.data.plain_text",
        "read_signals": "keras_attn.data.signal_files",
        "read_table": "keras_attn.data.table_files",
        "read_tagged_text": "keras_attn.data.tagged_text",
        "read_time_series": "keras_attn.data.time_series",
        "read_wav": "keras_attn.data.wav_files",
        "shard_dataset": "keras_attn.data.sharding",
        "split_batch": "keras_attn.data.sharding",
    },
)
