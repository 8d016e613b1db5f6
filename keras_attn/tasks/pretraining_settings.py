import dataclasses
from typing import Literal

from keras_attn.tasks.settings import check_case, check_heads, check_range


@dataclasses.dataclass(frozen=True)
class PretrainingSettings:
    """Everything that can be set about pretraining; the same names in Python, in YAML and after `--set`.

    Args:
        objective: What is learnt: masked tokens from all the others, or each token from those before it.
        text_column: Column of the texts in tables (csv, tsv, jsonl, parquet).
        tokenizer: How text becomes ids.
        vocabulary_size: Most ids of a unigram or bpe vocabulary; small sets of texts give fewer.
        lowercase: Whether to fold case (not with byte).
        num_layers: Number of encoder blocks.
        hidden_dim: Width of the model.
        num_heads: Number of attention heads.
        intermediate_dim: Width of the feed-forward networks.
        dropout: Dropout of the embeddings and of the outputs of sublayers.
        attention_dropout: Dropout of attention probabilities.
        normalize_first: Pre-norm rather than post-norm blocks.
        activation: Activation of the feed-forward networks.
        start: What the embeddings begin with: random numbers, or (neighbours) vectors by which tokens are alike that
            stand near the same others in the texts, worked out from counts.
        masked_share: Share of the tokens to be guessed (masked).
        precision: Dtype policy of the training; auto is mixed_bfloat16 where a GPU or the CPU has units for it, else
            float32.
        learning_rate: Highest learning rate, at the end of the warm-up; from there it falls along a cosine to 0.
        warmup_share: Share of all steps that the warm-up takes.
        weight_decay: Share of the weights, biases and norms left out, taken off a step, times the rate.
        gradient_clip: Largest norm of the whole gradient; null does not clip.
        average_decay: Decay a step of the weights' moving average that is validated and kept; null keeps the weights.
        batch_tokens: Tokens a batch, padding included.
        num_buckets: Number of batch shapes.
        max_length: Most tokens of a row; longer texts go on in rows of their own.
        epochs: Passes over the data.
        patience: Epochs without a better validation after which to stop; null goes on to the end.
        checkpoint_minutes: Minutes between checkpoints within an epoch; there is one at its end in any case.
        seed: Seed of everything random.

    Raises:
        ValueError: If a value is out of its range.
    """

    objective: Literal["masked", "causal"] = "masked"
    text_column: str = "text"
    tokenizer: Literal["unigram", "bpe", "character", "byte"] = "unigram"
    vocabulary_size: int = 8000
    lowercase: bool = True
    num_layers: int = 2
    hidden_dim: int = 128
    num_heads: int = 4
    intermediate_dim: int = 256
    dropout: float = 0.1
    attention_dropout: float = 0.0
    normalize_first: bool = True
    activation: Literal["relu", "gelu", "silu"] = "relu"
    start: Literal["random", "neighbours"] = "neighbours"
    masked_share: float = 0.15
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "auto"
    learning_rate: float = 0.002
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    gradient_clip: float | None = 1.0
    average_decay: float | None = 0.99
    batch_tokens: int = 2048
    num_buckets: int = 8
    max_length: int = 128
    epochs: int = 20
    patience: int | None = None
    checkpoint_minutes: float = 5.0
    seed: int = 1

    def __post_init__(self):
        counts = ("num_layers", "hidden_dim", "num_heads", "intermediate_dim", "batch_tokens", "num_buckets")
        check_range(self, (*counts, "epochs", "patience"), at_least=1)
        check_range(self, ("vocabulary_size",), at_least=5)  # four ids are reserved
        check_range(self, ("max_length",), at_least=3)  # the start, a token and the end
        check_range(self, ("weight_decay",), at_least=0)
        check_range(self, ("seed",), at_least=0, below=2**32)
        check_range(self, ("dropout", "attention_dropout", "warmup_share"), at_least=0, below=1)
        check_range(self, ("learning_rate", "gradient_clip", "checkpoint_minutes"), above=0, below=float("inf"))
        check_range(self, ("average_decay", "masked_share"), above=0, below=1)
        check_heads(self)
        check_case(self)
        if self.batch_tokens < self.max_length:
            raise ValueError(
                f"A batch must have room for the longest row: `batch_tokens` must be at least `max_length`. "
                f"Received: batch_tokens={self.batch_tokens}, max_length={self.max_length}"
            )
