"""The commands of a tagging."""

import json

from keras_attn.commands import on_texts, terminal
from keras_attn.commands.parsing import add_command, add_training, share_flag, task_group
from keras_attn.commands.training import OwnFlags, run_training
from keras_attn.data import read_lines, read_tagged_text
from keras_attn.tasks.task import settings_of
from keras_attn.training import RunFolder

TASK = "tagging"

_FILES = (
    "a .jsonl of tokens, tags and perhaps label; or columns, a word and its tag a line; or two or three files of "
    "words, tags and labels, a sentence a line; .gz too"
)
_NEXT = (
    "evaluate RUN --data FILE",
    "predict RUN FILE",
    "explain RUN --text TEXT --out PICTURES",
    "export RUN saved_models/NAME",
)

export = on_texts.export


def add_train(tasks):
    """Adds `train tagging`.

    Args:
        tasks: What `add_subparsers` gave.
    """
    parser = add_command(tasks, TASK, "Learn to find entities from sentences with a tag for each word", train)
    for flag, purpose in (("--train", "sentences to learn from"), ("--valid", "sentences to choose the best epoch by")):
        parser.add_argument(flag, nargs="+", required=True, metavar="FILE", help=f"{purpose}: {_FILES}")
    add_training(parser, TASK)


def add_evaluate(parser):
    """Adds the flags that `evaluate` has for taggings.

    Args:
        parser: The command's parser.
    """
    task_group(parser, TASK, f"--data takes {_FILES}. --report: entities by type, the worst sentences.")
    share_flag(parser, TASK, "report")


def add_predict(parser):
    """Adds the flags that `predict` has for taggings.

    Args:
        parser: The command's parser.
    """
    task_group(
        parser, TASK, "Each line: its words, those of an entity with their tag (word/B-city); before them the label."
    )


def add_explain(parser):
    """Adds the flags that `explain` has for taggings.

    Args:
        parser: The command's parser.
    """
    add = task_group(parser, TASK)
    add("--word", metavar="WORD", help="the word of the text whose looks are drawn (default: those of all words)")


def own_flags(options):
    """Tells what the flags that taggings alone have say of a training.

    Args:
        options: What the parser gave.

    Returns:
        `OwnFlags`.
    """
    return OwnFlags(_read)


def train(options):
    """Runs `train tagging`.

    Args:
        options: What the parser gave.
    """
    run_training(options, own_flags(options), _NEXT)


def evaluate(options):
    """Runs `evaluate` on a tagging.

    Args:
        options: What the parser gave.
    """
    if hasattr(options, "report"):
        terminal.check_is_no_file(options.report)
    data = _read(settings_of(RunFolder(options.run).config()), options.data)
    task = terminal.load_run(options.run)
    with terminal.progress_bar(len(data.words)) as advance:
        metrics = task.evaluate(data, progress=advance, report=getattr(options, "report", None))
    if options.json:
        print(json.dumps({"task": task.name, "metrics": metrics, "count": len(data.words)}))
        return
    rows = [(name, f"{value:.2f}" if isinstance(value, float) else str(value)) for name, value in metrics.items()]
    terminal.print_table(f"{options.run}: {len(data.words)} sentences", ("metric", "value"), rows)
    from keras_attn.tasks.tagging_report import verdict

    print(verdict(metrics, [baseline.name for baseline in task.baselines]))


def predict(options):
    """Runs `predict` with a tagging.

    Args:
        options: What the parser gave.
    """
    texts = terminal.standard_input() if options.file == "-" else read_lines(options.file)
    task = terminal.load_run(options.run)
    as_text = _as_json if options.json else _as_line
    on_texts.print_answers(options, texts, lambda part: map(as_text, task.tag(part)))


def explain(options):
    """Runs `explain` with a tagging.

    Args:
        options: What the parser gave.

    Raises:
        ValueError: If there is no text, or no such word in it.
    """
    text = on_texts.text_of(options)
    task = terminal.load_run(options.run)
    shown = task.explain(text, getattr(options, "word", None))
    print(_as_line(task.tag([text])[0]))
    print(*shown.plot_all(options.out), sep="\n")


def _as_line(found):
    return found.line() if found.label is None else f"{found.label}\t{found.line()}"


def _as_json(found):
    described = {"text": found.text, "entities": [entity._asdict() for entity in found.entities()]}
    described |= {name: getattr(found, name) for name in ("words", "tags", "starts", "ends", "score")}
    if found.label is not None:
        described |= {"label": found.label, "label_score": found.label_score}
    return json.dumps(described, ensure_ascii=False)


def _read(settings, files):
    return read_tagged_text(files, settings.word_column, settings.tag_column, settings.scheme)
