"""What every test shares: quiet logs, pictures without a screen, fixed seeds, and the way to the real data."""

import os
import random
import sys
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def fixed_seed():
    """Seed Python, NumPy and the backend; a test that never imported Keras doesn't pay for it."""
    random.seed(0)
    keras = sys.modules.get("keras")
    if keras is not None:
        keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def data_folder():
    """The folder of real data: `KERAS_ATTN_DATA`, by default `../shared/data` beside the checkout."""
    folder = Path(os.environ.get("KERAS_ATTN_DATA", CHECKOUT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs the real data: set KERAS_ATTN_DATA to their folder. Received: {folder}")
    return folder


@pytest.fixture(scope="session")
def plain_folder(tmp_path_factory):
    """The folder of a SavedModel, `plain`, with version 1: a signature for each rule of TF Serving's API."""
    from tests.serving.serving_models import write_plain

    folder = tmp_path_factory.mktemp("models") / "plain"
    write_plain(folder / "1")
    return folder
