"""Signals that wait for the end of a step; how a training uses them stands in test_resuming.py."""

import signal
import threading

import pytest

from keras_attn.training import StopSignals, Terminated


def test_a_signal_is_held_back_and_the_second_acts():
    with StopSignals() as signals:
        signal.raise_signal(signal.SIGINT)
        assert signals.received == signal.SIGINT
        with pytest.raises(Terminated):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_within_a_block_it_acts_at_once():
    with StopSignals() as signals:
        with pytest.raises(KeyboardInterrupt), signals.at_once():
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), signals.at_once():
            raise AssertionError("one that came before acts at the begin of the block")
    with StopSignals() as signals:
        assert signals.received is None


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopSignals():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_nothing_happens():
    found = []

    def look():
        with StopSignals():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTERM)]


def test_the_exit_code_of_sigterm():
    assert Terminated().code == 143
