"""What the benchmarks share: a process for each library, and questions put to them in turn."""

import argparse
import ctypes
import importlib.util
import json
import statistics
import subprocess
import sys
import time

LONG = 30  # seconds: such a call is not warmed up twice, and timed once


def new_parser(doc, workers, quick="small sizes and few rounds: seconds, not figures"):
    """The parser of a script with what all of them take: `--quick`, `--json`, `--rounds`, and `--worker` for itself."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    parser.add_argument("--rounds", type=int, help="timed calls of each case (default 5; fewer with --quick)")
    parser.add_argument("--worker", choices=list(workers), help=argparse.SUPPRESS)
    return parser


class Bench:
    """The processes of the libraries, and how they take turns.

    A script that uses it starts itself with `--worker NAME`, and answers there by `serve`.

    Args:
        rounds: Timed calls of each run of a case.
        runs: What is timed of a case.
    """

    def __init__(self, rounds, runs=("forward", "train")):
        self.rounds = rounds
        self.runs = runs
        self.workers = {}

    def measure(self, case, names=("ours", "keras")):
        """Gives for each library the medians of its runs in ms, and what else `prepare` told of them."""
        return self.measure_each({name: case for name in names if has_torch() or not name.startswith("torch")})

    def measure_each(self, cases):
        """The same for libraries that each have a case of their own."""
        times = {name: {run: [] for run in self.runs} for name in cases}
        told = {name: self.ask(name, {"prepare": case}) for name, case in cases.items()}
        for _ in range(self.rounds):
            for run in self.runs:
                for name in cases:
                    if max(times[name][run], default=0) < LONG:
                        times[name][run].append(self.ask(name, {"run": run}))
        medians = {name: {run: statistics.median(t) * 1e3 for run, t in times[name].items()} for name in cases}
        return {name: {**medians[name], **told[name]} for name in cases}

    def ask(self, name, question):
        if name not in self.workers:
            command = [sys.executable, sys.argv[0], "--worker", name]
            self.workers[name] = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        worker = self.workers[name]
        worker.stdin.write(json.dumps(question) + "\n")
        worker.stdin.flush()
        for line in worker.stdout:
            if line.startswith("answer "):
                return json.loads(line.removeprefix("answer "))
        sys.exit(f"The process of {name} ended (exit code {worker.wait()}) at: {question}")

    def close(self):
        for worker in self.workers.values():
            worker.stdin.close()
            worker.wait()


def serve(library):
    """Answers the questions of `Bench` until there are no more.

    Args:
        library: Its `prepare(case)` gives a function without arguments for each run, called twice (once where it takes
            long) before it is timed. With `times_itself` they return their seconds. Its `told()`, if it has one, gives
            more to tell.
    """
    runs = {}
    for line in sys.stdin:
        question = json.loads(line)
        if "prepare" in question:
            runs = library.prepare(question["prepare"])
            answer = {}
            for name, run in runs.items():
                before, start = reset_peak(), time.perf_counter()
                run()
                answer[f"{name}_mb"] = round((peak() - before) / 1024, 1)
                if time.perf_counter() - start < LONG:
                    run()
            answer |= library.told() if hasattr(library, "told") else {}
        else:
            start = time.perf_counter()
            seconds = runs[question["run"]]()
            answer = seconds if getattr(library, "times_itself", False) else time.perf_counter() - start
        print("answer", json.dumps(answer), flush=True)
    return 0


def ratio(peer, ours, run):
    """The peer's time over ours, or None where there is no peer."""
    return round(peer[run] / ours[run], 3) if peer else None


def has_torch():
    return importlib.util.find_spec("torch") is not None


def reset_peak():
    """Gives memory back, sets the process's peak to what it holds now, and returns that in kB."""
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return peak()


def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
