import pytest

from keras_attn.data import LabelledSignals
from keras_attn.tasks import Signal
from keras_attn.tasks.signal_training import look_through
from tests.tasks.signal_cases import beeps, made, noisy


def test_a_tenth_is_held_out_of_each_class_where_there_is_no_cross_validation():
    data = made(60, 1)
    parts = look_through(Signal(folds=0), data, None)
    assert (len(parts.data), len(parts.validation)) == (54, 6)
    assert sorted(parts.validation.labels["label"]) == ["spike"] * 2 + ["square"] * 2 + ["wave"] * 2
    assert parts.notes[1].startswith("No validation was given: 6 of the training's signals are held out")
    kept = {signal.tobytes() for signal in parts.data.signals}
    assert not kept & {signal.tobytes() for signal in parts.validation.signals}
    again = look_through(Signal(folds=0), data, None)
    assert again.described == parts.described
    texts = look_through(Signal("transcribe"), beeps(30, 1), None)
    assert len(texts.validation) == 3 and look_through(Signal("filter"), noisy(30, 1), None).goal.mean


def test_few_signals_are_all_learnt_from():
    parts = look_through(Signal(), made(30, 1), None)
    assert len(parts.data) == 30 and parts.validation is None
    assert "3 folds of the training's signals choose" in parts.notes[1]
    assert parts.described["validation_signals"] == 0


def test_what_cannot_be_learnt_from():
    data = made(9, 1)
    one = LabelledSignals(data.signals, {"label": ["wave"] * 9})
    with pytest.raises(
        ValueError, match=r"nothing to tell apart: the column 'label' of the training signals needs two"
    ):
        look_through(Signal(), one, None)
    flat = LabelledSignals([signal[:, :1] for signal in data.signals], data.labels)
    with pytest.raises(ValueError, match=r"as many channels and samples a second\. Received: channels=2 and 1"):
        look_through(Signal(), data, flat)
    with pytest.raises(ValueError, match="No signal has labels that the training had"):
        look_through(Signal(), data, LabelledSignals(data.signals, {"label": ["other"] * 9}))
    with pytest.raises(ValueError, match=r"There are no labels to learn: .*set output=signal"):
        look_through(Signal(), noisy(5, 1), None)
    with pytest.raises(ValueError, match=r"no signals to make of the signals"):
        look_through(Signal("filter"), data, None)
    with pytest.raises(ValueError, match=r"too few signals to hold some out.*Received: 1 signals"):
        look_through(Signal("filter"), noisy(1, 1), None)
