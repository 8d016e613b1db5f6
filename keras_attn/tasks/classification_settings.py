import dataclasses
from typing import Literal

from keras_attn.tasks.settings import check_case, check_heads, check_range, check_weight_decay


@dataclasses.dataclass(frozen=True)
class ClassificationSettings:
    """Everything that can be set about a classification task; the same names in Python, in YAML and after `--set`.

    Args:
        text_column: Column of the texts.
        label_columns: Columns of the labels, one a head; all heads stand on one encoder.
        label_separator: What stands between the labels of a cell where a text may have several, such as "|"; null where
            a cell is one label.
        tokenizer: How text becomes ids.
        vocabulary_size: Most ids of a unigram or bpe vocabulary; small sets of texts give fewer.
        lowercase: Whether to fold case (not with byte).
        architecture: The encoder: Transformer blocks, a recurrent one in both directions, or none (bag): the
            embeddings alone.
        num_layers: Number of blocks or recurrent layers (not with bag).
        hidden_dim: Width of the model.
        num_heads: Number of attention heads (transformer).
        intermediate_dim: Width of the feed-forward networks (transformer).
        cell: The recurrent cell (rnn).
        ngram_buckets: Rows of a table of hashed n-grams of tokens that are added to the embeddings, best a prime
            number; null leaves them out.
        ngram_order: Longest of those n-grams.
        start: What the weights begin with: random numbers; or (bag) in the first columns of the embeddings what each
            token says for each class: log_odds, how much likelier the class is with the token than without, as naive
            Bayes counts it; or svm, the weights of linear support vector machines.
        init: Where the encoder and the tokenizer come from (transformer): the run folder of a pretraining, or the
            folder of a BERT. What tokenizer, vocabulary_size, lowercase, the sizes, attention_dropout and
            normalize_first say is then what that one has. null begins with neither.
        pooling: How a text becomes one vector: by attention, the mean, or a class token before it (transformer).
        word_dropout: Share of the tokens whose embeddings are set to zero.
        dropout: Dropout of the embeddings, of sublayers or recurrent layers, and of the pooled vector.
        attention_dropout: Dropout of attention probabilities (transformer).
        normalize_first: Pre-norm rather than post-norm blocks (transformer).
        precision: Dtype policy of the training; auto is mixed_bfloat16 where a GPU or the CPU has units for it, else
            float32.
        class_weights: Whether rare classes count as much as frequent ones (balanced; heads of one label a text).
        optimizer: Adam, or AdamW, which decays weights.
        learning_rate: Highest learning rate, at the end of the warm-up; from there it falls along a cosine to 0.
        rate_decay: Factor of the learning rate from a block to what stands below it; 1 gives all layers the same.
        unfreeze_epochs: Epochs after which the next block below begins to learn, the top first and the embeddings last;
            null lets all learn from the start.
        warmup_share: Share of all steps that the warm-up takes.
        weight_decay: Share of the weights, biases and norms left out, taken off a step, times the rate (adamw).
        gradient_clip: Largest norm of the whole gradient; null does not clip.
        label_smoothing: Share of the target probability spread over the classes.
        average_decay: Decay a step of the weights' moving average that is validated and kept; null keeps the weights.
        batch_size: Texts a batch.
        max_length: Longest text in tokens; longer ones are cut.
        epochs: Passes over the data.
        patience: Epochs without a better validation after which to stop; null goes on to the end.
        checkpoint_minutes: Minutes between checkpoints within an epoch; there is one at its end in any case.
        monitor: What chooses the best epoch; of several heads the mean.
        answer_accuracy: Share of right answers that the threshold for abstaining is to give, on the validation.
        seed: Seed of everything random.

    Raises:
        ValueError: If a value is out of its range.
    """

    text_column: str = "text"
    label_columns: tuple[str, ...] = ("label",)
    label_separator: str | None = None
    tokenizer: Literal["unigram", "bpe", "character", "byte"] = "unigram"
    vocabulary_size: int = 8000
    lowercase: bool = True
    architecture: Literal["transformer", "rnn", "bag"] = "transformer"
    num_layers: int = 2
    hidden_dim: int = 128
    num_heads: int = 4
    intermediate_dim: int = 256
    cell: Literal["gru", "lstm"] = "gru"
    ngram_buckets: int | None = None
    ngram_order: int = 2
    start: Literal["random", "log_odds", "svm"] = "random"
    init: str | None = None
    pooling: Literal["attention", "mean", "class"] = "attention"
    word_dropout: float = 0.0
    dropout: float = 0.3
    attention_dropout: float = 0.0
    normalize_first: bool = True
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "float32"
    class_weights: Literal["none", "balanced"] = "none"
    optimizer: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = 0.001
    rate_decay: float = 1.0
    unfreeze_epochs: int | None = None
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    gradient_clip: float | None = 1.0
    label_smoothing: float = 0.1
    average_decay: float | None = 0.99
    batch_size: int = 32
    max_length: int = 128
    epochs: int = 20
    patience: int | None = None
    checkpoint_minutes: float = 5.0
    monitor: Literal["accuracy", "macro_f1", "val_loss"] = "accuracy"
    answer_accuracy: float = 0.95
    seed: int = 1

    def __post_init__(self):
        counts = ("num_layers", "hidden_dim", "num_heads", "intermediate_dim", "batch_size", "epochs", "patience")
        check_range(self, (*counts, "unfreeze_epochs"), at_least=1)
        check_range(self, ("vocabulary_size",), at_least=5)  # four ids are reserved
        check_range(self, ("ngram_buckets",), at_least=1, at_most=2**18)
        check_range(self, ("ngram_order",), at_least=2)
        check_range(self, ("max_length",), at_least=2 + self.with_start)  # a token and the end
        check_range(self, ("weight_decay",), at_least=0)
        check_range(self, ("seed",), at_least=0, below=2**32)
        rates = ("word_dropout", "dropout", "attention_dropout", "label_smoothing", "warmup_share")
        check_range(self, rates, at_least=0, below=1)
        check_range(self, ("learning_rate", "gradient_clip", "checkpoint_minutes"), above=0, below=float("inf"))
        check_range(self, ("average_decay",), above=0, below=1)
        check_range(self, ("answer_accuracy", "rate_decay"), above=0, at_most=1)
        self._check_data()
        self._check_architecture()

    @property
    def with_start(self):
        """Whether texts begin with the tokenizer's start id: a class token, or what an encoder learnt with."""
        return self.init is not None or self.pooling == "class"

    def _check_data(self):
        columns = [self.text_column, *self.label_columns]
        if len(columns) < 2 or len(set(columns)) < len(columns):
            raise ValueError(
                "`text_column` and `label_columns` must name one column each, and at least one label. "
                f"Received: text_column={self.text_column!r}, label_columns={list(self.label_columns)}"
            )
        if self.label_separator == "":
            raise ValueError("`label_separator` must not be empty; null for one label. Received: label_separator=''")
        check_case(self)

    def _check_architecture(self):
        if self.architecture == "transformer":
            check_heads(self)
        if self.architecture == "rnn" and self.hidden_dim % 2:
            raise ValueError(
                f"`hidden_dim` must be even: half of it goes to each direction. Received: hidden_dim={self.hidden_dim}"
            )
        if self.pooling == "class" and self.architecture != "transformer":
            raise ValueError(
                "A class token needs attention between the tokens: set architecture=transformer, or another pooling. "
                f"Received: pooling='class', architecture={self.architecture!r}"
            )
        if self.init is not None and (
            self.architecture != "transformer" or self.ngram_buckets is not None or self.word_dropout
        ):
            raise ValueError(
                "`init` brings a Transformer as it was pretrained: take the preset fine_tuning, or set "
                f"architecture=transformer, ngram_buckets=null, word_dropout=0. Received: init={self.init!r}, "
                f"architecture={self.architecture!r}, ngram_buckets={self.ngram_buckets}, "
                f"word_dropout={self.word_dropout}"
            )
        if self.start != "random" and self.architecture != "bag":
            raise ValueError(
                "Values of tokens are read off where nothing stands between the embeddings and the output: set "
                f"architecture=bag, or start=random. Received: start={self.start!r}, "
                f"architecture={self.architecture!r}"
            )
        check_weight_decay(self)
