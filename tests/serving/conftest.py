"""What the tests of the server share: models, and a server that is started once."""

import pytest

from keras_attn.serving import ModelSettings, ServerSettings


@pytest.fixture(scope="session")
def plain_folder(tmp_path_factory):
    """The folder of the model `plain`, with version 1."""
    from tests.serving.serving_models import write_plain

    folder = tmp_path_factory.mktemp("models") / "plain"
    write_plain(folder / "1")
    return folder


@pytest.fixture(scope="session")
def server(plain_folder):
    """A server of `plain` with the default settings."""
    from tests.serving.running_server import RunningServer

    running = RunningServer(ServerSettings([ModelSettings(str(plain_folder), labels={"stable": 1})]))
    yield running
    running.stop()
