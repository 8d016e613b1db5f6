"""What the server adds to a model: how many more requests it answers by joining them, and how much time it costs.

    python benchmarks/serving.py [--model DIR] [--quick] [--json]

Throughput: 32 connections that each ask for one date at a time, in turns of a server as it is and of one that joins no
requests (`--max-rows 1`). Added latency: one connection, each request in turn with a call of the same model in this
process; the median of the differences. A busy machine lengthens these times; the processor time of each process, on
Linux, says less of the machine and more of the code. Everything runs on this machine, the load too. With `--json` the
last line is one JSON object.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from keras_attn.data import date_pairs

CONNECTIONS = 32
MODEL = Path(__file__).resolve().parents[1] / "saved_models" / "dates"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=str(MODEL), metavar="DIR", help="folder of a model that reads texts")
    parser.add_argument("--quick", action="store_true", help="short turns: seconds, not figures")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    options = parser.parse_args()
    seconds, turns, calls = (2, 1, 30) if options.quick else (10, 3, 400)
    texts = [pair.text for pair in date_pairs(500, seed=0, split="test")]
    with server(options.model) as (joined, pid), server(options.model, "--max-rows", "1") as (alone, _):
        results = measure_throughput(joined, alone, texts, seconds, turns)
        show_throughput(results)
        results |= measure_latency(joined, pid, options.model, texts, calls)
    print(f"One connection: {results['direct_ms']} ms a call of the SavedModel, {results['served_ms']} ms a request,")
    print(f"  {results['added_latency_ms']} ms added (median of the differences)")
    print(
        f"  processor time of a call {results['direct_cpu_ms']} ms; of a request {results['server_cpu_ms']} ms in the"
    )
    print(f"  server, {results['model_cpu_ms']} in the model's process, {results['client_cpu_ms']} in the client")
    if options.json:
        print(json.dumps(results))


@contextlib.contextmanager
def server(folder, *flags):
    """Starts a server; gives its port with the model's name, and its process, when the model answers."""
    command = [sys.executable, "-c", "from keras_attn.cli import main; main()", "serve", folder, "--port", "0", *flags]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(MODEL.parents[1]), *sys.path])}
    log = Path(f"/dev/shm/keras_attn-serving-{os.getpid()}-{len(flags)}.log")
    with log.open("w+") as stream:
        process = subprocess.Popen(command, stderr=stream, env=environment)
        try:
            while '"loaded"' not in log.read_text():
                if process.poll() is not None:
                    sys.exit(f"The server ended: {log.read_text()}")
                time.sleep(0.1)
            first = json.loads(log.read_text().splitlines()[0])
            yield (int(first["address"].rpartition(":")[2]), first["models"][0]), process.pid
        finally:
            process.terminate()
            process.wait()
            log.unlink()


def measure_throughput(joined, alone, texts, seconds, turns):
    """Gives requests a second of both servers, and the latencies of the one that joins them."""
    for place in (joined, alone):
        asyncio.run(load(*place, texts, 1.0))
    rates, taken = {"joined": [], "alone": []}, []
    for _ in range(turns):
        for name, place in (("joined", joined), ("alone", alone)):
            times = asyncio.run(load(*place, texts, seconds))
            rates[name].append(len(times) / seconds)
            taken += times if name == "joined" else []
    taken.sort()
    joined_rate, alone_rate = statistics.median(rates["joined"]), statistics.median(rates["alone"])
    return {
        "throughput_vs_unbatched": round(joined_rate / alone_rate, 2),
        "requests_per_second": round(joined_rate, 1),
        "requests_per_second_unbatched": round(alone_rate, 1),
        "p50_ms": round(1000 * taken[len(taken) // 2], 1),
        "p99_ms": round(1000 * taken[int(0.99 * len(taken))], 1),
    }


def show_throughput(results):
    print(f"{CONNECTIONS} connections: {results['requests_per_second']} requests/s, ", end="")
    print(f"{results['requests_per_second_unbatched']} where none are joined: {results['throughput_vs_unbatched']} x")
    print(f"  p50 {results['p50_ms']} ms, p99 {results['p99_ms']} ms")


async def load(port, model, texts, seconds):
    """Asks on many connections; gives the seconds of each request."""
    end = time.perf_counter() + seconds
    lists = await asyncio.gather(*(ask_on(port, model, texts, n, end) for n in range(CONNECTIONS)))
    return [taken for times in lists for taken in times]


async def ask_on(port, model, texts, number, end):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    times = []
    while (start := time.perf_counter()) < end:
        number += CONNECTIONS
        writer.write(request(model, texts[number % len(texts)]))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        await reader.readexactly(size)
        times.append(time.perf_counter() - start)
    writer.close()
    return times


def request(model, text):
    body = json.dumps({"instances": [text]}).encode()
    return b"POST /v1/models/%b:predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (
        model.encode(),
        len(body),
        body,
    )


def measure_latency(place, pid, folder, texts, calls):
    """Gives the medians of a call, a request (taken in turns) and their differences, and processor times, in ms."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401

    newest = max((path for path in Path(folder).iterdir() if path.name.isdigit()), key=lambda path: int(path.name))
    call = tf.saved_model.load(str(newest)).signatures["serving_default"]
    (name,) = call.structured_input_signature[1]
    port, model = place
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def direct(text):
        return [tensor.numpy() for tensor in call(**{name: tf.constant([text])}).values()]

    def served(text):
        connection.request("POST", f"/v1/models/{model}:predict", json.dumps({"instances": [text]}))
        return json.loads(connection.getresponse().read())["predictions"]

    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    times, own = {direct: [], served: []}, {direct: 0.0, served: 0.0}
    for number in range(-10, calls):
        if number == 0:
            before = [processor_ms(process) for process in (pid, child)]
        for function, taken in times.items():
            start, own_start = time.perf_counter(), time.process_time()
            function(texts[number % len(texts)])
            if number >= 0:
                taken.append(1000 * (time.perf_counter() - start))
                own[function] += 1000 * (time.process_time() - own_start)
    server_ms, model_ms = (processor_ms(process) - ms for process, ms in zip((pid, child), before, strict=True))
    direct_ms, served_ms = times.values()
    differences = [ours - theirs for theirs, ours in zip(direct_ms, served_ms, strict=True)]
    processor = {"direct": own[direct], "server": server_ms, "model": model_ms, "client": own[served]}
    return {
        "direct_ms": round(statistics.median(direct_ms), 2),
        "served_ms": round(statistics.median(served_ms), 2),
        "added_latency_ms": round(statistics.median(differences), 2),
        **{f"{name}_cpu_ms": round(ms / calls, 2) for name, ms in processor.items()},
    }


def processor_ms(pid):
    """Gives the processor time that a process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
