"""Deliveries: at once or by a thread, none lost, failures counted, what is left known."""

import json
import threading
import time

import pytest

from keras_attn.monitoring import DeliveryError, Outbox


class Output:
    def __init__(self, name, at_once=True, fails=False, gate=None):
        self.name, self.at_once, self.fails, self.gate = name, at_once, fails, gate
        self.got = []

    def send(self, alert):
        if self.gate:
            self.gate.wait(20)
        if self.fails:
            raise DeliveryError("no luck")
        self.got.append((alert["id"], threading.get_ident()))

    def ids(self):
        return [identity for identity, _ in self.got]


def test_nothing_goes_out_before_it_is_asked_for():
    output = Output("file")
    outbox = Outbox([output])
    outbox.post({"id": "a"})
    assert not output.got and outbox.state()["pending"] == {"file": [{"id": "a"}]}
    outbox.deliver()
    assert output.ids() == ["a"] and outbox.state()["pending"] == {"file": []}
    outbox.deliver()
    assert output.ids() == ["a"]


def test_a_slow_output_holds_up_nobody():
    gate = threading.Event()
    slow, other, quick = Output("webhook", False, gate=gate), Output("command", False), Output("file")
    outbox = Outbox([slow, other, quick])
    for identity in "ab":
        outbox.post({"id": identity})
        outbox.deliver()
    assert quick.ids() == ["a", "b"] and quick.got[0][1] == threading.get_ident()
    assert not outbox.wait(0.2)
    assert other.ids() == ["a", "b"] and not slow.got
    assert outbox.state()["pending"] == {"webhook": [{"id": "a"}, {"id": "b"}], "command": [], "file": []}
    gate.set()
    assert outbox.wait(20)
    assert slow.ids() == ["a", "b"] and slow.got[0][1] != threading.get_ident()
    assert outbox.delivered == 6


def test_failures_are_counted_and_told():
    output = Output("command", at_once=False, fails=True)
    outbox = Outbox([output])
    with pytest.warns(UserWarning, match="The alert a was not delivered: no luck"):
        outbox.post({"id": "a"})
        outbox.deliver()
        assert outbox.wait(20)
        time.sleep(0.01)
    assert outbox.failed == {"command": 1} and outbox.state()["pending"] == {"command": []}


def test_what_was_left_is_delivered_by_the_next():
    first, second = Outbox([Output("file"), Output("webhook", False)]), [Output("file"), Output("webhook", False)]
    first.post({"id": "a", "text": "\u00fc"})
    state = json.loads(json.dumps(first.state()))
    outbox = Outbox(second)
    outbox.restore(state)
    assert outbox.state() == first.state()
    outbox.deliver()
    assert outbox.wait(20)
    assert [output.ids() for output in second] == [["a"], ["a"]]


def test_alerts_for_an_output_that_is_gone():
    first = Outbox([Output("file"), Output("webhook")])
    first.post({"id": "a"})
    output = Output("file")
    outbox = Outbox([output])
    with pytest.warns(UserWarning, match="1 alerts were still to go to the webhook; it is gone"):
        outbox.restore(first.state())
    outbox.deliver()
    assert output.ids() == ["a"] and outbox.wait(0)


def test_two_outputs_of_one_name():
    with pytest.raises(ValueError, match=r"must differ\. Received: names="):
        Outbox([Output("command"), Output("command")])
