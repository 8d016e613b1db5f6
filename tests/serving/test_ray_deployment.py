"""Two replicas of the server under Ray Serve, on this machine."""

import os
import socket
import sys
from pathlib import Path

import pytest

from keras_attn.serving import Client, ModelSettings, ServerSettings, ray_application


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"pip install 'keras_attn\[ray,serve\]'"):
        ray_application(ServerSettings())


def workers_of(folder):
    """Processes that hold a model of the folder."""
    lines = {path.parent.name: path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()}
    return [pid for pid, line in lines.items() if b"model_worker" in line and str(folder).encode() in line]


@pytest.mark.long
def test_two_replicas(plain_folder, monkeypatch):
    ray = pytest.importorskip("ray", reason="needs Ray: pip install 'keras_attn[ray]'")
    from ray import serve

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}}
    ray.init(num_cpus=4, include_dashboard=False, _node_ip_address="127.0.0.1", runtime_env=environment)
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        settings = ServerSettings([ModelSettings(str(plain_folder))])
        with pytest.raises(ValueError, match="nothing to serve"):
            ray_application(ServerSettings())
        serve.run(ray_application(settings, replicas=2), route_prefix="/")
        assert len(workers_of(plain_folder)) == 2
        with Client(f"http://127.0.0.1:{port}", "plain") as client:
            for number in range(20):
                assert client.predict([float(number)]) == [number / 2 + 3]
            assert client.status()[0]["state"] == "AVAILABLE"
    finally:
        serve.shutdown()
        ray.shutdown()
