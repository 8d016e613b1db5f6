import pytest

from keras_attn.tasks import Signal
from keras_attn.tasks.signal_explanation import draw_where_it_looked, explanation


def test_weights_are_those_of_the_pooling(signal_task):
    signal = signal_task.validation.signals[1]
    found = explanation(signal_task.task, signal)
    assert found.weights.tolist() == signal_task.task.asked().look(signal)[0].tolist()
    (answer,) = signal_task.task.answers([signal])
    assert found.title == f"{answer.label} ({answer.confidence:.2f})"


def test_a_picture_of_each_class(signal_task, tmp_path):
    draw_where_it_looked(signal_task.task, tmp_path / "where.png", signal_task.validation)
    assert (tmp_path / "where.png").read_bytes().startswith(b"\x89PNG")


def test_texts_have_no_weights():
    with pytest.raises(ValueError, match=r"shown of labels alone\. Received: output='text'"):
        explanation(Signal("transcribe"), None)
