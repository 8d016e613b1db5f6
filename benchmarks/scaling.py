"""Measures a training in 1, 2 and 4 processes of one thread each, over gRPC on this machine.

Each process trains on its share of the same batches: the small translation model, with a tied embedding. Printed are
tokens a second of all together, the time that a step spends in exchanging gradients (a step without the exchange taken
off), and the bytes that a worker sends in a step, counted on the loopback interface, against the size of the gradient:
2 (N - 1) / N of it, a ring's, is what an exchange takes at least. More processes than cores slow each other down; then
the exchange alone means something. With `--json` the last line is one JSON object.
"""

import argparse
import contextlib
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import time

SIZE = {"layers": 2, "width": 128, "ffn": 512, "heads": 4, "vocabulary": 6000, "tokens": 2048, "length": 32}
QUICK = {"layers": 1, "width": 32, "ffn": 64, "heads": 2, "vocabulary": 500, "tokens": 256, "length": 16}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small model, few steps, 1 and 2 processes")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    parser.add_argument("--processes", type=int, nargs="+", help="numbers of processes (default: 1 2 4)")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print("answer", json.dumps(work(json.loads(options.worker))), flush=True)
        return 0
    size, steps = (QUICK, 6) if options.quick else (SIZE, 20)
    results = {}
    for count in options.processes or ((1, 2) if options.quick else (1, 2, 4)):
        results[count] = row = measure({**size, "steps": steps}, count)
        print(f"  {count} processes", "  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    if options.json:
        print(json.dumps(results))
    return 0


def measure(case, count):
    """Gives the figures of one number of processes."""
    answers = run(case, count)
    step, alone, sent = (max(answer[name] for answer in answers) for name in ("step", "alone", "sent"))
    first = answers[0]
    row = {
        "tokens_per_second": round(case["tokens"] / step),
        "step_ms": round(1e3 * step, 1),
        "exchange_ms": round(1e3 * (step - alone), 1),
        "gradient_mb": round(first["gradient"] / 1e6, 3),
        "exchanged_tensors_mb": round(first["exchanged"] / 1e6, 3),
        "embedding_exchanged": first["embeddings"],
    }
    if count > 1:
        row["sent_mb"] = round(sent / count / 1e6, 3)
        row["sent_to_gradient"] = round(sent / count / first["gradient"], 2)
        row["least"] = round(2 * (count - 1) / count, 2)
    return row


def run(case, count):
    ports = free_ports(count)
    processes = []
    for index in range(count):
        cluster = {"cluster": {"worker": [f"127.0.0.1:{port}" for port in ports]}}
        config = json.dumps({**cluster, "task": {"type": "worker", "index": index}}) if count > 1 else ""
        environment = {**os.environ, "TF_CONFIG": config, "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, sys.argv[0], "--worker", json.dumps(case)]
        processes.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    answers = []
    for process in processes:
        output, errors = process.communicate()
        lines = [line for line in output.splitlines() if line.startswith("answer ")]
        if not lines:
            sys.exit(f"A process ended with exit code {process.returncode}:\n{errors[-3000:]}")
        answers.append(json.loads(lines[0].removeprefix("answer ")))
    return answers


def work(case):
    """Trains in one of the processes."""
    import keras
    import numpy as np
    import tensorflow as tf

    from keras_attn import models
    from keras_attn.data import TokenBatches
    from keras_attn.training import Adam, MaskedCrossentropy, find_workers, keep_freed_memory
    from keras_attn.training import keras_distribution as cure

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1 if not os.environ["TF_CONFIG"] else 2)  # one waits
    keep_freed_memory()
    workers = find_workers("auto")
    keras.utils.set_random_seed(1)
    generator = np.random.default_rng(1)
    rows = (case["steps"] + 2) * case["tokens"] // case["length"]
    ids = generator.integers(3, case["vocabulary"], (2, rows, case["length"] - 1))
    batches = TokenBatches(*map(list, ids), batch_tokens=case["tokens"], max_length=case["length"], num_buckets=1)
    sizes = (case[name] for name in ("vocabulary", "layers", "width", "heads", "ffn"))
    with workers.scope():
        model = models.transformer(*sizes, dropout=0.0, implementation="dense", dtype="float32")
        model.compile(Adam(1e-4), MaskedCrossentropy(), jit_compile=False)
        model.optimizer.build(model.trainable_variables)
    exchanged = []
    add_up = cure.add_up

    def counted(tensors):
        exchanged.append([(tensor.shape.as_list(), tensor.dtype.size) for tensor in tensors])
        return add_up(tensors)

    cure.add_up = counted
    workers.prepare(model)
    dataset = workers.dataset(batches)
    told = timed(model, workers.distribute(dataset), keras)
    told["gradient"] = sum(4 * int(np.prod(weight.shape)) for weight in model.trainable_variables)
    shapes = exchanged[0] if exchanged else []
    told["exchanged"] = sum(size * int(np.prod(shape)) for shape, size in shapes)
    told["embeddings"] = sum(shape == [case["vocabulary"], case["width"]] for shape, _ in shapes)
    cure.add_up = lambda tensors: tensors
    model.make_train_function(force=True)
    told["alone"] = timed(model, workers.distribute(dataset), keras)["step"]
    return told


def timed(model, dataset, keras):
    """The median time of a step after the second, and the bytes sent on the loopback interface meanwhile."""
    times, sent = [], []

    class Callback(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            float(logs["loss"])
            times.append(time.perf_counter())
            sent.append(loopback_bytes())

    model.fit(dataset, shuffle=False, verbose=0, callbacks=[Callback()])
    steps = sorted(after - before for before, after in itertools.pairwise(times[1:]))
    return {"step": steps[len(steps) // 2], "sent": (sent[-1] - sent[1]) / (len(sent) - 2)}


def loopback_bytes():
    with open("/proc/net/dev") as file:
        return int(re.search(r"lo:(?:\s+\d+){8}\s+(\d+)", file.read()).group(1))


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


if __name__ == "__main__":
    sys.exit(main())
