"""The base Transformer's training and attention over long sequences on a GPU: Keras on JAX, beside PyTorch.

    python benchmarks/gpu.py [--quick] [--json] [--rounds N]

6+6 layers, width 512, feed-forward 2048, 8 heads, vocabulary 32,000, 128 x 64 tokens, dropout 0.1, Adam, products in
bfloat16: a step of our model by `model.fit`, and of `nn.Transformer` under autocast. Then causal attention, 8 heads of
64 in bfloat16, forward and backward. Each library works in a process of its own, in turn; medians. "mfu" is the share
of the GPU's peak that the model's own products take, without what is computed again. A ratio "vs" is PyTorch's time
over ours. It needs the extras `jax` (with CUDA: `pip install "jax[cuda12]"`) and `bench`. Without a GPU it says so and
ends; `--quick` takes small sizes and any device. With `--json` the last line is one JSON object.
"""

import importlib.util
import json
import math
import os
import sys
import time

from bench import Bench, new_parser, ratio, serve

BASE = {
    "layers": 6,
    "width": 512,
    "ffn": 2048,
    "heads": 8,
    "vocabulary": 32000,
    "batch": 128,
    "length": 64,
    "steps": 20,
}
SMALL = {"layers": 1, "width": 32, "ffn": 64, "heads": 4, "vocabulary": 100, "batch": 4, "length": 8, "steps": 2}
HEADS, SIZE = 8, 64
DROPOUT = 0.1
PEAK = {
    "H200": 989e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40": 181e12,
    "L4": 121e12,
}  # dense bfloat16, as their makers say


def main():
    parser = new_parser(__doc__, WORKERS, quick="small sizes, on any device: seconds, not figures")
    options = parser.parse_args()
    if options.worker:
        return serve(WORKERS[options.worker]())
    bench = Bench(options.rounds or (2 if options.quick else 5), runs=("step",))
    device = bench.ask("ours", {"prepare": {"kind": "device"}}) if has_jax() else None
    if device is None or (device["platform"] != "gpu" and not options.quick):
        print(f"No GPU that JAX knows ({device['name'] if device else 'JAX is not installed'}): nothing to measure.")
        results = {"device": None}
    else:
        results = measured(bench, device, options.quick)
    bench.close()
    if options.json:
        print(json.dumps(results))
    return 0


def measured(bench, device, quick):
    peak = next((flops for name, flops in PEAK.items() if name in device["name"]), None)
    print(f"{device['name']}, peak {f'{peak / 1e12:.0f} TFLOP/s' if peak else 'not known'}")
    results = {"device": device["name"]}
    size = SMALL if quick else BASE
    row = bench.measure({"kind": "train", **size}, ("ours", "torch"))
    tokens, work = size["batch"] * size["length"], training_work(size)
    results["base"] = {
        "vs_torch": ratio(row.get("torch"), row["ours"], "step"),
        "tokens_per_second": {name: round(1e3 * tokens / row[name]["step"]) for name in row},
        "mfu": {name: share(work, row[name]["step"], peak) for name in row},
    }
    print("base", results["base"], flush=True)
    for length in (256,) if quick else (8192, 32768):
        row = bench.measure({"kind": "attention", "length": length}, ("ours", "torch"))
        work = 3.5 * 2 * length**2 * HEADS * SIZE  # half of two products forward; five backward (Dao et al. 2022)
        results[f"attention_{length}"] = {
            "vs_torch": ratio(row.get("torch"), row["ours"], "step"),
            "ms": {name: round(row[name]["step"], 2) for name in row},
            "mfu": {name: share(work, row[name]["step"], peak) for name in row},
        }
        print(f"attention {length}", results[f"attention_{length}"], flush=True)
    return results


def training_work(size):
    """Floating-point operations of a step: two a weight and token forward, twice that backward, and the attention."""
    width, length = size["width"], size["length"]
    block = 4 * width**2 + 2 * width * size["ffn"]
    weights = size["layers"] * (block + block + 4 * width**2) + size["vocabulary"] * width
    attention = size["layers"] * 3 * 2 * length * width  # encoder, decoder, and between them; both products
    return 3 * 2 * (weights + attention) * size["batch"] * length


def share(work, milliseconds, peak):
    return round(work / (milliseconds / 1e3) / peak, 3) if peak else None


def has_jax():
    return importlib.util.find_spec("jax") is not None


def batches(case):
    """Random tokens without padding: source, target and labels [steps * B, T]."""
    import numpy as np

    shape = (3, case["steps"] * case["batch"], case["length"])
    return np.random.default_rng(1).integers(3, case["vocabulary"], shape, "int32")


class Ours:
    """`model.fit` and `ops.dot_product_attention` on JAX."""

    times_itself = True

    def __init__(self):
        os.environ["KERAS_BACKEND"] = "jax"
        os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # PyTorch works on the same GPU

    def told(self):
        import jax

        device = jax.devices()[0]
        return {"platform": device.platform, "name": device.device_kind}

    def prepare(self, case):
        kinds = {"train": self.training, "attention": self.attention}
        return {"step": kinds[case["kind"]](case)} if case["kind"] in kinds else {}

    def training(self, case):
        import keras

        from keras_attn import models
        from keras_attn.training import MaskedCrossentropy

        model = models.transformer(
            case["vocabulary"],
            num_layers=case["layers"],
            hidden_dim=case["width"],
            num_heads=case["heads"],
            intermediate_dim=case["ffn"],
            dropout=DROPOUT,
            dtype="mixed_bfloat16",
        )
        model.compile(keras.optimizers.Adam(1e-4), MaskedCrossentropy())
        source, target, labels = batches(case)
        inputs = {"source": source, "target": target}

        def step():
            start = time.perf_counter()
            model.fit(inputs, labels, batch_size=case["batch"], shuffle=False, verbose=0)
            return (time.perf_counter() - start) / case["steps"]

        return step

    def attention(self, case):
        import jax

        from keras_attn import ops

        shape = (1, case["length"], HEADS, SIZE)
        inputs = [jax.random.normal(key, shape, "bfloat16") for key in jax.random.split(jax.random.key(1), 3)]

        def loss(*x):
            return (ops.dot_product_attention(*x, is_causal=True).astype("float32") ** 2).sum()

        gradients = jax.jit(jax.grad(loss, argnums=(0, 1, 2)))

        def step():
            start = time.perf_counter()
            jax.block_until_ready(gradients(*inputs))
            return time.perf_counter() - start

        return step


class Torch:
    """`nn.Transformer` and its scaled dot-product attention, eager, bfloat16 by autocast."""

    times_itself = True

    def __init__(self):
        import torch

        self.torch = torch
        self.place = "cuda" if torch.cuda.is_available() else "cpu"

    def prepare(self, case):
        run = self.training(case) if case["kind"] == "train" else self.attention(case)
        count = case.get("steps", 1)

        def step():
            start = time.perf_counter()
            run()
            if self.place == "cuda":
                self.torch.cuda.synchronize()
            return (time.perf_counter() - start) / count

        return {"step": step}

    def training(self, case):
        torch, nn, width, place = self.torch, self.torch.nn, case["width"], self.place
        embedding = nn.Embedding(case["vocabulary"], width, device=place)
        nn.init.normal_(embedding.weight, std=width**-0.5)
        sizes = (width, case["heads"], case["layers"], case["layers"], case["ffn"], DROPOUT)
        transformer = nn.Transformer(*sizes, batch_first=True, device=place)
        dropout, loss = nn.Dropout(DROPOUT), nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam([*embedding.parameters(), *transformer.parameters()], 1e-4)
        causal = nn.Transformer.generate_square_subsequent_mask(case["length"], device=place)
        positions = torch.randn(case["length"], width, device=place)
        data = [torch.from_numpy(ids).long().split(case["batch"]) for ids in batches(case)]

        def run():
            for ids in zip(*data, strict=True):
                source, target, labels = (x.to(place) for x in ids)
                optimizer.zero_grad()
                with torch.autocast(place, torch.bfloat16):
                    x, y = (dropout(embedding(ids) * math.sqrt(width) + positions) for ids in (source, target))
                    x = transformer(x, y, tgt_mask=causal, tgt_is_causal=True)
                    logits = nn.functional.linear(x, embedding.weight)
                loss(logits.flatten(0, 1).float(), labels.flatten()).backward()
                optimizer.step()

        return run

    def attention(self, case):
        torch = self.torch
        shape = (1, HEADS, case["length"], SIZE)
        inputs = [torch.randn(shape, device=self.place, dtype=torch.bfloat16).requires_grad_() for _ in range(3)]

        def run():
            for x in inputs:
                x.grad = None
            x = torch.nn.functional.scaled_dot_product_attention(*inputs, is_causal=True)
            (x.float() ** 2).sum().backward()

        return run


WORKERS = {"ours": Ours, "torch": Torch}

if __name__ == "__main__":
    sys.exit(main())
