"""The commands of a classification."""

import json

from keras_attn.commands import on_texts, terminal
from keras_attn.commands.parsing import add_command, add_training, task_group
from keras_attn.commands.training import OwnFlags, run_training
from keras_attn.data import read_labelled_text, read_lines, read_table
from keras_attn.tasks.task import settings_of
from keras_attn.training import RunFolder

TASK = "classification"

_FILE = ".csv, .tsv, .jsonl (.gz too) or .parquet with a column of texts, or a folder with a sub-folder a class"
_NEXT = (
    "evaluate RUN --data FILE",
    "predict RUN FILE",
    "explain RUN --text TEXT --out PICTURES",
    "export RUN saved_models/NAME",
)

explain, export = on_texts.explain, on_texts.export


def add_train(tasks):
    """Adds `train classification`.

    Args:
        tasks: What `add_subparsers` gave.
    """
    parser = add_command(tasks, TASK, "Learn to sort texts into classes from labelled ones", train)
    for flag, purpose in (("--train", "texts to learn from"), ("--valid", "texts to choose the best epoch by")):
        parser.add_argument(flag, required=True, metavar="FILE", help=f"{purpose}: {_FILE}")
    parser.add_argument("--text-column", metavar="NAME", help="column of the texts (setting text_column)")
    label_help = "column of the labels (setting label_columns); may be given several times, for several heads"
    parser.add_argument("--label-column", action="append", metavar="NAME", help=label_help)
    separator_help = "what stands between the labels of a cell, where a text has several (setting label_separator)"
    parser.add_argument("--label-separator", metavar="TEXT", help=separator_help)
    init_help = (
        "run folder of `keras-attn pretrain`, or a BERT's folder, to start from (setting init; preset fine_tuning)"
    )
    parser.add_argument("--init", metavar="DIR", help=init_help)
    add_training(parser, TASK)


def add_evaluate(parser):
    """Adds the flags that `evaluate` has for classifications.

    Args:
        parser: The command's parser.
    """
    add = task_group(parser, TASK, f"--data takes one {_FILE}.")
    add("--report", metavar="DIR", help="folder for report.md with pictures: classes, calibration, the worst mistakes")


def add_predict(parser):
    """Adds the flags that `predict` has for classifications.

    Args:
        parser: The command's parser.
    """
    note = "Each line: label, tab, confidence, for each head. Of a .csv, .tsv, .jsonl or .parquet the column of texts."
    add = task_group(parser, TASK, note)
    add("--abstain", action="store_true", help="leave the label empty where it is less sure than the run's threshold")


def own_flags(options):
    """Tells what the flags that classifications alone have say of a training.

    Args:
        options: What the parser gave.

    Returns:
        `OwnFlags`.
    """
    settings = {
        "text_column": options.text_column,
        "label_columns": options.label_column,
        "label_separator": options.label_separator,
        "init": options.init,
    }
    return OwnFlags(_read, settings, None if options.init is None else "fine_tuning")


def train(options):
    """Runs `train classification`.

    Args:
        options: What the parser gave.
    """
    run_training(options, own_flags(options), _NEXT)


def evaluate(options):
    """Runs `evaluate` on a classification.

    Args:
        options: What the parser gave.
    """
    if len(options.data) > 1:
        raise ValueError(
            f"--data takes one file or folder of labelled texts. Received: --data {' '.join(options.data)}"
        )
    if hasattr(options, "report"):
        terminal.check_is_no_file(options.report)
    data = _read(_settings(options.run), options.data[0])
    task = terminal.load_run(options.run)
    with terminal.progress_bar(len(data.texts)) as advance:
        metrics = task.evaluate(data, progress=advance, report=getattr(options, "report", None))
    if options.json:
        print(json.dumps({"task": task.name, "metrics": metrics, "count": len(data.texts)}))
        return
    names = [name for name in metrics if "baseline_" not in name]
    rows = [(name, _figure(metrics[name]), _figure(metrics.get(_beside(name)))) for name in names]
    kind = "none" if task.baseline is None else task.baseline.kind
    terminal.print_table(f"{options.run}: {len(data.texts)} texts", ("metric", "value", f"baseline ({kind})"), rows)
    from keras_attn.tasks.classification_report import verdicts

    print(*verdicts(metrics, task.labels.heads, kind), sep="\n")


def predict(options):
    """Runs `predict` with a classification.

    Args:
        options: What the parser gave.
    """
    texts = terminal.standard_input() if options.file == "-" else _texts(options)
    task = terminal.load_run(options.run)

    def answer(part):
        return (_prediction_text(text, found, options) for text, found in zip(part, task.classify(part), strict=True))

    on_texts.print_answers(options, texts, answer)


def _prediction_text(text, found, options):
    if hasattr(options, "abstain"):
        found = {head: p if p.is_confident else p._replace(label=None) for head, p in found.items()}
    if options.json:
        labels = {head: prediction._asdict() for head, prediction in found.items()}
        return json.dumps({"text": text, "labels": labels}, ensure_ascii=False)
    return "\t".join(f"{_label_text(p.label)}\t{p.confidence:.4f}" for p in found.values())


def _label_text(label):
    if label is None:
        return ""
    return " ".join((label if isinstance(label, str) else ", ".join(label)).split())


def _texts(options):
    """The texts of a file: its lines, or of a table a column."""
    if not any(kind in options.file.lower() for kind in (".csv", ".tsv", ".jsonl", ".parquet")):
        return read_lines(options.file)
    rows, skipped = read_table(options.file, [_settings(options.run).text_column])
    if skipped:
        terminal.say(f"{len(skipped)} rows left out, the first: {skipped[0]}")
    return ["" if values[0] is None else str(values[0]) for _, values in rows]


def _settings(run):
    return settings_of(RunFolder(run).config())


def _read(settings, path):
    return read_labelled_text(path, settings.text_column, settings.label_columns, settings.label_separator)


def _figure(value):
    return "" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


def _beside(name):
    head, slash, own = name.rpartition("/")
    return f"{head}{slash}baseline_{own}"
