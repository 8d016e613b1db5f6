"""What a search found: a page with a table and a picture, and the best settings as a file for `train --config`."""

import itertools

import yaml

from keras_attn.tasks.settings_text import plain
from keras_attn.training.run_folder import replace_text

_MOST_PANELS = 6  # settings drawn against the result
_COLOURS = {"COMPLETE": "#0072b2", "PRUNED": "#d55e00", "RUNNING": "#999999"}
_OTHER_COLOUR = "#bbbbbb"
_WORDS = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "not over"}


def table_rows(tuner):
    """Gives the trials of a search, best first, then those ended early, failed and not over.

    Args:
        tuner: A `Tuner`.

    Returns:
        Names of the columns, and a list of rows of texts.
    """
    order, sign = list(_WORDS), -1 if tuner.mode == "max" else 1
    trials = sorted(
        tuner.study.trials,
        key=lambda trial: (order.index(trial.state.name), sign * (trial.value or 0), trial.number),
    )
    columns = ("trial", "state", tuner.monitor, "epochs", *tuner.space.names)
    rows = [
        (
            str(trial.number),
            _WORDS[trial.state.name],
            "" if trial.value is None else f"{trial.value:.4g}",
            str(len(trial.intermediate_values)),
            *(_short(trial.params.get(name)) for name in tuner.space.names),
        )
        for trial in trials
    ]
    return columns, rows


def write_tuning_report(tuner, command):
    """Writes `report.md`, `tuning.png` and, if a trial is complete, `best.yaml` into the folder of a search.

    Args:
        tuner: A `Tuner`.
        command: The command that was called.

    Returns:
        The best trial, or None.
    """
    best = tuner.best()
    columns, rows = table_rows(tuner)
    counts = {word: sum(row[1] == word for row in rows) for word in _WORDS.values()}
    parts = ["# Search for settings", f"    {command}"]
    parts.append(", ".join(f"{count} {word}" for word, count in counts.items() if count) + ".")
    if best is not None:
        config = yaml.safe_dump(tuner.config_of(best), sort_keys=False, allow_unicode=True)
        replace_text(tuner.folder / "best.yaml", config)
        parts.append(f"Trial {best.number} is best: {tuner.monitor} {best.value:.6g}. As a file, `best.yaml`:")
        parts.append(f"```yaml\n{config}```")
    if any(trial.intermediate_values for trial in tuner.study.trials):
        _plot(tuner, best, tuner.folder / "tuning.png")
        parts.append("![the search](tuning.png)")
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    parts.append("\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]))
    failed = {trial.user_attrs["error"] for trial in tuner.study.trials if "error" in trial.user_attrs}
    if failed:
        parts += ["## Why trials failed", "\n".join(f"- {error}" for error in sorted(failed))]
    replace_text(tuner.folder / "report.md", "\n\n".join(parts) + "\n")
    return best


def _short(value):
    return f"{value:.3g}" if isinstance(value, float) else plain(value)


def _plot(tuner, best, path):
    from matplotlib import pyplot

    trials = [trial for trial in tuner.study.trials if trial.intermediate_values]
    names = tuner.space.names[:_MOST_PANELS]
    columns = max(2, min(3, len(names)))
    rows = 1 + -(-len(names) // columns)
    figure = pyplot.figure(figsize=(4 * columns, 3.4 * rows), layout="constrained")
    grid = figure.add_gridspec(rows, 2 * columns)
    _draw_progress(figure.add_subplot(grid[0, :columns]), tuner, trials)
    _draw_curves(figure.add_subplot(grid[0, columns:]), tuner, trials, best)
    for place, name in enumerate(names):
        row, column = divmod(place, columns)
        _draw_setting(figure.add_subplot(grid[row + 1, 2 * column : 2 * column + 2]), tuner, trials, best, name)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _draw_progress(axis, tuner, trials):
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    if complete:
        best_so_far = list(itertools.accumulate((trial.value for trial in complete), tuner.choose))
        numbers = [trial.number for trial in complete]
        axis.step(numbers, best_so_far, where="post", color="#0072b2", label="best so far")
    for state, colour in _COLOURS.items():
        shown = [trial for trial in trials if trial.state.name == state]
        if shown:
            values = [tuner.choose(trial.intermediate_values.values()) for trial in shown]
            numbers = [trial.number for trial in shown]
            axis.scatter(numbers, values, color=colour, s=18, label=_WORDS[state], zorder=3)
    axis.set(title="Trials", xlabel="trial", ylabel=tuner.monitor)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.legend()
    axis.grid(alpha=0.3)


def _draw_curves(axis, tuner, trials, best):
    for trial in trials:
        is_best = best is not None and trial.number == best.number
        axis.plot(
            *zip(*sorted(trial.intermediate_values.items()), strict=True),
            color=_COLOURS.get(trial.state.name, _OTHER_COLOUR),
            linewidth=2.5 if is_best else 0.9,
            alpha=1.0 if is_best else 0.6,
            marker="." if len(trial.intermediate_values) == 1 else None,
            label=f"trial {trial.number}, the best" if is_best else None,
        )
    axis.set(title="Learning curves", xlabel="epoch", ylabel=tuner.monitor)
    axis.xaxis.get_major_locator().set_params(integer=True)
    if best is not None:
        axis.legend()
    axis.grid(alpha=0.3)


def _draw_setting(axis, tuner, trials, best, name):
    ranges = tuner.space.ranges[name]
    shown = [trial for trial in trials if name in trial.params]
    is_list = isinstance(ranges, list)
    places = [ranges.index(trial.params[name]) if is_list else trial.params[name] for trial in shown]
    values = [tuner.choose(trial.intermediate_values.values()) for trial in shown]
    colours = [_COLOURS.get(trial.state.name, _OTHER_COLOUR) for trial in shown]
    axis.scatter(places, values, color=colours, s=18, alpha=0.8)
    for trial, place, value in zip(shown, places, values, strict=True):
        if best is not None and trial.number == best.number:
            axis.scatter([place], [value], facecolors="none", edgecolors="black", s=90, zorder=3)
    if is_list:
        axis.set_xticks(range(len(ranges)), [plain(value) for value in ranges])
        axis.margins(x=0.2)
    elif ranges.get("log"):
        axis.set_xscale("log")
    axis.set(xlabel=name, ylabel=tuner.monitor)
    axis.grid(alpha=0.3)
