import dataclasses
from typing import Literal

from keras_attn.tasks.settings import check_case, check_heads, check_range, check_weight_decay


@dataclasses.dataclass(frozen=True)
class TaggingSettings:
    """Everything that can be set about a tagging task; the same names in Python, in YAML and after `--set`.

    Args:
        word_column: Column of the words in files of columns, counted from 0; -1 is the last.
        tag_column: Column of the tags.
        scheme: How entities are written in the files; auto finds out.
        word_rule: How a text becomes words: at white space (spaces), or at signs too (signs).
        tokenizer: How a word becomes ids.
        vocabulary_size: Most ids of a unigram or bpe vocabulary; small sets of texts give fewer.
        lowercase: Whether to fold case (not with byte).
        architecture: The encoder: a recurrent one in both directions, Transformer blocks, or none (bag): the embeddings
            alone. Words attend to one another above it in any case.
        num_layers: Number of blocks or recurrent layers (not with bag).
        hidden_dim: Width of the model.
        num_heads: Number of attention heads, between words and in the blocks.
        intermediate_dim: Width of the feed-forward networks (transformer).
        cell: The recurrent cell (rnn).
        ngram_buckets: Rows of a table of hashed n-grams of pieces that are added to the embeddings, best a prime
            number; null leaves them out.
        ngram_order: Longest of those n-grams.
        word_dropout: Share of the pieces whose embeddings are set to zero.
        dropout: Dropout of the embeddings, of sublayers or recurrent layers, and of the words' vectors.
        attention_dropout: Dropout of attention probabilities (transformer).
        normalize_first: Pre-norm rather than post-norm blocks (transformer).
        precision: Dtype policy of the training; auto is mixed_bfloat16 where a GPU or the CPU has units for it, else
            float32.
        label_weight: How much the loss of the sentence's label counts beside that of the tags, where there are labels.
        optimizer: Adam, or AdamW, which decays weights.
        learning_rate: Highest learning rate, at the end of the warm-up; from there it falls along a cosine to 0.
        warmup_share: Share of all steps that the warm-up takes.
        weight_decay: Share of the weights, biases and norms left out, taken off a step, times the rate (adamw).
        gradient_clip: Largest norm of the whole gradient; null does not clip.
        average_decay: Decay a step of the weights' moving average that is validated and kept; null keeps the weights.
        batch_size: Sentences a batch.
        max_length: Longest sentence in words; longer ones are cut.
        epochs: Passes over the data.
        patience: Epochs without a better validation after which to stop; null goes on to the end.
        checkpoint_minutes: Minutes between checkpoints within an epoch; there is one at its end in any case.
        monitor: What chooses the best epoch.
        seed: Seed of everything random.

    Raises:
        ValueError: If a value is out of its range.
    """

    word_column: int = 0
    tag_column: int = -1
    scheme: Literal["auto", "bio", "bioes", "iob1"] = "auto"
    word_rule: Literal["signs", "spaces"] = "signs"
    tokenizer: Literal["unigram", "bpe", "character", "byte"] = "bpe"
    vocabulary_size: int = 4000
    lowercase: bool = False
    architecture: Literal["rnn", "transformer", "bag"] = "rnn"
    num_layers: int = 1
    hidden_dim: int = 128
    num_heads: int = 4
    intermediate_dim: int = 256
    cell: Literal["gru", "lstm"] = "lstm"
    ngram_buckets: int | None = None
    ngram_order: int = 2
    word_dropout: float = 0.1
    dropout: float = 0.3
    attention_dropout: float = 0.0
    normalize_first: bool = True
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "float32"
    label_weight: float = 0.5
    optimizer: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = 0.003
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    gradient_clip: float | None = 1.0
    average_decay: float | None = 0.99
    batch_size: int = 32
    max_length: int = 128
    epochs: int = 15
    patience: int | None = None
    checkpoint_minutes: float = 5.0
    monitor: Literal["f1", "token_accuracy", "val_loss"] = "f1"
    seed: int = 1

    def __post_init__(self):
        counts = ("num_layers", "hidden_dim", "num_heads", "intermediate_dim", "batch_size", "max_length", "epochs")
        check_range(self, (*counts, "patience"), at_least=1)
        check_range(self, ("vocabulary_size",), at_least=5)  # four ids are reserved
        check_range(self, ("ngram_buckets",), at_least=1, at_most=2**18)
        check_range(self, ("ngram_order",), at_least=2)
        check_range(self, ("weight_decay", "label_weight"), at_least=0, below=float("inf"))
        check_range(self, ("seed",), at_least=0, below=2**32)
        check_range(self, ("word_dropout", "dropout", "attention_dropout", "warmup_share"), at_least=0, below=1)
        check_range(self, ("learning_rate", "gradient_clip", "checkpoint_minutes"), above=0, below=float("inf"))
        check_range(self, ("average_decay",), above=0, below=1)
        if self.word_column == self.tag_column:
            raise ValueError(
                "`word_column` and `tag_column` must be two columns. "
                f"Received: word_column={self.word_column}, tag_column={self.tag_column}"
            )
        check_case(self)
        check_heads(self)
        check_weight_decay(self)
