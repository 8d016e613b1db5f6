"""Lines in a pipe, a bar on a terminal, and the terminal given back after Ctrl-C."""

import io

import keras
import numpy as np
import pytest
from rich.console import Console

from keras_attn.training import ProgressBar, progress

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


@pytest.fixture
def written(monkeypatch):
    """Lets progress bars write to a string, as to a pipe; `written.terminal = True` makes it a terminal."""
    buffer = io.StringIO()
    buffer.terminal = False

    def console(stderr):
        assert stderr
        return Console(file=buffer, force_terminal=buffer.terminal, width=100)

    monkeypatch.setattr(progress, "Console", console)
    return buffer


def train(bar, epochs=2, callbacks=()):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    data = np.ones((6, 1), "float32")
    model.fit(data, data, batch_size=2, epochs=epochs, verbose=0, callbacks=[bar, *callbacks])


def test_a_line_an_epoch_and_no_more_in_a_pipe(written):
    shown = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: None)
    train(ProgressBar(minutes_before=90.0), callbacks=[shown])
    lines = written.getvalue().splitlines()
    assert len(lines) == 2 and "\x1b" not in written.getvalue()
    for number, line in enumerate(lines, start=1):
        words = line.split()
        assert words[:2] == ["epoch", str(number)] and words[3:5] == ["min", "loss"]
        assert float(words[2]) == pytest.approx(90.0, abs=0.5) and float(words[5]) >= 0


@pytest.mark.parametrize("max_minutes", [None, 5.0])
def test_a_bar_on_a_terminal(written, max_minutes):
    written.terminal = True
    bar = ProgressBar(max_minutes)
    drawn = []

    def look(batch, logs):
        (task,) = bar.progress.tasks
        drawn.append((task.description, task.fields["rate"], task.completed, task.total))

    train(bar, callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=look)])
    assert len(drawn) == 6
    assert drawn[0][0].startswith("epoch 1/2  loss ") and drawn[-1][0].startswith("epoch 2/2  loss ")
    assert all(rate.endswith(" steps/s") and float(rate.split()[0]) > 0 for _, rate, _, _ in drawn)
    if max_minutes is None:  # steps of the epoch
        assert [(done, total) for _, _, done, total in drawn] == [(1, 3), (2, 3), (3, 3)] * 2
    else:  # seconds of the time limit
        assert all(0 < done < total == 300 for _, _, done, total in drawn)
    assert written.getvalue().rindex(SHOW_CURSOR) > written.getvalue().rindex(HIDE_CURSOR)


def test_the_terminal_is_given_back_after_ctrl_c(written):
    written.terminal = True
    bar = ProgressBar()

    def interrupt(batch, logs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(bar, callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=interrupt)])
    assert SHOW_CURSOR not in written.getvalue()
    bar.stop()
    assert SHOW_CURSOR in written.getvalue()
    bar.stop()  # twice is no harm


def test_stopped_before_it_began(written):
    ProgressBar().stop()
    assert written.getvalue() == ""
