"""What a server refuses to begin with; `tests/commands/test_serving.py` starts and stops it."""

import os
import socket
import subprocess
import sys

import pytest

from keras_attn.serving import ModelSettings, ServerSettings, run_server


def test_what_it_refuses(plain_folder, tmp_path):
    with pytest.raises(ValueError, match="nothing to serve"):
        run_server(ServerSettings())
    with pytest.raises(ValueError, match="holds no version"):
        run_server(ServerSettings([ModelSettings(str(tmp_path), "a")]))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"cannot listen.*port={port}"):
            run_server(ServerSettings([ModelSettings(str(plain_folder))], port=port))


def test_no_heavy_import():
    code = (
        "import sys, keras_attn.serving.app; print(*sorted({'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and not done.stdout.strip(), done.stderr
