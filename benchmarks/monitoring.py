"""How fast a stream is watched, how often it is a false alarm, and how soon a rise is told.

    python benchmarks/monitoring.py [--run RUN] [--quick] [--json]

Speed: a file of messages with two heads and two rules, and a classifier that costs nothing; beside it, in turns, what
reading the same file and its JSON alone costs. With --run also with a trained classification, on the same texts. By the
clock, and by the processor's time, which a machine that is busy with other things leaves as it is.
False alarms: streams of labels in random order, those of Banking77 under KERAS_ATTN_DATA or, without the data, drawn.
Delay: messages from a planted rise to its alert, beside the least that any test with that rate of false alarms can
need even if it knew the shares, ln(1/rate) / KL (Lorden, Annals of Mathematical Statistics 42, 1971).
Latency: seconds from the writing of a message to its alert in a file that is followed. With `--json` the last line is
one JSON object.
"""

import argparse
import collections
import csv
import json
import math
import os
import random
import signal
import statistics
import tempfile
import threading
import time
from pathlib import Path

from keras_attn.monitoring import Alarm, AlertRule, StreamMonitor, WindowCounts, stream_monitor
from keras_attn.training import Terminated

HEADS = {"mood": ["bad", "good"], "topic": ["price", "size", "colour"]}
RULES = ["bad: rate 2x", "price: share 60%"]
RATE = 0.01


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", help="run folder of a classification")
    parser.add_argument("--quick", action="store_true", help="few messages and streams: no figures")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    options = parser.parse_args()
    quick = options.quick
    stream_monitor.plot_trend = lambda folder: None  # at the end, and no matter of speed
    results = {}
    results["speed"] = measure_speed(20_000 if quick else 200_000, 1 if quick else 3, options.run)
    show_speed(results["speed"])
    results["latency"] = measure_latency(2 if quick else 20)
    show_latency(results["latency"])
    results["false_alarms"] = measure_false_alarms(5 if quick else 100)
    show_false_alarms(results["false_alarms"])
    results["delay"] = measure_delays(1 if quick else 20)
    show_delays(results["delay"])
    if options.json:
        print(json.dumps(results))


def write_messages(path, count):
    draw = random.Random(0)
    with open(path, "w", encoding="utf-8") as file:
        for number in range(count):
            mood = "bad" if draw.random() < 0.1 else "good"
            text = f"{mood} {draw.choice(HEADS['topic'])} and some thirty further words".ljust(160, ".")
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1.7e9 + number // 10))
            file.write(json.dumps({"time": stamp, "text": text, "id": f"message-{number}"}) + "\n")


def by_words(texts):
    return [dict(zip(HEADS, text.split(" ", 2)[:2], strict=True)) for text in texts]


def measure_speed(count, rounds, run):
    """Gives messages a second by what reads them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "messages.jsonl"
        write_messages(path, count)
        ways = {"monitor": (by_words, HEADS, RULES)}
        if run:
            ways["monitor with run"] = trained(run)
        rates = collections.defaultdict(list)
        for number in range(rounds):
            rates["JSON alone"].append([count / seconds for seconds in seconds_of(lambda: read_json(path))])
            for name, (classify, heads, rules) in ways.items():
                monitor = StreamMonitor(classify, heads, rules, Path(folder) / f"{name} {number}")
                taken = seconds_of(lambda monitor=monitor: monitor.run(path))
                rates[name].append([count / seconds for seconds in taken])
                assert monitor.summary()["messages"] == count
    return {
        name: [round(statistics.median(kind)) for kind in zip(*values, strict=True)] for name, values in rates.items()
    }


def trained(run):
    from keras_attn.tasks import load_task

    task = load_task(run)

    def classify(texts):
        return [{head: found.label for head, found in row.items()} for row in task.classify(texts)]

    classify(["to trace the model"] * 256)
    heads = task.labels.classes
    label = next(iter(heads.values()))[0]
    return classify, heads, [f"{next(iter(heads))}={label}: rate 2x"]


def read_json(path):
    with open(path, "rb") as file:
        return [json.loads(line) for line in file]


def seconds_of(function):
    """Gives the seconds by the clock and the processor's."""
    start, processor = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - start, time.process_time() - processor


def real_labels():
    """The intents of Banking77's customers, or labels drawn as unevenly."""
    path = Path(os.environ.get("KERAS_ATTN_DATA", "data")) / "classification" / "banking77" / "train.csv"
    if path.exists():
        with open(path, encoding="utf-8", newline="") as file:
            return "Banking77", [row["category"] for row in csv.DictReader(file)]
    draw = random.Random(0)
    weights = [1 / (5 + rank) for rank in range(77)]
    return "drawn", draw.choices([f"class {rank}" for rank in range(77)], weights, k=10_000)


def watch(labels, rule, rate=RATE, window=1000):
    """Gives the number of the message that raised the first alert, or None; a message a second."""
    counts = WindowCounts(["label"], window)
    alarm = Alarm(AlertRule.parse(rule, {"label": sorted(set(labels))}), counts, rate)
    for number, label in enumerate(labels):
        counts.add(number, (label,))
        if alarm.look(number, (label,)):
            return number
    return None


def measure_false_alarms(streams):
    """Gives for each rule and stated rate how many of the shuffled streams had any false alarm at all."""
    source, labels = real_labels()
    draw = random.Random(1)
    frequent, times = collections.Counter(labels).most_common(1)[0]
    share = math.ceil(1000 * times / len(labels)) / 10
    rows = []
    for rule in (f"{frequent}: rate 2x", f"{frequent}: share {share:g}%"):
        for rate in (RATE, 0.2):
            alarms = 0
            for _ in range(streams):
                draw.shuffle(labels)
                alarms += watch(labels, rule, rate) is not None
            rows.append({"rule": rule, "stated": rate, "streams": streams, "with_alarm": alarms})
    return {"source": source, "messages": len(labels), "rows": rows}


def measure_delays(streams):
    """Gives the median delay in messages by baseline share and rise, beside the least possible."""
    draw = random.Random(2)
    rows = []
    for share in (0.02, 0.1, 0.3):
        for factor in (1.5, 2.0, 3.0):
            delays = []
            for _ in range(streams):
                labels = ["bad" if draw.random() < share else "good" for _ in range(10_000)]
                labels += ["bad" if draw.random() < share * factor else "good" for _ in range(10_000)]
                found = watch(labels, "bad: rate 2x")
                delays.append(math.inf if found is None or found < 10_000 else found - 10_000)
            least = math.log(1 / RATE) / relative_entropy(share * factor, share)
            seen = sum(delay < math.inf for delay in delays)
            median = statistics.median(delays)
            delay = {"delay": None if median == math.inf else median, "least": round(least)}
            rows.append({"share": share, "factor": factor, "seen": seen, "streams": streams, **delay})
    return rows


def relative_entropy(p, q):
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


class Clock:
    """An output that notes when an alert comes."""

    name, at_once = "clock", True

    def __init__(self):
        self.heard = []
        self.is_heard = threading.Event()

    def send(self, alert):
        self.heard.append((alert["time"], time.monotonic()))
        self.is_heard.set()


def measure_latency(rounds):
    """Gives the median and the longest time from a message's writing to its alert."""
    taken = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            path, clock, written = Path(folder) / "messages.jsonl", Clock(), {}
            row = '{{"time": {}, "text": "{} size"}}\n'.format
            path.write_text("".join(row(second, "good") for second in range(8000)), "utf-8")
            monitor = StreamMonitor(by_words, HEADS, RULES, Path(folder) / "watch", outputs=[clock])
            thread = threading.Thread(target=write_slowly, args=(path, row, written, monitor, clock))
            thread.start()
            try:
                monitor.run(path, follow=True)
            except Terminated:
                thread.join()
            moment, heard = clock.heard[0]
            taken.append(heard - written[moment])
    return {"median_s": round(statistics.median(taken), 3), "longest_s": round(max(taken), 3), "rounds": rounds}


def write_slowly(path, row, written, monitor, clock):
    """Adds a hundred messages a second, all bad, and ends the watching after the alert."""
    while monitor.intake.counts["messages"] < 8000:
        time.sleep(0.1)
    with open(path, "a", encoding="utf-8") as file:
        for second in range(8000, 8060):
            moment = time.strftime("1970-01-01T%H:%M:%S+00:00", time.gmtime(second))
            written[moment] = time.monotonic()
            file.write(row(second, "bad"))
            file.flush()
            time.sleep(0.01)
    clock.is_heard.wait()
    os.kill(os.getpid(), signal.SIGTERM)


def show_speed(rates):
    print("| read by | messages/s | messages a processor's second |\n|---|---|---|")
    for name, (by_clock, by_processor) in rates.items():
        print(f"| {name} | {by_clock:,} | {by_processor:,} |", flush=True)


def show_latency(found):
    print(f"\nFrom a message's writing to its alert: {found['median_s']} s, at most {found['longest_s']} s", flush=True)


def show_false_alarms(found):
    print(f"\nLabels of {found['source']} in random order, {found['messages']} messages a stream\n")
    print("| rule | stated rate | streams with a false alarm |\n|---|---|---|")
    for row in found["rows"]:
        print(f"| {row['rule']} | {row['stated']} | {row['with_alarm']} of {row['streams']} |", flush=True)


def show_delays(rows):
    print("\n| share before | rise | seen | median delay | least possible |\n|---|---|---|---|---|")
    for row in rows:
        seen = f"{row['seen']} of {row['streams']}"
        print(f"| {row['share']} | {row['factor']}x | {seen} | {row['delay']} | {row['least']} |", flush=True)


if __name__ == "__main__":
    main()
