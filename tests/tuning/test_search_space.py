"""What a file of a search says, and what it must not say."""

import dataclasses

import optuna
import pytest

from keras_attn.tuning import SearchSpace


@dataclasses.dataclass(frozen=True)
class Settings:
    rate: float = 0.1
    layers: int = 2
    kind: str | None = "a"


PRESETS = {"tiny": {}}


def check(ranges, **settings):
    SearchSpace(ranges).check(Settings, PRESETS, "tiny", settings)


def test_values_are_of_the_ranges():
    space = SearchSpace(
        {
            "rate": {"low": 0.001, "high": 0.1, "log": True},
            "layers": {"low": 2, "high": 8, "step": 2},
            "share": {"low": 0, "high": 1, "step": 0.25},
            "kind": ["a", None],
        }
    )
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    found = [space.suggest(study.ask()) for _ in range(40)]
    assert {values["layers"] for values in found} == {2, 4, 6, 8} and all(type(v["layers"]) is int for v in found)
    assert {values["share"] for values in found} == {0.0, 0.25, 0.5, 0.75, 1.0}
    assert {values["kind"] for values in found} == {"a", None}
    assert all(0.001 <= values["rate"] <= 0.1 for values in found)
    below = sum(values["rate"] < 0.01 for values in found)  # the middle on a log scale
    assert 10 < below < 30


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({}, "needs settings with their values"),
        (["rate"], "needs settings with their values"),
        ({"rate": []}, "one or more plain values"),
        ({"rate": [[1]]}, "one or more plain values"),
        ({"rate": 0.1}, "must be a list of values, or a mapping"),
        ({"rate": {"low": 0.1}}, "must be a list of values, or a mapping"),
        ({"rate": {"low": 0.1, "high": 1, "lgo": True}}, "must be a list of values, or a mapping"),
        ({"rate": {"low": "1e-3", "high": 1}}, "YAML takes 1e-3 for a text"),
        ({"rate": {"low": 0, "high": 1, "log": True}}, "a low above 0"),
        ({"rate": {"low": 2, "high": 1}}, "low <= high"),
        ({"rate": {"low": 1, "high": 2, "step": 0}}, "a step above 0"),
    ],
)
def test_malformed_ranges_are_refused(ranges, message):
    with pytest.raises(ValueError, match=message):
        SearchSpace(ranges)


def test_the_task_must_have_the_settings():
    check({"rate": [0.1, 0.2], "layers": {"low": 1, "high": 3}, "kind": ["b", None]})
    with pytest.raises(ValueError, match="Did you mean `layers`"):
        check({"layer": [1]})
    with pytest.raises(ValueError, match="`layers` must be a whole number"):
        check({"layers": {"low": 0.5, "high": 2}})
    with pytest.raises(ValueError, match="searched and cannot be given too"):
        check({"rate": [0.1]}, rate=0.2)


def test_files(tmp_path):
    file = tmp_path / "search.yaml"
    file.write_text("rate: {low: 0.001, high: 0.1, log: true}\nkind: [a, null]\n", "utf-8")
    assert SearchSpace.read(file).ranges == {"rate": {"low": 0.001, "high": 0.1, "log": True}, "kind": ["a", None]}
    file.write_text("rate: {low: ", "utf-8")
    with pytest.raises(ValueError, match=r"search\.yaml: not valid YAML"):
        SearchSpace.read(file)
    file.write_text("rate: 3", "utf-8")
    with pytest.raises(ValueError, match=r"search\.yaml: `rate` must be a list"):
        SearchSpace.read(file)
