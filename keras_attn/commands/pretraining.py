"""The command `pretrain`, and what the others do with its runs."""

import json

from keras_attn.commands import terminal
from keras_attn.commands.parsing import add_training, task_group
from keras_attn.commands.training import OwnFlags, run_training
from keras_attn.data import read_plain_text
from keras_attn.tasks.task import settings_of
from keras_attn.training import RunFolder

TASK = "pretraining"

_FILES = "a text a line, or .csv, .tsv, .jsonl or .parquet with a column of texts; .gz too"
_NEXT = (
    "evaluate RUN --data FILE",
    "train classification --train FILE --valid FILE --out ANOTHER_FOLDER --init RUN",
)


def add_pretrain(parser):
    """Adds the flags of `pretrain`.

    Args:
        parser: The command's parser, made with `pretrain` as its function.
    """
    parser.set_defaults(task=TASK)
    parser.add_argument(
        "--text", required=True, nargs="+", dest="train", metavar="FILE", help=f"texts to learn from: {_FILES}"
    )
    valid_help = "texts to choose the best epoch by (default: every fiftieth of --text, left out there)"
    parser.add_argument("--valid", nargs="+", metavar="FILE", help=valid_help)
    objective_help = "what is learnt: masked words, or each token from those before it (setting objective)"
    parser.add_argument("--objective", choices=("masked", "causal"), help=objective_help)
    parser.add_argument("--text-column", metavar="NAME", help="column of the texts (setting text_column)")
    add_training(parser, TASK)


def add_evaluate(parser):
    """Adds the flags that `evaluate` has for pretrainings: none.

    Args:
        parser: The command's parser.
    """
    task_group(parser, TASK, f"--data takes files with {_FILES}.")


def pretrain(options):
    """Runs `pretrain`.

    Args:
        options: What the parser gave.
    """
    settings = {"objective": options.objective, "text_column": options.text_column}
    run_training(options, OwnFlags(_read, settings), _NEXT)


def evaluate(options):
    """Runs `evaluate` on a pretraining.

    Args:
        options: What the parser gave.
    """
    texts = _read(settings_of(RunFolder(options.run).config()), options.data)
    metrics = terminal.load_run(options.run).evaluate(texts)
    if options.json:
        print(json.dumps({"task": TASK, "metrics": metrics, "count": len(texts.texts)}))
        return
    rows = [(name, f"{value:.2f}") for name, value in metrics.items()]
    terminal.print_table(f"{options.run}: {len(texts.texts)} texts", ("metric", "value"), rows)


def predict(options):
    """Refuses `predict`, `explain` and `export`.

    Args:
        options: What the parser gave.

    Raises:
        ValueError: Saying what to do.
    """
    raise ValueError(
        "A pretraining has no answers of its own: let another task start from it, by `keras-attn train classification "
        f"... --init {options.run}`, and take that run. Received: run={options.run!r}"
    )


explain = export = predict


def _read(settings, files):
    return read_plain_text(files, settings.text_column)
