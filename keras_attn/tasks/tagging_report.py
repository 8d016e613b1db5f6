"""What a tagger's report says: figures beside the baselines', each type, the worst sentences."""

from keras_attn.data.tag_schemes import spans
from keras_attn.explain.token_weights import plain_markdown
from keras_attn.tasks.markdown_table import markdown_table

_MOST_MISTAKES = 15
_LONGEST = 60  # words


def report_sections(measures, baselines, label_baseline, answers, notes):
    """Gives the sections of a report.

    Args:
        measures: `TagMeasures` of the model.
        baselines: Dict of baseline -> its `TagMeasures`.
        label_baseline: Accuracy of the labels' baseline, from 0 to 100, or None.
        answers: List of `Tagged`, the model's.
        notes: List of sentences about the data.

    Returns:
        List of Markdown texts.
    """
    parts = ["## Against the baselines", comparison(measures, baselines, label_baseline)]
    if notes:
        parts += ["## The data", "\n".join(f"- {note}" for note in notes)]
    types = measures.per_type()
    if types:
        parts += ["## Types", markdown_table(types)]
    mistakes = worst_sentences(measures.right, answers)
    if mistakes:
        parts += ["## The worst sentences", "Wrong, and surest of it. Entities in bold, their types behind them."]
        parts.append(markdown_table(mistakes))
    return parts


def comparison(measures, baselines, label_baseline=None):
    """Puts the figures beside the baselines', and says when one wins.

    Args:
        measures: As for `report_sections`.
        baselines: Likewise.
        label_baseline: Likewise.

    Returns:
        Markdown.
    """
    summaries = {"model": measures.summary(), **{name: found.summary() for name, found in baselines.items()}}
    rows = [{"": name, **{k: v for k, v in own.items() if k != "label_accuracy"}} for name, own in summaries.items()]
    figures = {**summaries["model"], **{f"{name}_f1": own["f1"] for name, own in list(summaries.items())[1:]}}
    if label_baseline is not None:
        figures["baseline_label_accuracy"] = label_baseline
    lines = [markdown_table(rows), verdict(figures, list(baselines))]
    if "label_accuracy" in figures:
        beside = "" if label_baseline is None else f", of a bag of n-grams {label_baseline:.2f} %"
        lines.append(f"Accuracy of the sentences' labels: {figures['label_accuracy']:.2f} %{beside}.")
    return "\n\n".join(lines)


def verdict(figures, baselines):
    """Says who wins.

    Args:
        figures: Dict with the key `f1`, and for each baseline its name and `_f1`.
        baselines: Names of the baselines.

    Returns:
        A sentence.

    Example:
        >>> from keras_attn.tasks.tagging_report import verdict
        >>> verdict({"f1": 80.0, "frequent_f1": 70.0, "linear_f1": 82.5}, ["frequent", "linear"])
        'The baseline (linear) wins, by 2.50 points of entity F1.'
    """
    if not baselines:
        return "There is no baseline to compare with."
    best = max(baselines, key=lambda name: figures[f"{name}_f1"])
    gap = figures["f1"] - figures[f"{best}_f1"]
    if abs(gap) < 0.005:
        return f"The model and the baseline ({best}) are level."
    who = f"The model wins over the baseline ({best})" if gap > 0 else f"The baseline ({best}) wins"
    return f"{who}, by {abs(gap):.2f} points of entity F1."


def worst_sentences(right, answers):
    """Finds the wrong answers that the tagger is most sure of.

    Args:
        right: `TaggedText`.
        answers: List of `Tagged`.

    Returns:
        List of dicts of right and answer (Markdown) and probability, the surest first.
    """
    wrong = [row for row, found in enumerate(answers) if found.tags != right.tags[row]]
    wrong.sort(key=lambda row: -answers[row].score)
    return [
        {
            "right": marked(right.words[row], right.tags[row]),
            "answer": marked(right.words[row], answers[row].tags),
            "probability": answers[row].score,
        }
        for row in wrong[:_MOST_MISTAKES]
    ]


def marked(words, tags):
    """Writes a sentence with its entities marked.

    Args:
        words: List of words.
        tags: A tag for each, in BIO.

    Returns:
        Markdown in one line.

    Example:
        >>> from keras_attn.tasks.tagging_report import marked
        >>> marked(["to", "New", "York"], ["O", "B-city", "I-city"])
        'to **New York** (city)'
    """
    words, tags = words[:_LONGEST], tags[:_LONGEST]
    parts, place = [], 0
    for name, first, last in [*spans(tags), ("", len(words), len(words))]:
        parts += map(plain_markdown, words[place:first])
        if first < last:
            parts.append(f"**{' '.join(map(plain_markdown, words[first:last]))}** ({plain_markdown(name)})")
        place = last
    return " ".join(parts)
