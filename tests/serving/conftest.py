"""What the tests of the server share: models, and a server that is started once."""

import pytest

from keras_attn.serving import ModelSettings, ServerSettings


@pytest.fixture(scope="session")
def server(plain_folder):
    """A server of `plain` with the default settings."""
    from tests.serving.running_server import RunningServer

    running = RunningServer(ServerSettings([ModelSettings(str(plain_folder), labels={"stable": 1})]))
    yield running
    running.stop()
