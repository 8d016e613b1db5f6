"""A training step of the Transformer through `model.fit`, beside Keras's built-in layers and PyTorch, in one run.

    python benchmarks/training_step.py [--quick] [--json] [--rounds N]

3+3 layers, width 256, feed-forward 1024, 4 heads, vocabulary 8000, one embedding for source, target and output, biases,
dropout 0.1, Adam, 128 x 24 tokens with padding: the same model in all libraries, from random weights. Each works in a
process of its own, in turn, so that a machine that slows down slows all. Times are medians of a step in milliseconds.
PyTorch's step in bfloat16 is left out on CPUs without units for it: there it takes minutes.
PyTorch comes with the extra `bench`. A ratio "vs" is the peer's time over ours. With `--json` the last line is one
JSON object.
"""

import json
import math
import os
import sys
import time

from bench import Bench, new_parser, ratio, serve

SIZE = {"layers": 3, "width": 256, "ffn": 1024, "heads": 4, "vocabulary": 8000, "batch": 128, "length": 24}
QUICK = {"layers": 1, "width": 32, "ffn": 64, "heads": 4, "vocabulary": 100, "batch": 4, "length": 8}
DROPOUT = 0.1
STEPS = 5  # of a timed call; the first is not counted: `fit` begins with it


def main():
    parser = new_parser(__doc__, WORKERS)
    options = parser.parse_args()
    if options.worker:
        return serve(WORKERS[options.worker]())
    bench = Bench(options.rounds or (2 if options.quick else 5), runs=("step",))
    size = QUICK if options.quick else SIZE
    print(", ".join(f"{name} {value}" for name, value in size.items()))
    rows = {}
    for precision in ("float32", "bfloat16"):
        names = ["ours", "keras"]
        if precision == "float32" or rows["float32"]["ours"]["has_bfloat16"]:
            names.append("torch")
        rows[precision] = bench.measure({"precision": precision, **size}, names)
        print(
            f"  {precision:9s}", "   ".join(described(name, row) for name, row in rows[precision].items()), flush=True
        )
    bench.close()
    results = {}
    for precision, row in rows.items():
        peers = [rows[p]["torch"] for p in rows if "torch" in rows[p]]
        best = min(peers, key=lambda peer: peer["step"]) if peers else None
        results[precision] = {
            "vs_keras": ratio(row["keras"], row["ours"], "step"),
            "vs_torch": ratio(row.get("torch"), row["ours"], "step"),
            "vs_torch_best": ratio(best, row["ours"], "step"),
            "step_ms": round(row["ours"]["step"], 1),
            "traces": row["ours"]["traces"],
        }
        print(f"  {precision:9s}", results[precision])
    fastest = min((rows[p]["ours"] for p in rows), key=lambda row: row["step"])
    results["vs_torch_best"] = ratio(best, fastest, "step")
    if options.json:
        print(json.dumps(results))
    return 0


def described(name, row):
    return f"{name} {row['step']:.0f} ms ({row['parameters'] / 1e6:.2f} M weights)"


def batches(case, count=STEPS):
    """Random tokens, (source, target, labels) [B, T] each; the last quarter of half of the rows is padding."""
    import numpy as np

    generator = np.random.default_rng(1)
    for _ in range(count):
        source, target, labels = generator.integers(3, case["vocabulary"], (3, case["batch"], case["length"]), "int32")
        for ids in (source, target, labels):
            ids[::2, -(case["length"] // 4) :] = 0
        yield source, target, labels


class TensorFlow:
    """What ours and Keras's have in common: `model.fit` over a dataset, timed by a callback."""

    times_itself = True

    def __init__(self):
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        os.environ["KERAS_BACKEND"] = "tensorflow"
        import keras
        import tensorflow as tf

        from keras_attn.training import keep_freed_memory

        keep_freed_memory()  # for Keras's layers too
        self.keras, self.tf = keras, tf

    def prepare(self, case):
        keras, tf = self.keras, self.tf
        policy = "mixed_bfloat16" if case["precision"] == "bfloat16" else "float32"
        keras.config.set_dtype_policy(policy)
        self.traces = 0
        model = self.model(case)
        self.parameters = model.count_params()
        optimizer = self.optimizer()
        model.compile(optimizer, self.loss(), jit_compile=False)
        optimizer.build(model.trainable_variables)
        data = list(batches(case))
        source, target, labels = (tf.constant([batch[i] for batch in data]) for i in range(3))
        dataset = tf.data.Dataset.from_tensor_slices(({"source": source, "target": target}, labels)).repeat()
        seconds = Stopwatch(keras)

        def step():
            model.fit(dataset, steps_per_epoch=STEPS, verbose=0, callbacks=[seconds.callback])
            return seconds.a_step()

        train_step = model.train_step

        def counted(batch):
            self.traces += 1
            return train_step(batch)

        model.train_step = counted
        return {"step": step}

    def told(self):
        from keras_attn.training.precision import cpu_has_bfloat16

        return {"parameters": self.parameters, "traces": self.traces, "has_bfloat16": cpu_has_bfloat16()}


class Stopwatch:
    """Times the steps of a `fit` after its first."""

    def __init__(self, keras):
        times = self.times = []

        class Callback(keras.callbacks.Callback):
            def on_train_begin(self, logs=None):
                times.clear()

            def on_train_batch_end(self, batch, logs=None):
                times.append(time.perf_counter())

        self.callback = Callback()

    def a_step(self):
        return (self.times[-1] - self.times[0]) / (len(self.times) - 1)


class Ours(TensorFlow):
    def model(self, case):
        from keras_attn import models

        return models.transformer(
            case["vocabulary"],
            num_layers=case["layers"],
            hidden_dim=case["width"],
            num_heads=case["heads"],
            intermediate_dim=case["ffn"],
            dropout=DROPOUT,
            implementation="dense",
        )

    def loss(self):
        from keras_attn.training import MaskedCrossentropy

        return MaskedCrossentropy()

    def optimizer(self):
        from keras_attn.training import Adam

        return Adam(1e-4)


class Keras(TensorFlow):
    def model(self, case):
        keras, width = self.keras, case["width"]
        layers, ops = keras.layers, keras.ops
        embedding = layers.ReversibleEmbedding(case["vocabulary"], width)
        positions = self.positions(case)

        def embed(ids):
            return layers.Dropout(DROPOUT)(embedding(ids) * math.sqrt(width) + positions)

        def attend(x, memory, mask, causal=False):
            attention = layers.MultiHeadAttention(case["heads"], width // case["heads"])
            update = attention(x, memory, attention_mask=mask, use_causal_mask=causal)
            return layers.LayerNormalization()(x + layers.Dropout(DROPOUT)(update))

        def feed_forward(x):
            update = layers.Dense(width)(layers.Dense(case["ffn"], activation="relu")(x))
            return layers.LayerNormalization()(x + layers.Dropout(DROPOUT)(update))

        source = keras.Input((None,), dtype="int32", name="source")
        target = keras.Input((None,), dtype="int32", name="target")
        mask = ops.not_equal(source, 0)[:, None]
        memory = embed(source)
        for _ in range(case["layers"]):
            memory = feed_forward(attend(memory, memory, mask))
        x = embed(target)
        for _ in range(case["layers"]):
            x = feed_forward(attend(attend(x, x, None, causal=True), memory, mask))
        return keras.Model({"source": source, "target": target}, embedding(x, reverse=True))

    def positions(self, case):
        from keras_attn.layers import SinusoidalPosition

        zeros = self.keras.ops.zeros((1, case["length"], case["width"]))
        return self.keras.ops.convert_to_numpy(SinusoidalPosition()(zeros))

    def loss(self):
        return self.keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)

    def optimizer(self):
        return self.keras.optimizers.Adam(1e-4)


class Torch:
    """`nn.Transformer`, eager; in bfloat16 under autocast."""

    times_itself = True

    def prepare(self, case):
        import contextlib

        import torch
        from torch import nn

        width = case["width"]
        embedding = nn.Embedding(case["vocabulary"], width)
        nn.init.normal_(embedding.weight, std=width**-0.5)
        transformer = nn.Transformer(
            width, case["heads"], case["layers"], case["layers"], case["ffn"], DROPOUT, batch_first=True
        )
        dropout, loss = nn.Dropout(DROPOUT), nn.CrossEntropyLoss(ignore_index=0)
        weights = [*embedding.parameters(), *transformer.parameters()]
        self.parameters = sum(weight.numel() for weight in weights)
        optimizer = torch.optim.Adam(weights, 1e-4)
        causal = nn.Transformer.generate_square_subsequent_mask(case["length"])
        positions = torch.randn(case["length"], width)
        data = [[torch.from_numpy(ids).long() for ids in batch] for batch in batches(case)]
        lowered = case["precision"] == "bfloat16"

        def train(source, target, labels):
            optimizer.zero_grad()
            padding = source == 0
            with torch.autocast("cpu", torch.bfloat16) if lowered else contextlib.nullcontext():
                x, y = (dropout(embedding(ids) * math.sqrt(width) + positions) for ids in (source, target))
                x = transformer(
                    x,
                    y,
                    tgt_mask=causal,
                    tgt_is_causal=True,
                    src_key_padding_mask=padding,
                    memory_key_padding_mask=padding,
                )
                logits = nn.functional.linear(x, embedding.weight)
            loss(logits.flatten(0, 1).float(), labels.flatten()).backward()
            optimizer.step()

        def step():
            times = []
            for batch in data:
                train(*batch)
                times.append(time.perf_counter())
            return (times[-1] - times[0]) / (len(times) - 1)

        return {"step": step}

    def told(self):
        return {"parameters": self.parameters}


WORKERS = {"ours": Ours, "keras": Keras, "torch": Torch}

if __name__ == "__main__":
    sys.exit(main())
