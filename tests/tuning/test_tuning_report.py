"""The page of a search."""

import yaml

from keras_attn.tuning import write_tuning_report
from keras_attn.tuning.tuning_report import table_rows


def test_the_page_has_all_trials_and_the_best_as_a_file(make_tuner):
    tuner = make_tuner({"x": [1, 3, 7, 20], "kind": ["a", None]}, pruner="none")
    tuner.run(12)
    best = write_tuning_report(tuner, "keras-attn tune none --trials 12")
    assert best.params["x"] == 3 and (tuner.folder / "tuning.png").stat().st_size > 10_000
    assert yaml.safe_load((tuner.folder / "best.yaml").read_text("utf-8")) == tuner.config_of(best)
    report = (tuner.folder / "report.md").read_text("utf-8")
    assert "    keras-attn tune none --trials 12" in report and f"Trial {best.number} is best: score 96.6667." in report
    assert "- seven does not go with the others" in report or all(t.params["x"] != 7 for t in tuner.study.trials)
    columns, rows = table_rows(tuner)
    assert columns == ("trial", "state", "score", "epochs", "x", "kind")
    assert sorted(int(row[0]) for row in rows) == list(range(12))
    values = [float(row[2]) for row in rows if row[1] == "complete"]
    assert values == sorted(values, reverse=True)
    assert [row[1] for row in rows] == ["complete"] * len(values) + ["failed"] * (12 - len(values))


def test_a_search_without_an_end_has_a_page_too(make_tuner):
    tuner = make_tuner()
    assert write_tuning_report(tuner, "keras-attn tune") is None
    assert not (tuner.folder / "best.yaml").exists() and (tuner.folder / "report.md").exists()
