"""A stream whose counts are known because it was made so, and a monitor that watches it in a process to be killed."""

import collections
import json
import random
import sys
import time

HEADS = {"mood": ["bad", "good"], "topic": ["price", "size"]}
RULES = ["bad: rate 2x", "price: share 60%"]


def classify(texts):
    """Knows a message's labels by its words."""
    return [dict(zip(("mood", "topic"), text.split()[:2], strict=True)) for text in texts]


def write_stream(path, count=3000, rise=2600, seed=0):
    """Writes a message a second, a tenth of them bad and half of them from `rise` on, and what is to be left out.

    Gives the summary that is expected, and what is to be counted of each label.
    """
    draw = random.Random(seed)
    lines, labels = [], collections.Counter()
    fates = dict.fromkeys(("messages", "late", "ahead", "repeated"), 0) | {"malformed": collections.Counter()}
    for second in range(count):
        mood = "bad" if draw.random() < (0.5 if second >= rise else 0.1) else "good"
        topic = draw.choice(["price", "size"])
        row = {"time": 1_000_000 + second, "text": f"{mood} {topic} \u00fc", "id": second}
        lines.append(json.dumps(row).encode())
        labels.update([mood, topic])
        fates["messages"] += 1
        odd = draw.random()
        if odd < 0.02:
            lines.append(lines[-1])
            fates["repeated"] += 1
        elif odd < 0.04 and second > 200:
            lines.append(json.dumps({**row, "time": row["time"] - 100, "id": f"late {second}"}).encode())
            fates["late"] += 1
        elif odd < 0.05:
            lines.append(json.dumps({**row, "time": 9e10, "id": f"ahead {second}"}).encode())
            fates["ahead"] += 1
        elif odd < 0.08:
            line, reason = draw.choice(
                [(b'{"time": 1, "te', "json"), (b"\xff\xfe", "utf-8"), (b'{"time": 5}', "text"), (b"{}", "text")]
            )
            lines.append(line)
            fates["malformed"][reason] += 1
    path.write_bytes(b"\n".join(lines) + b"\n")
    return {**fates, "malformed": dict(fates["malformed"])}, labels


def make_monitor(folder, **changes):
    from keras_attn.monitoring import StreamMonitor

    arguments = {"window": "10m", "lateness": "1m", "batch_size": 50, "max_wait": 0.01, **changes}
    return StreamMonitor(arguments.pop("classify", classify), HEADS, RULES, folder, **arguments)


def main(folder, source, hook):
    """Watches slowly, and saves after each micro-batch."""
    from keras_attn.monitoring import CommandHook, stream_monitor

    stream_monitor._SAVE_SECONDS = 0.0

    def slowly(texts):
        time.sleep(0.01)
        return classify(texts)

    stream_monitor.plot_trend = lambda folder: None  # a picture takes longer than all the rest
    print(json.dumps(make_monitor(folder, classify=slowly, outputs=[CommandHook(hook)]).run(source)))


if __name__ == "__main__":
    main(*sys.argv[1:])
