import configparser
import re
from pathlib import Path

import keras_attn
from keras_attn.version import __version__


def test_version_is_that_of_setup_cfg():
    config = configparser.ConfigParser()
    config.read(Path(__file__).resolve().parents[1] / "setup.cfg", encoding="utf-8")
    assert __version__ == config["metadata"]["version"] == keras_attn.__version__


def test_version_has_three_numbers():
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
