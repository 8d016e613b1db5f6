import numpy as np

from tests.tasks.signal_cases import made


def test_answers_come_in_the_order_of_the_signals(signal_task):
    signals, done = made(20, 9).signals, []
    asked = signal_task.task.asked()
    together = asked.ask(signals, batch_size=6, progress=done.append)
    assert done == [6, 12, 18, 20]
    for signal, output in zip(signals, together, strict=True):
        np.testing.assert_allclose(asked.ask([signal])[0], output, atol=1e-5)


def test_a_look_is_of_the_signal_alone(signal_task):
    signal = signal_task.validation.signals[0]
    weights, seen = signal_task.task.asked().look(signal)
    assert len(weights) == len(seen) == len(signal)  # nothing is shortened
    np.testing.assert_array_equal(seen, signal)
