"""Readers for users' files, and batches made from them.

Names load on first use: reading text files must not cost an import of Keras.
"""

from keras_attn.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "DatePair": "keras_attn.data.dates",
        "LabelledText": "keras_attn.data.labelled_text",
        "LanguageBatches": "keras_attn.data.language_batches",
        "ParallelText": "keras_attn.data.parallel_text",
        "PlainText": "keras_attn.data.plain_text",
        "TextBatches": "keras_attn.data.text_batches",
        "TokenBatches": "keras_attn.data.token_batches",
        "TokenMasking": "keras_attn.data.token_masking",
        "date_pairs": "keras_attn.data.dates",
        "read_labelled_text": "keras_attn.data.labelled_text",
        "read_lines": "keras_attn.data.parallel_text",
        "read_parallel_text": "keras_attn.data.parallel_text",
        "read_plain_text": "keras_attn.data.plain_text",
        "read_table": "keras_attn.data.table_files",
        "shard_dataset": "keras_attn.data.sharding",
        "split_batch": "keras_attn.data.sharding",
    },
)
