"""Keys, TLS and the log on a real server."""

import datetime
import subprocess
import threading

import pytest

from keras_attn.serving import Client, KeySettings, ModelSettings, ServerSettings, ServingError, new_key
from tests.serving.running_server import RunningServer, wait_until


@pytest.fixture(scope="module")
def guarded(plain_folder, tmp_path_factory):
    """A server with TLS and two keys, one of which may ask twice a second; it logs texts."""
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    command += " -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out certificate.pem"
    try:
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs the command `openssl` to make a certificate")
    (ada, ada_digest), (bob, bob_digest) = new_key(), new_key()
    settings = ServerSettings(
        [ModelSettings(str(plain_folder))],
        tls_certificate=str(folder / "certificate.pem"),
        tls_key=str(folder / "key.pem"),
        keys=[KeySettings("ada", ada_digest), KeySettings("bob", bob_digest, per_second=2)],
        log_texts=True,
    )
    running = RunningServer(settings, in_process=True)
    running.keys, running.trusted = {"ada": ada, "bob": bob}, str(folder / "certificate.pem")
    yield running
    running.stop()


def client_of(server, key, **options):
    address = f"https://localhost:{server.port}"
    return Client(address, "plain", key=key, tls_certificate=server.trusted, **options)


def test_with_a_key_over_tls(guarded):
    with client_of(guarded, guarded.keys["ada"]) as client:
        assert client.predict([1.0]) == [3.5]
        assert client.status()[0]["state"] == "AVAILABLE"
    assert guarded.lines("request")[-1]["key"] == "ada"


@pytest.mark.parametrize("key", [None, "", "wrong"])
def test_without_a_right_key(guarded, key):
    with client_of(guarded, key) as client, pytest.raises(ServingError, match="key is needed") as raised:
        client.predict([1.0])
    assert raised.value.status == 401


def test_an_unknown_certificate_is_refused(guarded):
    client = Client(f"https://localhost:{guarded.port}", "plain", retries=0)
    with pytest.raises(OSError, match="certificate verify failed"):
        client.predict([1.0])


def test_a_rate(guarded):
    statuses = []

    def ask():
        with client_of(guarded, guarded.keys["bob"]) as client:
            try:
                client.predict([1.0])
                statuses.append(200)
            except ServingError as error:
                statuses.append(error.status)

    start = datetime.datetime.now()
    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = (datetime.datetime.now() - start).total_seconds()
    assert set(statuses) == {200, 429}
    assert 2 <= statuses.count(200) <= 2 + 2 * seconds


def test_texts_in_the_log_are_masked(guarded):
    with client_of(guarded, guarded.keys["ada"]) as client:
        client.predict(["ask ada@example.org or 030 1234567"], signature="classes")
    wait_until(lambda: "texts" in guarded.lines("request")[-1])
    assert guarded.lines("request")[-1]["texts"] == ["ask [email] or [phone]"]
    assert guarded.keys["ada"] not in guarded.log.getvalue()
