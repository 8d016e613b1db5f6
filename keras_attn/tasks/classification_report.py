"""What a classifier's report says: figures beside the baseline's, tables, pictures, the worst mistakes."""

import json

import numpy as np

from keras_attn.tasks.markdown_table import markdown_table

_MOST_MISTAKES = 15
_LONGEST_TEXT = 300


def report_sections(folder, results, baselines, baseline_kind, calibration, mistakes, notes, noun="text"):
    """Writes the pictures, and gives the sections of a report.

    Args:
        folder: Folder of the report, for the pictures.
        results: Dict of head -> `Measures`.
        baselines: Dict of head -> `Measures` of the baseline; empty without one.
        baseline_kind: What the baseline is.
        calibration: Dict of head -> dict of temperature, ece_before, ece and threshold.
        mistakes: Dict of head -> list of dicts of text (Markdown), right, answer and confidence.
        notes: List of sentences about the data.
        noun: What is classified.

    Returns:
        List of Markdown texts.
    """
    parts = ["## Against the baseline", comparison(results, baselines, baseline_kind)]
    if notes:
        parts += ["## The data", "\n".join(f"- {note}" for note in notes)]
    for number, (head, measures) in enumerate(results.items()):
        title = f"## {head}" if len(results) > 1 else "## Classes"
        parts += [title, markdown_table(measures.per_class())]
        if not measures.multi_label:
            name = f"confusion-{number + 1}.png" if len(results) > 1 else "confusion.png"
            draw_confusion(folder / name, measures.confusion(), measures.names)
            parts.append(f"![confusion matrix]({name})")
        parts += ["### How sure it is", _calibration(measures, calibration[head], noun)]
        if mistakes.get(head):
            parts += [
                "### The worst mistakes",
                "In bold: the words that it looked at most.",
                markdown_table(mistakes[head]),
            ]
    return parts


def comparison(results, baselines, baseline_kind):
    """Puts the figures beside the baseline's, and says when that wins.

    Args:
        results: Dict of head -> `Measures`.
        baselines: As for `report_sections`.
        baseline_kind: Likewise.

    Returns:
        Markdown.
    """
    rows, verdicts = [], []
    for head, measures in results.items():
        own = measures.summary()
        row = {"head": head, "accuracy": own["accuracy"], "macro_f1": own["macro_f1"]}
        if head in baselines:
            other = baselines[head].summary()
            row |= {"baseline's accuracy": other["accuracy"], "baseline's macro_f1": other["macro_f1"]}
            verdicts.append(verdict(head, own["accuracy"], other["accuracy"], baseline_kind))
        rows.append(row)
    return "\n\n".join([markdown_table(rows), *verdicts])


def verdicts(figures, heads, baseline_kind):
    """Says for each head who wins.

    Args:
        figures: Dict of figures, as `Classification.evaluate` gives it.
        heads: Names of the heads.
        baseline_kind: What the baseline is.

    Returns:
        List of sentences.
    """
    places = {head: f"{head}/" if len(heads) > 1 else "" for head in heads}
    return [
        verdict(head, figures[f"{place}accuracy"], figures[f"{place}baseline_accuracy"], baseline_kind)
        for head, place in places.items()
        if f"{place}baseline_accuracy" in figures
    ]


def verdict(head, accuracy, baseline_accuracy, kind):
    """Says who wins.

    Args:
        head: Name of the head.
        accuracy: The model's, from 0 to 100.
        baseline_accuracy: The baseline's.
        kind: What the baseline is.

    Returns:
        A sentence.

    Example:
        >>> from keras_attn.tasks.classification_report import verdict
        >>> verdict("label", 80.0, 82.5, "naive bayes")
        'label: the baseline (naive bayes) wins, by 2.50 points of accuracy.'
    """
    gap = accuracy - baseline_accuracy
    if abs(gap) < 0.005:
        return f"{head}: the model and the baseline ({kind}) are level."
    who = f"the model wins over the baseline ({kind})" if gap > 0 else f"the baseline ({kind}) wins"
    return f"{head}: {who}, by {abs(gap):.2f} points of accuracy."


def worst_mistakes(measures, texts):
    """Finds the wrong answers that the classifier is most sure of.

    Args:
        measures: `Measures`.
        texts: List of its texts.

    Returns:
        List of dicts of text, right, answer and confidence, the surest first.
    """
    (wrong,) = np.nonzero(~measures.is_right())
    confidences, answers = measures.confidences(), measures.answers()
    order = wrong[np.argsort(-confidences[wrong], kind="stable")][:_MOST_MISTAKES]

    def names(row):
        return ", ".join(name for name, holds in zip(measures.names, row, strict=True) if holds) or "none"

    return [
        {
            "text": texts[i][:_LONGEST_TEXT],
            "right": names(measures.targets[i]),
            "answer": names(answers[i]),
            "confidence": float(confidences[i]),
        }
        for i in order
    ]


def draw_confusion(path, counts, names):
    """Draws a confusion matrix, each row in shares of its class.

    Args:
        path: Picture to write.
        counts: Integers [C, C]: row is the right class, column the answer.
        names: Names of the classes.
    """
    from matplotlib import pyplot

    from keras_attn.explain.attention_map import drawing_style

    size = min(3.0 + 0.45 * len(names), 22.0)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with drawing_style():
        figure, axis = pyplot.subplots(figsize=(size + 1.0, size), layout="constrained")
        image = axis.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
        letters = {"fontsize": 9 if len(names) <= 30 else 6, "parse_math": False}
        axis.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor", **letters)
        axis.set_yticks(range(len(names)), names, **letters)
        axis.set(xlabel="answer", ylabel="right class")
        if len(names) <= 30:
            for row, column in zip(*np.nonzero(counts), strict=True):
                color = "white" if shares[row, column] > 0.6 else "black"
                axis.text(column, row, str(counts[row, column]), ha="center", va="center", color=color, fontsize=8)
        figure.colorbar(image, ax=axis, label="share of the class", fraction=0.04)
        figure.savefig(path, dpi=110)
        pyplot.close(figure)


def write_calibration(folder, calibration):
    """Keeps what was found on the validation.

    Args:
        folder: The run folder.
        calibration: Dict of head -> dict of numbers.
    """
    (folder / "calibration.json").write_text(json.dumps(calibration, ensure_ascii=False, indent=1), "utf-8")


def read_calibration(folder):
    """Reads what `write_calibration` wrote.

    Args:
        folder: The run folder.

    Returns:
        Dict of head -> dict of numbers; empty where there is none.
    """
    path = folder / "calibration.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def _calibration(measures, calibration, noun):
    summary, share = measures.summary(), measures.coverage(calibration["threshold"])
    lines = [
        f"Temperature {calibration['temperature']:.3f}, fitted on the validation: there the expected calibration error "
        f"went from {100 * calibration['ece_before']:.2f} % to {100 * calibration['ece']:.2f} %; here it is "
        f"{summary['ece']:.2f} %.",
    ]
    if calibration.get("accuracy") == 1.0:
        lines.append(
            "All N answers on the validation were right, which certainty would fit best. The temperature is fitted as "
            "if one in N + 2 were wrong, lest anything be held for certain; the error there may rise by that."
        )
    if calibration["threshold"] >= 1.0:
        lines.append("No confidence gives answers that are right as often as `answer_accuracy` asks.")
    else:
        lines.append(
            f"Answers of a confidence of at least {calibration['threshold']:.3f} are right as often as "
            f"`answer_accuracy` asks on the validation; here that answers {100 * share[0]:.1f} % of the {noun}s, "
            f"{100 * share[1]:.2f} % of them right."
        )
    rows = []
    for threshold in (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99):
        answered, right = measures.coverage(threshold)
        rows.append(
            {"confidence from": threshold, "answered": f"{100 * answered:.1f} %", "right": f"{100 * right:.2f} %"}
        )
    return "\n\n".join([*lines, markdown_table(rows)])
