"""Attention beside Keras's own and PyTorch's: time and memory, in one run.

    python benchmarks/attention.py [--quick] [--json] [--rounds N] [--only full|bfloat16|short|window]

Each library works in a process of its own, all cases in turn, so that a machine that slows down slows all of them.
PyTorch comes with the extra `bench`. Times are medians of a call in milliseconds; "memory" is how much a call adds to
the process at its peak. A ratio "vs" is the peer's time over ours. With `--json` the last line is one JSON object.
"""

import json
import os
import statistics
import sys

from bench import Bench, new_parser, ratio, serve

HEADS, SIZE = 8, 64
LENGTHS = (1024, 2048, 4096, 8192, 16384)
SHORT = ((32, 128), (128, 64), (256, 32), (512, 32))  # length, batch


def main():
    parser = new_parser(__doc__, WORKERS)
    parser.add_argument("--only", choices=list(GROUPS), help="one group of cases")
    options = parser.parse_args()
    if options.worker:
        return serve(WORKERS[options.worker]())
    bench = Bench(options.rounds or (2 if options.quick else 5))
    results = {}
    for name, group in GROUPS.items():
        if options.only in (None, name):
            found = group(bench, options.quick)
            print("         ", found)
            results |= found
    bench.close()
    if options.json:
        print(json.dumps(results))
    return 0


def full(bench, quick):
    """Causal attention over one long sequence, as plain functions of queries, keys and values."""
    print(f"\ncausal, batch 1, {HEADS} heads x {SIZE}, float32: forward / forward+backward ms (+ MB)")
    for length in (256, 512) if quick else LENGTHS:
        # Keras's function holds several [8, T, T] at once: 2 GB each at 8192, 8 GB at 16384.
        row = long_row(bench, length, "float32", ["ours", "keras", "torch"] if length <= 8192 else ["ours", "torch"])
        if length == 8192 or quick:
            result = compared(row)
    return {"full_8192": result}


def bfloat16(bench, quick):
    """The same at 8192 in bfloat16; without units for it Keras takes minutes a call."""
    print(f"\ncausal, batch 1, {HEADS} heads x {SIZE}, bfloat16: forward / forward+backward ms (+ MB)")
    return {"full_8192_bfloat16": compared(long_row(bench, 512 if quick else 8192, "bfloat16"))}


def long_row(bench, length, dtype, names=("ours", "keras", "torch")):
    row = bench.measure({"kind": "full", "length": length, "dtype": dtype}, names)
    print(f"  {length:6d}  " + "   ".join(described(name, row[name]) for name in row), flush=True)
    return row


def compared(row):
    ours, keras, torch = row["ours"], row["keras"], row.get("torch")
    return {
        "train_vs_keras": ratio(keras, ours, "train"),
        "forward_vs_keras": ratio(keras, ours, "forward"),
        "forward_vs_torch": ratio(torch, ours, "forward"),
        "train_vs_torch": ratio(torch, ours, "train"),
        "train_memory_vs_keras": round(ours["train_mb"] / max(keras["train_mb"], 1e-9), 3),
        "train_mb": ours["train_mb"],
    }


def short(bench, quick):
    """The layers, self and cross, with and without masks, over batches of short sequences."""
    print(f"\nlayers, {HEADS} heads x {SIZE}, width {HEADS * SIZE}: forward / forward+backward ms")
    ratios = {}
    for length, batch in ((32, 4),) if quick else SHORT:
        for mode in ("self", "cross"):
            for mask in ("none", "padding", "causal"):
                if (mode, mask) == ("cross", "causal"):
                    continue
                row = bench.measure({"kind": "layer", "length": length, "batch": batch, "mode": mode, "mask": mask})
                found = {run: ratio(row["keras"], row["ours"], run) for run in ("forward", "train")}
                label = f"{length:4d} x {batch:<4d}{mode:6s}{mask:8s}"
                ratios |= {f"{label} {run}": value for run, value in found.items()}
                print(f"  {label} " + "   ".join(described(name, row[name]) for name in row), found, flush=True)
    worst = min(ratios, key=ratios.get)
    print(f"  worst: {worst} {ratios[worst]}; median {statistics.median(ratios.values()):.2f}")
    median = round(statistics.median(ratios.values()), 3)
    return {"short": {"worst_vs_keras": ratios[worst], "median_vs_keras": median}}


def window(bench, quick):
    """A causal window of 256 positions."""
    lengths = (512, 1024) if quick else (8192, 16384)
    print(f"\ncausal window of 256, batch 1, {HEADS} heads x {SIZE}: forward / forward+backward ms (+ MB)")
    rows = {}
    for length in lengths:
        rows[length] = bench.measure({"kind": "window", "length": length}, ["ours"])["ours"]
        print(f"  {length:6d}  {described('window', rows[length])}", flush=True)
    whole = bench.measure({"kind": "full", "length": lengths[1], "dtype": "float32"}, ["ours"])["ours"]
    print(f"  {lengths[1]:6d}  {described('full', whole)}", flush=True)
    time_ratio = {run: round(rows[lengths[1]][run] / rows[lengths[0]][run], 3) for run in ("forward", "train")}
    speedup = {run: ratio(whole, rows[lengths[1]], run) for run in ("forward", "train")}
    print("          time over half the length:", time_ratio, " full over window:", speedup)
    return {"window": {"time_16k_over_8k": max(time_ratio.values()), "speedup_over_full_16k": min(speedup.values())}}


def described(name, row):
    memory = f" (+{row['forward_mb']:.0f} / {row['train_mb']:.0f})" if "train_mb" in row else ""
    return f"{name} {row['forward']:.1f} / {row['train']:.1f}{memory}"


class TensorFlow:
    """What ours and Keras's have in common."""

    def __init__(self):
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        os.environ["KERAS_BACKEND"] = "tensorflow"
        import keras
        import tensorflow as tf

        self.tf, self.keras = tf, keras

    def prepare(self, case):
        if case["kind"] == "layer":
            function, inputs, weights = self.layer_call(case)
        else:
            shape = (1, case["length"], HEADS, SIZE)
            inputs = [self.tf.cast(self.tf.random.normal(shape), case.get("dtype", "float32")) for _ in range(3)]
            function, weights = self.function(case), []
        return self.runs(function, inputs, weights)

    def runs(self, function, inputs, weights):
        tf = self.tf

        @tf.function(autograph=False)
        def forward():
            return tf.reduce_sum(tf.cast(function(*inputs), tf.float32))

        @tf.function(autograph=False)
        def train():
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                output = function(*inputs)
                loss = tf.reduce_sum(tf.cast(output, tf.float32) ** 2)
            gradients = tape.gradient(loss, [*inputs, *weights], unconnected_gradients=tf.UnconnectedGradients.ZERO)
            return tf.add_n([tf.reduce_sum(tf.cast(gradient, tf.float32)) for gradient in gradients])

        return {"forward": lambda: forward().numpy(), "train": lambda: train().numpy()}

    def layer_call(self, case):
        tf, batch, length, width = self.tf, case["batch"], case["length"], HEADS * SIZE
        inputs = [tf.random.normal((batch, length, width), seed=i) for i in range(1 if case["mode"] == "self" else 2)]
        layer = self.layer()
        lengths = tf.linspace(length // 2, length, batch)
        arguments = {
            "none": {},
            "causal": {"use_causal_mask": True},
            "padding": {"attention_mask": tf.sequence_mask(lengths, length)[:, None]},
        }[case["mask"]]

        def call(*inputs):
            return layer(inputs[0], inputs[-1], **arguments)

        call(*inputs)
        return call, inputs, [weight.value for weight in layer.trainable_weights]


class Ours(TensorFlow):
    def function(self, case):
        from keras_attn import ops

        window = ops.SlidingWindow(before=255) if case["kind"] == "window" else None
        return lambda *x: ops.dot_product_attention(*x, is_causal=True, window=window)

    def layer(self):
        from keras_attn import layers

        return layers.MultiHeadAttention(HEADS, SIZE)


class Keras(TensorFlow):
    def function(self, case):
        return lambda *x: self.keras.ops.dot_product_attention(*x, is_causal=True)

    def layer(self):
        return self.keras.layers.MultiHeadAttention(HEADS, SIZE)


class Torch:
    def __init__(self):
        import torch

        self.torch = torch

    def prepare(self, case):
        torch = self.torch
        attend = torch.nn.functional.scaled_dot_product_attention
        shape, dtype = (1, HEADS, case["length"], SIZE), getattr(torch, case["dtype"])
        inputs = [torch.randn(shape).to(dtype).requires_grad_() for _ in range(3)]

        def forward():
            with torch.no_grad():
                return attend(*inputs, is_causal=True).float().sum().item()

        def train():
            for x in inputs:
                x.grad = None
            (attend(*inputs, is_causal=True).float() ** 2).sum().backward()
            return inputs[0].grad.sum().item()

        return {"forward": forward, "train": train}


GROUPS = {"full": full, "bfloat16": bfloat16, "short": short, "window": window}
WORKERS = {"ours": Ours, "keras": Keras, "torch": Torch}

if __name__ == "__main__":
    sys.exit(main())
