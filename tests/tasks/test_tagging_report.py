from keras_attn.data import TaggedText
from keras_attn.tasks import Tagged
from keras_attn.tasks.tagging_measures import TagMeasures
from keras_attn.tasks.tagging_report import comparison, marked, report_sections, verdict, worst_sentences

RIGHT = TaggedText([["to", "Rome"], ["a*b", "May"], ["x"]], [["O", "B-c"], ["O", "B-d"], ["O"]], ["p", "q", "p"])
TAGS = [["O", "O"], ["B-c", "B-d"], ["O"]]
ANSWERS = [
    Tagged(" ".join(words), words, tags, [], [], score, "p", 0.5)
    for words, tags, score in zip(RIGHT.words, TAGS, (0.2, 0.9, 1.0), strict=True)
]


def test_the_surest_mistakes_come_first():
    first, second = worst_sentences(RIGHT, ANSWERS)
    assert first == {"right": r"a\*b **May** (d)", "answer": r"**a\*b** (c) **May** (d)", "probability": 0.9}
    assert second["right"] == "to **Rome** (c)" and second["answer"] == "to Rome"


def test_long_sentences_are_cut():
    assert marked(["w"] * 100, ["B-x"] + ["I-x"] * 99).count("w") == 60


def test_who_wins():
    assert verdict({"f1": 1.0}, []) == "There is no baseline to compare with."
    assert "are level" in verdict({"f1": 80.0, "a_f1": 80.0}, ["a"])
    assert verdict({"f1": 80.0, "a_f1": 70.0, "b_f1": 60.0}, ["a", "b"]).startswith(
        "The model wins over the baseline (a)"
    )


def test_the_sections():
    measures, baseline = TagMeasures(RIGHT, TAGS, ["p", "p", "p"]), TagMeasures(RIGHT, RIGHT.tags)
    page = "\n\n".join(report_sections(measures, {"linear": baseline}, 90.0, ANSWERS, ["A note."]))
    assert "The baseline (linear) wins, by 50.00 points" in page and "- A note." in page
    assert "labels: 66.67 %, of a bag of n-grams 90.00 %." in page
    assert "| d | 100.00 | 100.00 | 100.00 | 1 |" in page and "| 0.90 |" in page
    perfect = TagMeasures(RIGHT, RIGHT.tags)
    right = [answer._replace(tags=tags) for answer, tags in zip(ANSWERS, RIGHT.tags, strict=True)]
    assert "worst" not in "".join(report_sections(perfect, {}, None, right, []))
    assert "no baseline" in comparison(perfect, {})
