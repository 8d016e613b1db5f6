"""Presets: named, literal sets of settings. `keras-attn presets` prints them."""

# The size of Wu et al. 2021, "Good for Misconceived Reasons" (Transformer-Tiny on Multi30k), made to learn in the few
# thousand steps that a CPU does in an hour: pre-norm, small batches and a short warm-up. They took post-norm, 4096
# tokens a batch and 0.005 after 2000 of 8000 steps.
TINY = {
    "tokenizer": "bpe",
    "vocabulary_size": 6000,
    "num_layers": 4,
    "hidden_dim": 128,
    "num_heads": 4,
    "intermediate_dim": 256,
    "dropout": 0.3,
    "attention_dropout": 0.1,
    "normalize_first": True,
    "learning_rate": 0.004,
    "warmup_steps": 800,
    "batch_tokens": 2048,
    "num_buckets": 24,
    "average_decay": 0.995,
    "length_penalty": 1.5,
}

# Vaswani et al. 2017, table 3: highest rate (512 * 4000) ** -0.5, batches of 25,000 tokens.
BASE = {
    "tokenizer": "bpe",
    "vocabulary_size": 37000,
    "num_layers": 6,
    "hidden_dim": 512,
    "num_heads": 8,
    "intermediate_dim": 2048,
    "dropout": 0.1,
    "learning_rate": 0.0007,
    "warmup_steps": 4000,
    "batch_tokens": 25000,
    "average_decay": 0.9999,
}

# Short texts of many scripts read digit by digit: the demo's dates.
DATES = {
    "tokenizer": "unigram",
    "vocabulary_size": 1000,
    "lowercase": True,
    "split_digits": True,
    "num_layers": 2,
    "hidden_dim": 96,
    "num_heads": 4,
    "intermediate_dim": 256,
    "dropout": 0.0,
    "normalize_first": True,
    "learning_rate": 0.003,
    "warmup_steps": 300,
    "label_smoothing": 0.0,
    "average_decay": 0.99,
    "batch_tokens": 2048,
    "num_buckets": 4,
    "max_length": 64,
    "monitor": "exact_match",
    "beam_size": 1,
}

# Bahdanau et al. 2015 in small: their attention and order of steps, a quarter of their widths.
RNN = {
    "architecture": "rnn",
    "tokenizer": "bpe",
    "vocabulary_size": 6000,
    "num_layers": 1,
    "hidden_dim": 256,
    "embedding_dim": 128,
    "precision": "float32",  # half precision was never measured to pay for small matrices one after another
    "cell": "gru",
    "attention": "additive",
    "use_previous_state": True,
    "dropout": 0.2,
    "learning_rate": 0.005,
    "warmup_steps": 400,
    "adam_beta_2": 0.999,
    "gradient_clip": 1.0,
    "batch_tokens": 1024,
    "num_buckets": 24,
    "average_decay": 0.995,
}

# Some thousand texts of at most 64 classes. With so few a linear classifier is hard to beat: words and pairs weighed by
# attention (Yang et al. 2016's pooling) begin as one (Wang and Manning 2012's), and move little from there.
BAG = {
    "architecture": "bag",
    "tokenizer": "bpe",
    "vocabulary_size": 12000,
    "hidden_dim": 64,
    "ngram_buckets": 50021,
    "start": "svm",
    "word_dropout": 0.2,
    "dropout": 0.5,
    "learning_rate": 0.002,
    "rate_decay": 0.3,
    "batch_size": 64,
    "epochs": 5,
}

# Many classes of short texts, each with few examples: what a customer wants.
INTENT = {
    **BAG,
    "tokenizer": "unigram",
    "vocabulary_size": 4000,
    "hidden_dim": 128,
    "ngram_buckets": 20011,
    "start": "log_odds",
    "word_dropout": 0.1,
    "dropout": 0.3,
    "learning_rate": 0.005,
    "rate_decay": 1.0,
    "epochs": 10,
}

# Languages that write no spaces.
CHARACTERS = {
    **INTENT,
    "tokenizer": "character",
    "ngram_buckets": 100003,
    "ngram_order": 3,
    "start": "random",
    "max_length": 256,
}

# Vaswani et al. 2017 in small, an encoder alone, pooled by attention.
ENCODER = {
    "architecture": "transformer",
    "num_layers": 2,
    "hidden_dim": 128,
    "num_heads": 4,
    "intermediate_dim": 256,
    "word_dropout": 0.1,
    "dropout": 0.3,
    "attention_dropout": 0.1,
}

# A pretrained encoder learns on: Howard and Ruder 2018's smaller steps below. A BERT of the usual size wants a learning
# rate of 5e-5 (Devlin et al. 2019, appendix A.3).
FINE_TUNING = {
    "architecture": "transformer",
    "dropout": 0.3,
    "learning_rate": 0.001,
    "rate_decay": 0.8,
}

# Yang et al. 2016, section 2.1, of a single level.
RECURRENT = {"architecture": "rnn", "num_layers": 1, "hidden_dim": 128, "word_dropout": 0.1, "dropout": 0.5}

CLASSIFICATION = {
    "tiny": BAG,
    "intent": INTENT,
    "characters": CHARACTERS,
    "transformer": ENCODER,
    "recurrent": RECURRENT,
    "fine_tuning": FINE_TUNING,
}

# Nie et al. 2023's PatchTST in small, beside a linear map that begins as the best one: on some thousand steps the map
# does most, and attention what it cannot.
PATCH = {"start": "linear", "learning_rate": 0.0003, "epochs": 10, "patience": 2}

FORECASTING = {
    "tiny": PATCH,
    "inverted": {**PATCH, "architecture": "inverted", "num_layers": 1, "hidden_dim": 32, "intermediate_dim": 64},
    "transformer": {**PATCH, "architecture": "transformer", "num_layers": 1, "hidden_dim": 32, "intermediate_dim": 64},
    "recurrent": {**PATCH, "architecture": "recurrent", "hidden_dim": 32},
    "linear": {"architecture": "linear", "learning_rate": 0.005},
}

TRANSLATION = {"tiny": TINY, "base": BASE, "dates": DATES, "rnn": RNN}

# The defaults of `PretrainingSettings`: BERT in small.
PRETRAINING = {"tiny": {}}

# Lample et al. 2016, a recurrent network under a chain of tags, on pieces of words; some thousand sentences. The
# defaults of `TaggingSettings`.
TAGGER = {"architecture": "rnn", "cell": "lstm", "num_layers": 1, "hidden_dim": 128}

# Devlin et al. 2019, section 5.3, in small, under the same chain.
TAGGER_TRANSFORMER = {
    "architecture": "transformer",
    "num_layers": 2,
    "hidden_dim": 128,
    "num_heads": 4,
    "intermediate_dim": 256,
    "dropout": 0.2,
    "learning_rate": 0.002,
    "epochs": 25,
}

# Chinese, Japanese: each letter a word.
TAGGER_CHARACTERS = {**TAGGER, "tokenizer": "character", "ngram_buckets": 100003, "ngram_order": 3}

TAGGING = {"tiny": TAGGER, "transformer": TAGGER_TRANSFORMER, "characters": TAGGER_CHARACTERS}

# Some hundred short signals: convolutions whose output is pooled by attention in stretches of time (Wang et al. 2017's
# network with Yang et al. 2016's pooling), three of them averaged.
SHORT_SIGNALS = {"members": 3, "num_layers": 0}

# Gulati et al. 2020 in small, on mel bands: a word a recording.
SPOKEN_WORDS = {
    "architecture": "conformer",
    "position": "relative",
    "num_layers": 1,
    "hidden_dim": 64,
    "intermediate_dim": 128,
    "members": 1,
    "stem_layers": 2,
    "reduction": 2,
    "num_windows": 4,
    "dropout": 0.2,
    "batch_size": 32,
    "epochs": 12,
    "folds": 0,
}

# The same, a letter at a time.
SPOKEN_TEXTS = {
    **SPOKEN_WORDS,
    "output": "text",
    "num_layers": 2,
    "dropout": 0.1,
    "reduction": 4,
    "average_decay": 0.995,
    "epochs": 20,
}

# A value a step.
FILTER = {
    "output": "signal",
    "members": 1,
    "position": "relative",
    "num_layers": 1,
    "dropout": 0.0,
    "weight_decay": 0.0001,
    "epochs": 10,
}

SIGNAL = {
    "tiny": SHORT_SIGNALS,
    "speech": SPOKEN_WORDS,
    "transcribe": SPOKEN_TEXTS,
    "filter": FILTER,
    "next": {**FILTER, "output": "next"},
}
