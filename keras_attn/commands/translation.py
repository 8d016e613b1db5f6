"""The commands of a translation."""

import json
import warnings

from keras_attn.commands import on_texts, terminal
from keras_attn.commands.parsing import add_command, add_run, add_training, note_flags, positive, task_group
from keras_attn.commands.training import OwnFlags, run_training
from keras_attn.data import read_lines, read_parallel_text
from keras_attn.tasks.search_options import SearchOptions, make_options
from keras_attn.tasks.settings_text import add_flags, given_flags

TASK = "translation"

_FILES = "two text files, line i of one belongs to line i of the other, or one .tsv or .jsonl; .gz too"
_NEXT = (
    "evaluate RUN --data SRC TGT",
    "predict RUN FILE",
    "explain RUN --text TEXT --out PICTURES",
    "export RUN saved_models/NAME",
)

explain = on_texts.explain


def add_train(tasks):
    """Adds `train translation`.

    Args:
        tasks: What `add_subparsers` gave.
    """
    parser = add_command(tasks, TASK, "Learn to translate from pairs of texts", train)
    for flag, purpose in (("--train", "pairs to learn from"), ("--valid", "pairs to choose the best epoch by")):
        parser.add_argument(flag, nargs="+", required=True, metavar="FILE", help=f"{purpose}: {_FILES}")
    cache_help = "folder where --train is tokenized once, to be read from disk; then any number of .tsv or .jsonl"
    parser.add_argument("--token-cache", metavar="DIR", help=cache_help)
    add_training(parser, TASK)


def add_score(parser):
    """Adds what `score` takes, a command for translations alone.

    Args:
        parser: The command's parser.
    """
    parser.epilog = "each line: the answer's log-probability, tab, the answer"
    add_run(parser)
    _add_ensemble(task_group(parser, TASK))
    pairs_help = "texts and answers, line by line; or one .tsv or .jsonl; .gz too"
    parser.add_argument("files", nargs="+", metavar="FILE", help=pairs_help)
    json_help = "one JSON object a line: text, answer, score, tokens and the log-probability of each"
    parser.add_argument("--json", action="store_true", help=json_help)


def add_evaluate(parser):
    """Adds the flags that `evaluate` has for translations.

    Args:
        parser: The command's parser.
    """
    add = task_group(parser, TASK, f"--data takes {_FILES}.")
    _add_ensemble(add)
    beam_help = "hypotheses of the search, 1 is greedy (default: the run's setting beam_size)"
    add("--beam", type=positive(int, "a whole number"), metavar="N", help=beam_help)


def add_predict(parser):
    """Adds the flags that `predict` has for translations.

    Args:
        parser: The command's parser.
    """
    note = "The search: --nbest gives each answer a line of its own: score, tab, answer. docs/decoding.md tells more."
    add = task_group(parser, TASK, note)
    _add_ensemble(add)
    details_help = "with --json: tokens, their log-probabilities and the alignment of each answer too"
    add("--details", action="store_true", help=details_help)
    names = {"beam_size": "--beam", "num_results": "--nbest"}
    add_flags(add.group, SearchOptions, names)
    fields = SearchOptions.__dataclass_fields__
    note_flags(parser, TASK, {name: names.get(name, f"--{name.replace('_', '-')}") for name in fields})


def add_export(parser):
    """Adds the flags that `export` has for translations.

    Args:
        parser: The command's parser.
    """
    add = task_group(parser, TASK)
    formats = ("savedmodel", "ctranslate2", "onnx", "litert")
    add("--format", choices=formats, help="the engine's (default: savedmodel)")
    add("--quantize", choices=("int8",), help="store the matrices in 8 bits (savedmodel, ctranslate2)")
    dtype_help = "what to compute in (savedmodel, ctranslate2; default: as it was trained)"
    add("--dtype", choices=("float32", "bfloat16"), help=dtype_help)
    shortlist_help = "pairs, such as those of the training, from which to learn what the pieces of a text can become; "
    shortlist_help += f"translations are made of that alone, which is faster (savedmodel): {_FILES}"
    add("--shortlist", nargs="+", metavar="FILE", help=shortlist_help)


def export(options):
    """Runs `export` for a translation.

    Args:
        options: What the parser gave.
    """
    if hasattr(options, "shortlist"):
        options.shortlist = _read_pairs(options.shortlist)
    on_texts.export(options)


def own_flags(options):
    """Tells what the flags that translations alone have say of a training.

    Args:
        options: What the parser gave.

    Returns:
        `OwnFlags`.
    """

    def read(settings, files):
        if options.token_cache is None or files is not options.train:
            return _read_pairs(files)
        terminal.check_is_no_file(options.token_cache)
        from keras_attn.tasks.pair_shards import PairShards  # with NumPy

        for name in files:
            terminal.check_is_file(name)
        is_rows = all(name.lower().removesuffix(".gz").endswith((".tsv", ".jsonl")) for name in files)
        return PairShards(files if is_rows else [tuple(files)], options.token_cache)

    return OwnFlags(read)


def train(options):
    """Runs `train translation`.

    Args:
        options: What the parser gave.
    """
    run_training(options, own_flags(options), _NEXT)


def evaluate(options):
    """Runs `evaluate` on a translation.

    Args:
        options: What the parser gave.
    """
    data = _read_pairs(options.data)
    task = _load(options)
    with terminal.progress_bar(len(data.sources)) as advance:
        metrics = task.evaluate(data, getattr(options, "beam", None), progress=advance)
    count, signatures = len(data.sources), task.signatures()
    if options.json:
        print(json.dumps({"task": task.name, "metrics": metrics, "count": count}))
    else:
        rows = [(name, f"{value:.2f}", signatures.get(name, "")) for name, value in metrics.items()]
        terminal.print_table(f"{options.run}: {count} texts", ("metric", "value", "signature"), rows)


def predict(options):
    """Runs `predict` with a translation.

    Args:
        options: What the parser gave.
    """
    search, details = given_flags(options, SearchOptions), getattr(options, "details", False)
    make_options(**search)
    if details and not options.json:
        raise ValueError("--details shows what no line of text can: add --json. Received: --details")
    texts = terminal.standard_input() if options.file == "-" else read_lines(options.file)
    task = _load(options)
    search = {"num_results": 1, **search}
    unanswered = []

    def answer(part):
        for text, answers in zip(part, task.nbest(part, details=details, **search), strict=True):
            if not answers:
                unanswered.append(text)
            yield _answers_text(text, answers, options)

    on_texts.print_answers(options, texts, answer)
    if unanswered:
        warnings.warn(f"{len(unanswered)} texts have no answer that the options allow", stacklevel=1)


def score(options):
    """Runs `score`.

    Args:
        options: What the parser gave.
    """
    pairs = _read_pairs(options.files)
    if pairs.skipped:
        terminal.say(pairs.skipped_report("given"))
    task = _load(options)
    with terminal.progress_bar(len(pairs.sources)) as advance:
        scores = task.score_pairs(pairs.sources, pairs.targets, progress=advance)
    for text, answer, found in zip(pairs.sources, pairs.targets, scores, strict=True):
        if options.json:
            print(json.dumps({"text": text, "answer": answer, **found._asdict()}, ensure_ascii=False))
        else:
            print(f"{found.score:.4f}\t{answer}")


def _add_ensemble(add):
    text = "a further run of the same vocabulary, whose model answers together with RUN's; may be given several times"
    add("--ensemble", action="append", metavar="RUN", help=text)


def _load(options):
    return terminal.load_run(options.run, *getattr(options, "ensemble", []))


def _read_pairs(files):
    return read_parallel_text(files[0] if len(files) == 1 else files)


def _answers_text(text, answers, options):
    """A line for each answer, or all in one as JSON; of no answer an empty line."""
    if options.json:
        answers = [{name: value for name, value in answer._asdict().items() if value is not None} for answer in answers]
        return json.dumps({"text": text, "answers": answers}, ensure_ascii=False, default=lambda array: array.tolist())
    with_score = hasattr(options, "num_results")
    return "\n".join((f"{a.score:.4f}\t" if with_score else "") + a.text.replace("\n", " ") for a in answers)
