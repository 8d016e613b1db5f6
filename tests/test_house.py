"""The rules of the house, as tests: floors, names, sizes, documentation, and that what we say runs.

Each failure names the file and line, and what to do.
"""

import ast
import contextlib
import doctest
import enum
import importlib
import inspect
import io
import itertools
import os
import random
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "keras_attn"

FLOORS = {
    "lazy": -1,
    "version": -1,
    "ops": 0,
    "layers": 1,
    "models": 2,
    "text": 2,
    "data": 2,
    "testing": 2,
    "training": 3,
    "decoding": 3,
    "explain": 3,
    "compress": 3,
    "export": 4,
    "tasks": 5,
    "serving": 6,
    "monitoring": 6,
    "tuning": 6,
    "demo": 6,
    "commands": 7,
    "cli": 8,
}
# The rooms that run on every backend, and how the files in each end that may speak to TensorFlow.
NEUTRAL_ROOMS = {
    "ops": "tensorflow.py",
    "layers": "tensorflow.py",
    "models": "tensorflow.py",
    "training": "distribution.py",
}
COMMANDS = {"demo", "train", "evaluate", "predict", "explain", "export", "presets"}  # at least these
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60  # without its docstring
# Names whose meaning Keras fixes and documents: a docstring there would only repeat it.
KERAS_METHODS = {"build", "call", "get_config"}


def module_files():
    return sorted(PACKAGE.rglob("*.py"))


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(name):
    """`ops` for `keras_attn.ops.masks`; an empty string for `keras_attn` itself."""
    return name.split(".")[1] if "." in name else ""


MODULES = [module_name(path) for path in module_files()]
PACKAGES = [module_name(path) for path in module_files() if path.name == "__init__.py"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def at(path, line):
    return f"{os.path.relpath(path, ROOT)}:{line}"


def report(problems):
    """Fail once, with every problem on a line of its own."""
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def imports_of(path):
    """Yield `(line, module, relative)` of every import; `from a import b` gives `a.b`, as `b` may be a module."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.lineno, f"{node.module or ''}.{alias.name}", node.level > 0
        elif isinstance(node, ast.Constant) and re.fullmatch(r"keras_attn(\.\w+)+", str(node.value)):
            yield node.lineno, node.value, False  # a module named in a string is imported later


def import_problem(room, target, relative):
    """Return what is wrong with importing `target` in `room`, or None."""
    if relative:
        return f"relative import of {target}; write the absolute name, keras_attn.{room}..."
    if target.split(".")[0] != "keras_attn" or target == "keras_attn.__version__":
        return None
    other = room_of(target)
    if other not in FLOORS:
        return f"{target} is in no known room; import the room that owns it, such as keras_attn.ops"
    if other == room or FLOORS[other] < FLOORS[room]:
        return None
    where = "on the same floor" if FLOORS[other] == FLOORS[room] else "on a higher floor"
    return (
        f"{room} (floor {FLOORS[room]}) imports {target}, {where} ({FLOORS[other]}); "
        "move the code down, or take it as an argument that the task hands over"
    )


def test_imports_are_absolute_and_point_down():
    problems = []
    for path in module_files():
        room = room_of(module_name(path))
        if not room:
            continue  # the package's own __init__ stands on the roof
        if room not in FLOORS:
            problems.append(f"{at(path, 1)}: a room without a floor; add {room!r} to FLOORS in tests/test_house.py")
            continue
        for line, target, relative in imports_of(path):
            problem = import_problem(room, target, relative)
            if problem:
                problems.append(f"{at(path, line)}: {problem}")
    report(problems)


def test_neutral_rooms_leave_tensorflow_to_one_file():
    problems = []
    for path in module_files():
        allowed = NEUTRAL_ROOMS.get(room_of(module_name(path)))
        if allowed is None or path.name.endswith(allowed):
            continue
        problems += [
            f"{at(path, line)}: imports {target}; use keras.ops, or move it to {path.parent.name}/{allowed}"
            for line, target, _ in imports_of(path)
            if target.split(".")[0] in {"tensorflow", "tensorflow_text"}
        ]
    report(problems)


@pytest.mark.parametrize("name", PACKAGES)
def test_exported_names_resolve(name):
    module = importlib.import_module(name)
    file = at(module.__file__, 1)
    assert hasattr(module, "__all__"), f"{file}: no __all__; list in it the names that {name} offers"
    missing = [export for export in module.__all__ if not hasattr(module, export)]
    assert not missing, f"{file}: __all__ lists what the module lacks; import or remove: {missing}"
    twice = {export for export in module.__all__ if module.__all__.count(export) > 1}
    assert not twice, f"{file}: __all__ lists twice: {sorted(twice)}"


def section_names(docstring, title):
    """Return the argument names that a Google-style section lists, or None where there is no such section."""
    lines = inspect.cleandoc(docstring or "").splitlines()
    if f"{title}:" not in lines:
        return None
    body = []
    for line in lines[lines.index(f"{title}:") + 1 :]:
        if line and not line.startswith(" "):
            break
        body.append(line)
    entries = inspect.cleandoc("\n".join(["", *body])).splitlines()
    heads = [re.match(r"([*\w]+(?:, [*\w]+)*)(?: \([^)]*\))?:", line) for line in entries]
    return [name for head in heads if head for name in head.group(1).split(", ")]


def signature_names(function, skip_first):
    parameters = list(inspect.signature(function).parameters.values())[skip_first:]
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [parameter.name for parameter in parameters if parameter.kind not in kinds]


def args_problem(label, docstring, expected, section_required=True):
    """Compare a docstring's `Args` with the names of the signature; return a sentence, or None."""
    listed = section_names(docstring, "Args")
    if listed is None and not section_required:
        return None
    named = [name for name in listed or [] if not name.startswith("*")]
    if named == expected:
        return None
    return f"{label}: `Args` must list the signature's names in their order: {expected}. Received: {named}"


def class_problems(label, cls):
    """Yield what a public class lacks: the `Args` of its constructor, the docstrings of its own methods."""
    constructor = cls.__init__ if cls.__init__ is not object.__init__ else cls.__new__
    ours = (getattr(constructor, "__module__", None) or "").startswith("keras_attn")
    if ours and not issubclass(cls, enum.Enum):
        yield args_problem(label, cls.__doc__, signature_names(constructor, skip_first=1))
    foreign = [base for base in cls.__mro__ if not base.__module__.startswith("keras_attn")]
    for name, member in vars(cls).items():
        function = getattr(member, "__func__", member)  # a class or static method's function
        inherited = name in KERAS_METHODS or any(hasattr(base, name) for base in foreign)
        if name.startswith("_") or not inspect.isfunction(function) or inherited:
            continue
        if not inspect.getdoc(getattr(cls, name)):
            yield f"{label}.{name}: a public method without a docstring"
        bound = not isinstance(member, staticmethod)
        expected = signature_names(function, skip_first=int(bound))
        yield args_problem(f"{label}.{name}", function.__doc__, expected, section_required=False)
    call = getattr(cls, "call", cls.__call__)
    for name in section_names(cls.__doc__, "Call arguments") or []:
        if name.strip("*") not in inspect.signature(call).parameters:
            yield f"{label}: `Call arguments` lists {name!r}, which call() does not take"


def documentation_problems(label, value):
    if not value.__doc__:
        yield f"{label}: exported without a docstring; write one, with the signature's names under `Args`"
    elif inspect.isclass(value):
        yield from class_problems(label, value)
    else:
        yield args_problem(label, value.__doc__, signature_names(value, skip_first=0))


@pytest.mark.parametrize("name", PACKAGES)
def test_exports_are_documented(name):
    module = importlib.import_module(name)
    problems = []
    for export in getattr(module, "__all__", []):
        value = getattr(module, export, None)
        if inspect.isclass(value) or inspect.isfunction(value):
            line = inspect.getsourcelines(value)[1]
            label = f"{at(inspect.getsourcefile(value), line)}: {name}.{export}"
            problems += [problem for problem in documentation_problems(label, value) if problem]
    report(problems)


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name, tmp_path, monkeypatch):
    module = importlib.import_module(name)
    monkeypatch.chdir(tmp_path)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0, output.getvalue()


def fenced_blocks(text, language):
    """Return `(line, code)` of each fenced block in a language; `line` is that of its first line of code."""
    pattern = re.compile(rf"^```{language}[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, match.start(1)) + 1, match.group(1)) for match in pattern.finditer(text)]


def readme_blocks(language):
    path = ROOT / "README.md"
    blocks = fenced_blocks(path.read_text(encoding="utf-8"), language) if path.exists() else []
    if not blocks:
        pytest.skip(f"README.md has no {language} block")
    return blocks


def write_parallel_text(folder):
    """Write the files that a user of the README would have: `train`, `val` and `test` in `.en` and `.de`."""
    letters = random.Random(0)
    words = ["".join(letters.choices("abcdefghijklmnopqrstuvwxyz", k=letters.randint(3, 9))) for _ in range(4000)]
    for name, count in (("train", 4000), ("val", 20), ("test", 20)):
        rows = [letters.choices(words, k=6) for _ in range(count)]
        for language, order in (("en", 1), ("de", -1)):
            text = "".join(" ".join(row[::order]) + "\n" for row in rows)
            (folder / f"{name}.{language}").write_text(text, encoding="utf-8")


def test_readme_python_runs(tmp_path, monkeypatch):
    write_parallel_text(tmp_path)
    (tmp_path / "saved_models").mkdir()
    (tmp_path / "saved_models" / "dates").symlink_to(ROOT / "saved_models" / "dates")
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "readme"}
    for line, code in readme_blocks("python"):
        code = code.replace("max_minutes=60", "max_minutes=0.01")  # what differs: a single step of a small model
        code = code.replace("dropout=0.1)", "dropout=0.1, num_layers=1, max_length=32)")
        # The empty lines make a traceback show the README's own line numbers.
        exec(compile("\n" * (line - 1) + code, str(ROOT / "README.md"), "exec"), namespace)


def test_the_blocks_of_the_attention_page_run():
    """One after the other, as a reader would type them."""
    page = ROOT / "docs" / "attention.md"
    namespace = {"__name__": "attention"}
    for line, code in fenced_blocks(page.read_text(encoding="utf-8"), "python"):
        exec(compile("\n" * (line - 1) + code, str(page), "exec"), namespace)


def run_command(arguments):
    """Run `keras-attn` in a fresh process; return its output, its exit code and the heavy modules it imported."""
    code = (
        "import sys\n"
        "from keras_attn.cli import main\n"
        "try:\n"
        "    status = main()\n"
        "except SystemExit as stop:\n"
        "    status = stop.code\n"
        "heavy = sorted({'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules))\n"
        "print('\\nHEAVY', *heavy)\n"
        "sys.exit(status)\n"
    )
    command = [sys.executable, "-c", code, *arguments]
    environment = {**os.environ, "COLUMNS": "100"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=60)
    output, _, heavy = done.stdout.rpartition("\nHEAVY")
    return output + done.stderr, done.returncode, heavy.split()


def listed_commands(help_text):
    """Return the sub-commands that a help text lists, as `{a,b}` or one a line under a heading."""
    braces = re.search(r"^\s+\{([\w,-]+)\}", help_text, re.MULTILINE)
    lines = re.findall(r"^ {2,6}([a-z][\w-]*)(?: {2,}\S|$)", help_text, re.MULTILINE)
    return set(braces.group(1).split(",")) if braces else set(lines)


def test_help_answers_at_once():
    text, status, _ = run_command(["--help"])
    assert status == 0, f"keras-attn --help failed:\n{text}"
    commands = listed_commands(text)
    assert commands >= COMMANDS, f"keras-attn --help does not list {sorted(COMMANDS - commands)}:\n{text}"
    problems = []
    for arguments in ([], *([command] for command in sorted(commands))):
        seconds = []
        heavy = []
        while len(seconds) < 3 and min(seconds, default=1.0) >= 1.0 and not heavy:  # the best of three
            start = time.perf_counter()
            text, status, heavy = run_command([*arguments, "--help"])
            seconds.append(time.perf_counter() - start)
        label = " ".join(["keras-attn", *arguments, "--help"])
        if status or "usage" not in text.lower():
            problems.append(f"{label} ended with {status}: {text[-500:]}")
        if heavy:
            problems.append(f"{label} imports {heavy}; import them in the function that runs the command")
        elif min(seconds) >= 1.0:
            problems.append(f"{label} took {min(seconds):.2f} s; see python -X importtime -m keras_attn.cli")
    report(problems)


def readme_commands():
    """Yield `(line, words)` of each `keras-attn ...` call in the README's console blocks."""
    for first, block in readme_blocks("console"):
        joined = block.replace("\\\n", "  ")
        for offset, line in enumerate(joined.splitlines()):
            for call in line.removeprefix("$ ").split("|") if line.startswith("$ ") else []:
                words = shlex.split(re.split(r"[<>&;]", call)[0], comments=True)
                if words and Path(words[0]).name == "keras-attn":
                    yield first + offset, words[1:]


def test_readme_commands_exist():
    commands = listed_commands(run_command(["--help"])[0])
    problems = []
    for line, words in readme_commands():
        names = list(itertools.takewhile(lambda word: not word.startswith("-"), words))
        flags = {word.split("=")[0] for word in words if re.match(r"--\w", word)}
        text, status, _ = run_command([*names, "--help"])
        if status or not commands.issuperset(names[:1]):
            problems.append(f"README.md:{line}: keras-attn {' '.join(words)}: no such command: {text[-300:]}")
            continue
        unknown = sorted(flag for flag in flags if not re.search(rf"{flag}(?![\w-])", text))
        if unknown:
            problems.append(f"README.md:{line}: `keras-attn {' '.join(names)} --help` does not know {unknown}")
    report(problems)


def test_package_import_is_light():
    code = (
        "import sys, keras_attn\n"
        "assert keras_attn.__version__ and 'layers' in dir(keras_attn)\n"
        "print(*sorted({'tensorflow', 'keras', 'numpy', 'jax', 'torch'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr
    heavy = done.stdout.split()
    assert not heavy, f"`import keras_attn` imports {heavy}; keras_attn/__init__.py must export them lazily"


def function_lines(node):
    """Count a function's lines without those of its docstring."""
    first = node.body[0]
    documented = ast.get_docstring(node) is not None
    return node.end_lineno - node.lineno + 1 - (first.end_lineno - first.lineno + 1 if documented else 0)


def test_files_and_functions_are_short():
    problems = []
    for path in sorted(path for room in ("keras_attn", "tests", "benchmarks") for path in (ROOT / room).rglob("*.py")):
        length = len(path.read_text(encoding="utf-8").splitlines())
        if length > MAX_FILE_LINES:
            problems.append(f"{at(path, 1)}: {length} lines, at most {MAX_FILE_LINES}; split it by what it is about")
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = function_lines(node)
                if length > MAX_FUNCTION_LINES:
                    where = f"{at(path, node.lineno)}: {node.name}() has {length} lines"
                    problems.append(f"{where} without its docstring, at most {MAX_FUNCTION_LINES}; split it")
    report(problems)


def test_every_module_has_its_tests():
    problems = []
    for path in module_files():
        relative = path.relative_to(PACKAGE)
        expected = ROOT / "tests" / relative.parent / f"test_{relative.stem.strip('_')}.py"
        if path.name != "__init__.py" and not expected.exists():
            problems.append(f"{at(path, 1)}: no tests; write {expected.relative_to(ROOT)}")
    report(problems)


def test_no_drawer_for_odds_and_ends():
    names = {"utils", "util", "helpers"}
    found = [path for path in PACKAGE.rglob("*") if path.stem in names and "__pycache__" not in path.parts]
    report([f"{at(path, 1)}: put each helper into the module that owns its noun" for path in found])


@pytest.mark.long
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_run(path, tmp_path):
    import nbclient
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    # Cells tagged `colab` only prepare a hosted machine (they install the package).
    notebook.cells = [cell for cell in notebook.cells if "colab" not in cell.metadata.get("tags", [])]
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    resources = {"metadata": {"path": str(tmp_path)}}
    client = nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources)
    client.execute(env=environment)
