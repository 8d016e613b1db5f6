"""The command `keras-attn`: train, measure, use, look inside and ship a task without writing Python.

What can be wrong with a command line is checked, as far as possible, before TensorFlow is imported, so that `--help`
and most mistakes are answered at once. The modules that need it are imported in the functions that run the commands.
"""

import argparse
import contextlib
import itertools
import json
import os
import re
import shlex
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from keras_attn.data import read_lines, read_parallel_text
from keras_attn.tasks import TASKS, find_task
from keras_attn.tasks.search_options import SearchOptions, make_options
from keras_attn.tasks.settings import describe_settings, make_settings
from keras_attn.tasks.settings_text import (
    add_flags,
    given_flags,
    parse_assignments,
    plain,
    read_settings,
    settings_help,
)
from keras_attn.training import RunFolder, Terminated
from keras_attn.version import __version__

_CHUNK = 256  # texts read, translated and printed at a time

# TensorFlow's C++ side writes these before it obeys TF_CPP_MIN_LOG_LEVEL.
_IMPORT_NOISE = re.compile(rb"WARNING: All log messages before absl::|[IW]\d{4} \S+ +\d+ cuda\w*\.cc:")


def main(arguments=None):
    """Runs the command `keras-attn`.

    Args:
        arguments: List of words after the command's name; those of the process when None.

    Returns:
        Exit code: 0, 2 after an error, 3 after a training that diverged, 130 after Ctrl-C, 141 when whoever reads the
        output stops reading, 143 after SIGTERM.

    Raises:
        SystemExit: By `--help`, `--version` and flags that do not exist.

    Example:
        >>> from keras_attn.cli import main
        >>> main(["presets", "translatoin"])
        2
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("MPLBACKEND", "Agg")  # pictures go to files
    options = _parser().parse_args(words)
    options.words = words
    try:
        with _short_warnings():
            options.function(options)
            sys.stdout.flush()
    except (KeyboardInterrupt, Terminated) as stop:
        _say(f"keras-attn: stopped{_how_to_go_on(options)}")
        return stop.code if isinstance(stop, Terminated) else 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the interpreter's end
        return 141
    except Exception as error:
        if os.environ.get("KERAS_ATTN_DEBUG") == "1" or not _is_expected(error):
            raise
        message = " ".join(line.strip() for line in str(error).splitlines())
        _say(f"keras-attn: error: {message or type(error).__name__}")
        return getattr(error, "exit_code", 2)
    return 0


def _parser():
    parser = argparse.ArgumentParser(
        prog="keras-attn",
        description="Trains, measures, explains and exports attention models for a task, from files to a SavedModel.",
        epilog="`keras-attn COMMAND --help` explains a command. KERAS_ATTN_DEBUG=1 shows where an error comes from.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"keras-attn {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    demo = _add_command(commands, "demo", "Train a date reader on data made here, measure and export it", _demo)
    demo.add_argument("--json", action="store_true", help="end with one line of JSON on standard output")
    _add_minutes(demo, 3.2, "minutes of training (default: 3.2)")
    demo.add_argument("--out", default="runs/dates", metavar="DIR", help="run folder (default: runs/dates)")

    _add_train(_add_command(commands, "train", "Train a task on your files; `train TASK --help` lists its settings"))

    evaluate = _add_command(commands, "evaluate", "Measure a trained task on pairs of texts", _evaluate)
    _add_run(evaluate, several=True)
    _add_files(evaluate, "--data", "texts and right answers")
    _add_count(evaluate, "--beam", "hypotheses of the search, 1 is greedy (default: the run's setting beam_size)")
    evaluate.add_argument("--json", action="store_true", help="one JSON object: task, metrics, count")

    _add_predict(_add_command(commands, "predict", "Answer texts, one a line, with a trained task", _predict))
    _add_score(_add_command(commands, "score", "Tell how likely a trained task holds given answers to be", _score))

    explain = _add_command(commands, "explain", "Draw where a trained task looks while it answers", _explain)
    _add_run(explain)
    explain.add_argument("--text", required=True, metavar="T", help="the text to answer")
    explain.add_argument("--out", required=True, metavar="DIR", help="folder for the pictures; made if missing")

    export = _add_command(commands, "export", "Write a trained task for TF Serving or another engine", _export)
    _add_run(export)
    export.add_argument("folder", metavar="DIR", help="saved_models/NAME; the model's next version is written into it")
    formats = ("savedmodel", "ctranslate2", "onnx", "litert")
    export.add_argument("--format", choices=formats, default="savedmodel", help="the engine's (default: savedmodel)")
    export.add_argument("--quantize", choices=("int8",), help="store the matrices in 8 bits (savedmodel, ctranslate2)")
    dtype_help = "what to compute in (savedmodel, ctranslate2; default: as it was trained)"
    export.add_argument("--dtype", choices=("float32", "bfloat16"), help=dtype_help)
    examples_help = "texts by which the export is compared with the task (default: some of the run's validation)"
    export.add_argument("--examples", metavar="FILE", help=examples_help)

    presets = _add_command(commands, "presets", "List the presets of a task with all their settings", _presets)
    presets.add_argument("task", nargs="?", metavar="TASK", help=f"one of {', '.join(TASKS)} (default: all)")
    return parser


def _add_predict(predict):
    predict.epilog = "example:\n  echo 'A man in a hat.' | keras-attn predict runs/en-de"
    _add_run(predict, several=True)
    predict.add_argument("file", nargs="?", default="-", metavar="FILE", help="text file, .gz too; - (or none): stdin")
    json_help = 'one JSON object a line: {"text": ..., "answers": [{"text": ..., "score": ...}]}'
    predict.add_argument("--json", action="store_true", help=json_help)
    details_help = "with --json: tokens, their log-probabilities and the alignment of each answer too"
    predict.add_argument("--details", action="store_true", help=details_help)
    search = predict.add_argument_group(
        "search", "--nbest gives each answer a line of its own: score, tab, answer. docs/decoding.md tells more."
    )
    add_flags(search, SearchOptions, {"beam_size": "--beam", "num_results": "--nbest"})


def _add_score(score):
    score.epilog = "each line: the answer's log-probability, tab, the answer"
    _add_run(score, several=True)
    pairs_help = "texts and answers, line by line; or one .tsv or .jsonl; .gz too"
    score.add_argument("files", nargs="+", metavar="FILE", help=pairs_help)
    json_help = "one JSON object a line: text, answer, score, tokens and the log-probability of each"
    score.add_argument("--json", action="store_true", help=json_help)


def _add_train(parser):
    tasks = parser.add_subparsers(title="tasks", metavar="TASK", dest="task", required=True)
    translation = _add_command(tasks, "translation", "Learn to translate from pairs of texts", _train)
    entry = TASKS["translation"]
    default = next(iter(entry.presets))
    width = max(40, min(shutil.get_terminal_size().columns, 100) - 2)
    translation.epilog = settings_help(entry.settings_class, default, entry.presets[default], width)
    _add_files(translation, "--train", "pairs to learn from")
    _add_files(translation, "--valid", "pairs to choose the best epoch by")
    translation.add_argument("--out", required=True, metavar="RUN", help="new run folder; everything is written to it")
    preset_help = f"named settings, see `keras-attn presets` (default: {default})"
    translation.add_argument("--preset", metavar="P", help=preset_help)
    translation.add_argument("--config", metavar="F", help="YAML file of settings, or the config.yaml of a run")
    set_help = "settings as below; they override those of --config, which override the preset's"
    translation.add_argument("--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE", help=set_help)
    _add_minutes(translation, None, "minutes of training, those before --resume counted (default: no limit)")
    translation.add_argument("--resume", action="store_true", help="go on from the newest checkpoint of RUN")
    text = "compute so that a run killed and resumed ends with the very weights of an undisturbed one (on a CPU)"
    translation.add_argument("--deterministic", action="store_true", help=text)
    translation.add_argument("--tensorboard", action="store_true", help="write RUN/tensorboard for TensorBoard")


def _add_command(commands, name, summary, function=None):
    parser = commands.add_parser(
        name,
        help=summary[0].lower() + summary[1:],
        description=f"{summary}.",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=function)
    return parser


def _add_run(parser, several=False):
    parser.add_argument("run", metavar="RUN", help="run folder that `keras-attn train --out` wrote")
    if several:
        text = (
            "a further run of the same vocabulary, whose model answers together with RUN's; may be given several times"
        )
        parser.add_argument("--ensemble", action="append", default=[], metavar="RUN", help=text)


def _add_files(parser, flag, purpose):
    text = f"{purpose}: two text files, line i of one belongs to line i of the other, or one .tsv or .jsonl; .gz too"
    parser.add_argument(flag, nargs="+", required=True, metavar="FILE", help=text)


def _add_count(parser, flag, text):
    parser.add_argument(flag, type=_positive(int, "a whole number"), metavar="N", help=text)


def _add_minutes(parser, default, text):
    kind = _positive(float, "a number")
    parser.add_argument("--max-minutes", type=kind, default=default, metavar="M", help=text)


def _positive(kind, expected):
    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not value > 0:
            raise argparse.ArgumentTypeError(f"must be {expected} above 0. Received: {text!r}")
        return value

    return parse


# The commands. Each checks what it can before `_quiet_import`.


def _demo(options):
    with _quiet_import():
        from keras_attn.demo import run_demo
    run_demo(out=options.out, max_minutes=options.max_minutes, as_json=options.json)


def _train(options):
    entry = TASKS[options.task]
    preset, settings = read_settings(options.config, options.task) if options.config else (None, {})
    settings |= parse_assignments(options.set)
    preset = options.preset or preset or next(iter(entry.presets))
    make_settings(entry.settings_class, entry.presets, preset, settings)
    out = Path(options.out)
    if options.resume and RunFolder(out).holds_run():
        with RunFolder(out).lock():  # told at once, before TensorFlow is imported
            pass
    else:
        RunFolder(out).check_free()
    data, validation = _read_pairs(options.train), _read_pairs(options.valid)
    with _quiet_import():
        make_task = entry.load_class()
    names = ("max_minutes", "resume", "deterministic", "tensorboard")
    how = {name: getattr(options, name) for name in names}
    best = make_task(preset, **settings).fit(data, validation, out, command=_command(options), **how)
    run, pictures = shlex.quote(options.out), shlex.quote(str(out / "attention"))
    print(
        f"Best epoch: {'  '.join(f'{name} {value:.4g}' for name, value in best.items())}\n"
        f"What happened stands in {out / 'report.md'}. Next:\n"
        f"  keras-attn evaluate {run} --data SRC TGT\n"
        f"  keras-attn predict {run} FILE\n"
        f"  keras-attn explain {run} --text TEXT --out {pictures}\n"
        f"  keras-attn export {run} saved_models/NAME"
    )


def _evaluate(options):
    RunFolder(options.run).config()
    data = _read_pairs(options.data)
    task = _load(options.run, *options.ensemble)
    with _progress_bar(len(data.sources)) as advance:
        metrics = task.evaluate(data, options.beam, progress=advance)
    count, signatures = len(data.sources), task.signatures()
    if options.json:
        print(json.dumps({"task": task.name, "metrics": metrics, "count": count}))
    else:
        rows = [(name, f"{value:.2f}", signatures.get(name, "")) for name, value in metrics.items()]
        _print_table(f"{options.run}: {count} texts", ("metric", "value", "signature"), rows)


def _predict(options):
    RunFolder(options.run).config()
    search, is_standard_input = given_flags(options, SearchOptions), options.file == "-"
    make_options(**search)
    if options.details and not options.json:
        raise ValueError("--details shows what no line of text can: add --json. Received: --details")
    texts = _standard_input() if is_standard_input else read_lines(options.file)
    task = _load(options.run, *options.ensemble)
    search = {"num_results": 1, **search}
    total = None if is_standard_input else len(texts)
    chunk = 1 if is_standard_input and sys.stdin.isatty() else _CHUNK  # who types a line wants its answer
    texts, done, missing = iter(texts), 0, 0
    with _progress_bar(total, show=not sys.stdout.isatty()) as advance:
        while part := list(itertools.islice(texts, chunk)):
            for text, answers in zip(part, task.nbest(part, details=options.details, **search), strict=True):
                _print_answers(text, answers, options)
                missing += not answers
            sys.stdout.flush()
            done += len(part)
            advance(done)
    if missing:
        warnings.warn(f"{missing} texts have no answer that the options allow", stacklevel=1)


def _print_answers(text, answers, options):
    if options.json:
        answers = [{name: value for name, value in answer._asdict().items() if value is not None} for answer in answers]
        print(json.dumps({"text": text, "answers": answers}, ensure_ascii=False, default=lambda array: array.tolist()))
        return
    if not answers:
        print()
    for answer in answers:
        score = f"{answer.score:.4f}\t" if hasattr(options, "num_results") else ""
        print(score + answer.text.replace("\n", " "))


def _score(options):
    RunFolder(options.run).config()
    pairs = _read_pairs(options.files)
    if pairs.skipped:
        _say(pairs.skipped_report("given"))
    task = _load(options.run, *options.ensemble)
    with _progress_bar(len(pairs.sources)) as advance:
        scores = task.score_pairs(pairs.sources, pairs.targets, progress=advance)
    for text, answer, found in zip(pairs.sources, pairs.targets, scores, strict=True):
        if options.json:
            print(json.dumps({"text": text, "answer": answer, **found._asdict()}, ensure_ascii=False))
        else:
            print(f"{found.score:.4f}\t{answer}")


def _explain(options):
    RunFolder(options.run).config()
    _check_is_no_file(options.out)
    if not options.text.strip():  # before TensorFlow is imported
        raise ValueError(f"There is nothing to explain in an empty text. Received: text={options.text!r}")
    task = _load(options.run)
    print(task.predict([options.text])[0])
    print(*task.explain(options.text).plot_all(options.out), sep="\n")


def _export(options):
    RunFolder(options.run).config()
    _check_is_no_file(options.folder)
    examples = read_lines(options.examples) if options.examples else None
    how = {name: getattr(options, name) for name in ("format", "quantize", "dtype")}
    print(_load(options.run).export(options.folder, examples=examples, **how))


def _presets(options):
    for task in [options.task] if options.task else TASKS:
        entry = find_task(task)
        presets = entry.presets
        columns = [describe_settings(make_settings(entry.settings_class, presets, name, {})) for name in presets]
        rows = [(name, *(plain(settings[name]) for settings in columns)) for name in columns[0]]
        _print_table(f"Presets of {task}", ("setting", *presets), rows)


def _load(run, *others):
    with _quiet_import():
        from keras_attn.tasks import load_task

        if others:
            return find_task(RunFolder(run).config()["task"]).load_class().ensemble([run, *others])
        return load_task(run)


@contextlib.contextmanager
def _progress_bar(total, show=True):
    """Shows a bar where standard error is a terminal, if `show`; gives the function to call with the texts done."""
    from rich import progress
    from rich.console import Console

    columns = (
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]:.1f} texts/s"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
    )
    console, start = Console(stderr=True), time.monotonic()
    hidden = not (show and console.is_terminal)
    # The answers must not go the bar's way, to standard error: no redirection.
    with progress.Progress(*columns, console=console, transient=True, disable=hidden, redirect_stdout=False) as bars:
        bar = bars.add_task("", total=total, rate=0.0)
        yield lambda done: bars.update(bar, completed=done, rate=done / (time.monotonic() - start))


def _print_table(title, columns, rows):
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == columns[0])
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, markup=False, emoji=False).print(table)


def _read_pairs(files):
    return read_parallel_text(files[0] if len(files) == 1 else files)


def _standard_input():
    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            start = line[error.start : error.start + 4]
            raise ValueError(
                f"standard input:{number}: not valid UTF-8; convert it first. Received: bytes={start!r}"
            ) from None
        yield (text.removeprefix("\ufeff") if number == 1 else text).removesuffix("\n").removesuffix("\r")


def _check_is_no_file(folder):
    if Path(folder).is_file():
        raise FileExistsError(f"{folder} is a file; give the name of a folder. Received: folder={folder!r}")


# What is said beside the answers goes to standard error.


def _say(*lines, sep="\n"):
    print(*lines, sep=sep, file=sys.stderr)


def _command(options):
    return shlex.join(["keras-attn", *options.words])


def _how_to_go_on(options):
    """Says after Ctrl-C what is saved."""
    if options.command != "train":
        return "."
    out, command = Path(options.out), _command(options) + ("" if options.resume else " --resume")
    newest = RunFolder(out).checkpoints("last")
    if newest:
        return f"; saved in {newest[-1]}. Go on with:\n  {command}"
    if (out / "config.yaml").is_file():
        return f" before anything was learnt. Begin it again with:\n  {command}"
    return "; nothing was written yet."


def _is_expected(error):
    """Whether an error tells of a user's mistake rather than of a bug."""
    if isinstance(error, ValueError | OSError) or type(error).__module__.startswith("keras_attn."):
        return True
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return isinstance(error, RuntimeError) and frame.f_globals["__name__"].startswith("keras_attn.")


@contextlib.contextmanager
def _short_warnings():
    def show(message, *_, **__):
        _say(f"keras-attn: warning: {message}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


@contextlib.contextmanager
def _quiet_import():
    """Keeps back, of what is written to standard error, the lines by which TensorFlow announces that it starts."""
    sys.stderr.flush()
    standard_error = os.dup(2)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(standard_error, 2)
            os.close(standard_error)
            written.seek(0)
            for line in written:
                if not _IMPORT_NOISE.match(line):
                    os.write(2, line)
