"""Keys and their rates, with a clock of the test's own."""

import hashlib
import string

import pytest

from keras_attn.serving import KeySettings, ServingError, new_key
from keras_attn.serving.access import Access


def test_keys():
    (ada, ada_digest), (bob, bob_digest) = new_key(), new_key()
    access = Access([KeySettings("ada", ada_digest), KeySettings("bob", bob_digest)])
    assert access.check({b"authorization": b"bearer  " + ada.encode()}) == "ada"
    assert access.check({b"x-api-key": bob.encode()}) == "bob"
    basic, cut = {b"authorization": b"Basic " + ada.encode()}, {b"x-api-key": ada[:-1].encode()}
    for wrong in ({}, {b"x-api-key": b""}, {b"x-api-key": ada_digest.encode()}, {b"x-api-key": b"\xff"}, basic, cut):
        with pytest.raises(ServingError, match="key is needed") as raised:
            access.check(wrong)
        assert raised.value.status == 401
    assert Access([]).check({}) is None


def test_a_new_key():
    key, digest = new_key()
    assert hashlib.sha256(key.encode()).hexdigest() == digest
    assert len(key) == 43 and set(key) <= set(string.ascii_letters + string.digits + "-_")
    assert new_key()[0] != key


def test_rates():
    key, digest = new_key()
    headers, now = {b"x-api-key": key.encode()}, [0.0]
    access = Access([KeySettings("ada", digest, per_second=2)], clock=lambda: now[0])

    def allowed():
        count = 0
        while True:
            try:
                access.check(headers)
            except ServingError as error:
                assert error.status == 429 and 0 < error.retry_after <= 0.5
                return count
            count += 1

    assert allowed() == 2
    now[0] = 0.4  # 0.8 of a request
    assert allowed() == 0
    now[0] = 0.5
    assert allowed() == 1
    now[0] = 100.0
    assert allowed() == 2
