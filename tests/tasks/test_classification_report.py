import numpy as np
from matplotlib import image

from keras_attn.tasks.classification_measures import Measures
from keras_attn.tasks.classification_report import (
    comparison,
    draw_confusion,
    read_calibration,
    report_sections,
    verdict,
    verdicts,
    worst_mistakes,
    write_calibration,
)

NAMES = ["a", "b"]
TARGETS = np.eye(2)[[0, 0, 1, 1]]
MODEL = Measures(NAMES, TARGETS, np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.95, 0.05]]))  # half right
BETTER = Measures(NAMES, TARGETS, TARGETS)
CALIBRATION = {"label": {"temperature": 1.5, "ece_before": 0.2, "ece": 0.1, "threshold": 0.9, "answered": 0.5}}


def test_the_report_says_when_the_baseline_wins():
    text = comparison({"label": MODEL}, {"label": BETTER}, "svm")
    assert "| label | 50.00 | 50.00 | 100.00 | 100.00 |" in text
    assert "label: the baseline (svm) wins, by 50.00 points of accuracy." in text
    assert "label: the model wins over the baseline (svm), by 50.00" in comparison(
        {"label": BETTER}, {"label": MODEL}, "svm"
    )
    assert verdict("label", 80.0, 80.0, "svm") == "label: the model and the baseline (svm) are level."
    assert "baseline" not in comparison({"label": MODEL}, {}, "none")


def test_verdicts_of_several_heads():
    figures = {"a/accuracy": 80.0, "a/baseline_accuracy": 70.0, "b/accuracy": 60.0, "b/baseline_accuracy": 70.0}
    first, second = verdicts(figures, ["a", "b"], "svm")
    assert first.startswith("a: the model wins") and second.startswith("b: the baseline (svm) wins")
    assert verdicts({"accuracy": 1.0}, ["a"], "none") == []


def test_the_worst_mistakes_are_the_surest():
    rows = worst_mistakes(MODEL, ["one", "two", "three", "four" * 100])
    assert [row["text"][:3] for row in rows] == ["fou", "two"]
    assert rows[0]["right"] == "b" and rows[0]["answer"] == "a" and rows[0]["confidence"] == 0.95
    assert len(rows[0]["text"]) == 300


def test_all_sections(tmp_path):
    mistakes = {"label": [{"text": "a|b", "right": "b", "answer": "a", "confidence": 0.95}]}
    parts = report_sections(tmp_path, {"label": MODEL}, {"label": BETTER}, "svm", CALIBRATION, mistakes, ["4 texts."])
    text = "\n".join(parts)
    assert "- 4 texts." in text and "Temperature 1.500" in text and "from 20.00 % to 10.00 %" in text
    assert "that answers 50.0 % of the texts, 50.00 % of them right" in text
    assert "| 0.80 | 75.0 % | 33.33 % |" in text and "| a\\|b | b | a | 0.95 |" in text
    assert (tmp_path / "confusion.png").exists()
    assert "All N answers" not in text
    perfect = {"label": {**CALIBRATION["label"], "accuracy": 1.0}}
    text = "\n".join(report_sections(tmp_path, {"label": BETTER}, {}, "none", perfect, {}, []))
    assert "All N answers on the validation were right" in text and "one in N + 2 were wrong" in text
    never = {"label": {**CALIBRATION["label"], "threshold": 1.0}}
    text = "\n".join(report_sections(tmp_path, {"label": MODEL}, {}, "none", never, {}, []))
    assert "No confidence gives answers that are right as often" in text and "worst mistakes" not in text


def test_the_picture_is_dark_where_the_answers_are(tmp_path):
    draw_confusion(tmp_path / "few.png", np.array([[9, 0], [0, 9]]), NAMES)
    draw_confusion(tmp_path / "many.png", np.eye(32, dtype=int) * 3, [f"class {i}" for i in range(32)])
    pixels = image.imread(tmp_path / "few.png")[..., :3]
    blue = (pixels[..., 2] > 0.3) & (pixels[..., 0] < 0.1)
    rows, columns = np.nonzero(blue)
    assert np.corrcoef(rows, columns)[0, 1] > 0.5  # along the diagonal, which falls in the picture as its rows count
    assert image.imread(tmp_path / "many.png").shape[0] > 2 * pixels.shape[0]


def test_calibration_is_kept(tmp_path):
    assert read_calibration(tmp_path) == {}
    write_calibration(tmp_path, CALIBRATION)
    assert read_calibration(tmp_path) == CALIBRATION
