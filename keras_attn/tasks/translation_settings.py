import dataclasses
from typing import Literal

from keras_attn.tasks.settings import check_case, check_heads, check_range


@dataclasses.dataclass(frozen=True)
class TranslationSettings:
    """Everything that can be set about a translation task; the same names in Python, in YAML and after `--set`.

    Args:
        tokenizer: How text becomes ids; source and target share the vocabulary.
        vocabulary_size: Number of ids of a unigram or bpe vocabulary.
        lowercase: Whether to fold case (not with byte).
        split_digits: Whether each digit is a piece of its own (unigram and bpe).
        architecture: The kind of model: a Transformer, or a recurrent encoder and an attending recurrent decoder.
        num_layers: Number of encoder blocks or recurrent layers, and of the decoder's.
        hidden_dim: Width of the model.
        embedding_dim: Width of the embeddings and of the decoder's output (rnn); `hidden_dim` when None.
        num_heads: Number of attention heads (transformer).
        intermediate_dim: Width of the feed-forward networks (transformer).
        bpe_dropout: Share of the merges of a bpe vocabulary that is left out at random in texts of the training.
        word_dropout: Share of the source's and target's tokens whose embeddings are set to zero.
        dropout: Dropout of the embeddings and of the outputs of sublayers or recurrent layers.
        attention_dropout: Dropout of attention probabilities (transformer).
        normalize_first: Pre-norm rather than post-norm blocks (transformer).
        cell: The recurrent cell (rnn).
        attention: How the decoder compares its state with the encoder's (rnn): Luong's scores, cosine, or Bahdanau's
            additive one.
        use_previous_state: Whether the decoder attends before each step, as Bahdanau's, rather than after it, as
            Luong's with input feeding (rnn).
        precision: Dtype policy of the training; auto is mixed_bfloat16 where a GPU or the CPU has units for it, else
            float32.
        optimizer: Adam, AdamW (decays weights), or Adafactor (needs less memory, and takes learning_rate as a share of
            each weight's size).
        learning_rate: Highest learning rate, at the end of the warm-up.
        schedule: How the rate falls then: with the root of the step, or along a cosine to 0.
        warmup_steps: Steps of the warm-up.
        total_steps: Step at which the cosine ends; the last of all epochs when None.
        adam_beta_2: Adam's and AdamW's decay of the squared gradients.
        weight_decay: Share of the weights, biases and norms left out, taken off a step, times the rate (adamw,
            adafactor).
        gradient_clip: Largest norm of the whole gradient; None does not clip.
        label_smoothing: Share of the target probability spread over the vocabulary.
        average_decay: Decay a step of the weights' moving average that is validated and kept; None keeps the weights.
        batch_tokens: Source or target tokens a batch, padding included.
        accumulate: Batches whose gradients are added up for one step; the step is that of one large batch.
        packing: Whether several texts share a row, in batches of one shape (transformer).
        rematerialize: Whether to keep less for the gradient and compute it a second time: larger batches fit, each
            takes longer (transformer).
        num_buckets: Number of batch shapes.
        max_length: Longest source and target in tokens; longer ones are cut.
        epochs: Most passes over the data.
        patience: Epochs without a better validation after which to stop; None goes on to the end.
        checkpoint_minutes: Minutes between checkpoints within an epoch; there is one at its end in any case.
        monitor: What is validated: BLEU, chrF or the share of exact answers, of greedy translations, or the loss.
        validation_limit: Sentence pairs translated at each validation; None takes all.
        beam_size: Hypotheses of the beam search when translating; 1 is greedy.
        length_penalty: Power of the length in a hypothesis's score.
        seed: Seed of everything random.

    Raises:
        ValueError: If a value is out of its range.
    """

    tokenizer: Literal["unigram", "bpe", "character", "byte"] = "unigram"
    vocabulary_size: int = 8000
    lowercase: bool = False
    split_digits: bool = False
    architecture: Literal["transformer", "rnn"] = "transformer"
    num_layers: int = 6
    hidden_dim: int = 512
    embedding_dim: int | None = None
    num_heads: int = 8
    intermediate_dim: int = 2048
    bpe_dropout: float = 0.0
    word_dropout: float = 0.0
    dropout: float = 0.1
    attention_dropout: float = 0.0
    normalize_first: bool = False
    cell: Literal["gru", "lstm", "simple"] = "gru"
    attention: Literal["general", "dot", "concat", "cosine", "additive"] = "general"
    use_previous_state: bool = False
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "auto"
    optimizer: Literal["adam", "adamw", "adafactor"] = "adam"
    learning_rate: float = 0.0007
    schedule: Literal["inverse_sqrt", "cosine"] = "inverse_sqrt"
    warmup_steps: int = 4000
    total_steps: int | None = None
    adam_beta_2: float = 0.98
    weight_decay: float = 0.0
    gradient_clip: float | None = None
    label_smoothing: float = 0.1
    average_decay: float | None = 0.999
    batch_tokens: int = 4096
    accumulate: int = 1
    packing: bool = False
    rematerialize: bool = False
    num_buckets: int = 12
    max_length: int = 128
    epochs: int = 100
    patience: int | None = None
    checkpoint_minutes: float = 5.0
    monitor: Literal["bleu", "bleu_tokenized", "chrf", "exact_match", "val_loss"] = "bleu"
    validation_limit: int | None = 500
    beam_size: int = 5
    length_penalty: float = 1.0
    seed: int = 1

    def __post_init__(self):
        counts = ("num_layers", "hidden_dim", "num_heads", "intermediate_dim", "warmup_steps", "batch_tokens")
        counts += ("embedding_dim", "num_buckets", "epochs", "patience", "validation_limit", "beam_size")
        counts += ("accumulate", "total_steps")
        check_range(self, counts, at_least=1)
        check_range(self, ("vocabulary_size",), at_least=5)  # four ids are reserved
        check_range(self, ("max_length",), at_least=2)  # a token and the end
        check_range(self, ("length_penalty", "weight_decay"), at_least=0)
        check_range(self, ("seed",), at_least=0, below=2**32)
        shares = ("bpe_dropout", "word_dropout", "dropout", "attention_dropout", "label_smoothing")
        check_range(self, shares, at_least=0, below=1)
        check_range(self, ("learning_rate", "gradient_clip", "checkpoint_minutes"), above=0, below=float("inf"))
        check_range(self, ("adam_beta_2", "average_decay"), above=0, below=1)
        if self.architecture == "rnn" and self.hidden_dim % 2:
            raise ValueError(
                "`hidden_dim` must be even: half of it goes to each direction of the encoder. "
                f"Received: hidden_dim={self.hidden_dim}"
            )
        if self.architecture == "transformer":
            check_heads(self)
        if self.packing and self.architecture != "transformer":
            raise ValueError(
                "`packing` is for the transformer: leave it off. "
                f"Received: packing=True, architecture={self.architecture!r}"
            )
        if self.weight_decay and self.optimizer == "adam":
            raise ValueError(
                "`weight_decay` is for adamw and adafactor: set optimizer=adamw. "
                f"Received: weight_decay={self.weight_decay}, optimizer='adam'"
            )
        if self.schedule == "cosine" and self.total_steps is not None and self.total_steps <= self.warmup_steps:
            raise ValueError(
                "The cosine ends with `total_steps`, or else the last of all `epochs`, which must be above "
                f"`warmup_steps`. Received: total_steps={self.total_steps}, warmup_steps={self.warmup_steps}"
            )
        if self.bpe_dropout and self.tokenizer != "bpe":
            raise ValueError(
                "`bpe_dropout` leaves out merges, which bpe alone has: set tokenizer=bpe. "
                f"Received: bpe_dropout={self.bpe_dropout}, tokenizer={self.tokenizer!r}"
            )
        check_case(self)
        if self.tokenizer in ("byte", "character") and self.split_digits:
            raise ValueError(
                f"`split_digits` is for unigram and bpe: here each digit is apart already. "
                f"Received: tokenizer={self.tokenizer!r}, split_digits=True"
            )
        if self.batch_tokens < self.max_length:
            raise ValueError(
                f"A batch must have room for the longest text: `batch_tokens` must be at least `max_length`. "
                f"Received: batch_tokens={self.batch_tokens}, max_length={self.max_length}"
            )
