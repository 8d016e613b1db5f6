import collections
import datetime

from keras_attn.monitoring.watch_folder import WatchFolder
from keras_attn.monitoring.window_counts import WindowCounts, has_label

_MOST_CLASSES = 8  # drawn in colour; the others in grey
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f3c8d", "#4b4b4b")
_MARKERS = "vDosP"  # one a rule


def plot_trend(folder, path=None):
    """Draws the share of each class over time, the alerts, and how many messages there were.

    Each line shows the share in the sliding window that ends at that time; of times that lie so far back that only
    totals of windows are kept, the share of each. Of many classes those of the alerts and the largest are coloured. It
    can be called at any time, also while another process watches.

    Args:
        folder: Folder of a `StreamMonitor`.
        path: Picture to write, the suffix gives the format; `trend.png` in the folder when None.

    Returns:
        The path.

    Raises:
        ValueError: If nothing was counted yet.
    """
    from matplotlib import dates, pyplot

    folder = WatchFolder(folder)
    state = folder.read()
    if state is None or state["counts"]["first"] is None:
        raise ValueError(f"{folder.path} has no messages to draw yet. Received: folder={str(folder.path)!r}")
    counts = WindowCounts(state["settings"]["heads"], state["settings"]["window_seconds"])
    counts.restore(state["counts"])
    panels = len(counts.heads) + 1
    figure, axes = pyplot.subplots(
        panels,
        1,
        figsize=(10, 3.2 * len(counts.heads) + 1.5),
        sharex=True,
        layout="constrained",
        gridspec_kw={"height_ratios": [*[3] * len(counts.heads), 1]},
    )
    times, rolling = _rolling(counts)
    begin = _moment(_edges(counts)[0])
    for place, (axis, head) in enumerate(zip(axes, counts.heads, strict=False)):
        alerts = [alert for alert in state["raised"] if head in alert["class"] and _time_of(alert) >= begin]
        _draw_head(axis, head, place, counts, times, rolling, alerts)
    _draw_messages(axes[-1], counts)
    axes[-1].set_xlabel("time (UTC)")
    axes[-1].xaxis.set_major_formatter(dates.ConciseDateFormatter(axes[-1].xaxis.get_major_locator()))
    path = path or folder.picture_path
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return path


def _rolling(counts):
    """Gives times, and at each a Counter of what is in the window that ends there."""
    times, totals = [], []
    step, width = counts.window / counts.slices_per_window, counts.slices_per_window
    for index in sorted(counts.older):
        times.append((index + 1) * counts.window)
        totals.append(counts.older[index])
    first = min(counts.slices)
    running = collections.Counter()
    for index in range(first, counts.last + 1):
        running.update(counts.slices.get(index, {}))
        running.subtract(counts.slices.get(index - width, {}))
        if index - first + 1 >= min(width, counts.last - first + 1):  # a window that is not full yet would be noise
            times.append((index + 1) * step)
            totals.append(+running)
    return [_moment(time) for time in times], totals


def _draw_head(axis, head, place, counts, times, rolling, alerts):
    alerting = {alert["class"][head] for alert in alerts}
    labels = [label for label, _ in counts.totals()[head].most_common()]
    chosen = sorted(labels, key=lambda label: label not in alerting)[:_MOST_CLASSES]
    colours = dict(zip([label for label in labels if label in chosen], _COLOURS, strict=False))
    for label in sorted(labels, key=lambda label: label in chosen):
        shares = [_share(total, place, label) for total in rolling]
        style = {"color": "#d0d0d0", "linewidth": 1.0}
        if label in chosen:
            style = {"color": colours[label], "label": label, "linewidth": 2.2 if label in alerting else 1.4}
        axis.plot(times, shares, **style)
    others = len(labels) - len(chosen)
    if others:
        axis.plot([], [], color="#d0d0d0", label=f"{others} other classes")
    rules = list(dict.fromkeys(alert["alert"] for alert in alerts))
    named = set()
    for alert in alerts:
        rule = alert["alert"]
        label = None if rule in named else f"alert: {rule}"
        named.add(rule)
        _mark(axis, alert, colours[alert["class"][head]], _MARKERS[rules.index(rule) % len(_MARKERS)], label)
    axis.set_ylim(bottom=0)
    axis.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")
    axis.set_title(f"{head}: share in a sliding window of {_length(counts.window)}", loc="left")
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    legend = axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)  # a dollar is a dollar


def _mark(axis, alert, colour, marker, label):
    """Marks an alert: a line at its time, and a band from where the rise began."""
    time = _time_of(alert)
    axis.axvspan(datetime.datetime.fromisoformat(alert["since"]), time, color=colour, alpha=0.15, linewidth=0)
    style = {"linewidth": 1.2, "linestyle": "--", "marker": marker, "markevery": [1], "clip_on": False}
    axis.axvline(time, color=colour, label=label, **style)


def _draw_messages(axis, counts):
    totals = [counts.older[index].total() for index in sorted(counts.older)]
    for index in range(min(counts.slices), counts.last + 1):
        totals.append(sum(counts.slices.get(index, {}).values()))
    edges = _edges(counts)
    rates = [60 * total / (edges[place + 1] - edges[place]) for place, total in enumerate(totals)]
    axis.stairs(rates, [_moment(edge) for edge in edges], fill=True, color="#9a9a9a")
    axis.set_title("messages a minute", loc="left", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)


def _edges(counts):
    """Where each of the older windows and of the slices begins, and the last one ends."""
    step = counts.window / counts.slices_per_window
    windows = [index * counts.window for index in sorted(counts.older)]
    return [*windows, *(index * step for index in range(min(counts.slices), counts.last + 2))]


def _share(total, place, label):
    messages = sum(total.values())
    return (
        sum(count for labels, count in total.items() if has_label(labels[place], label)) / messages
        if messages
        else float("nan")
    )


def _time_of(alert):
    return datetime.datetime.fromisoformat(alert["time"])


def _moment(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def _length(seconds):
    units = ((86400, "d"), (3600, "h"), (60, "min"))
    unit, name = next((unit for unit in units if seconds >= unit[0]), (1, "s"))
    return f"{seconds / unit:g} {name}"
