"""Half precision is chosen where there are units for it, and learns what float32 learns."""

import keras
import numpy as np
import pytest

from keras_attn import models
from keras_attn.data import TokenBatches
from keras_attn.training import MaskedCrossentropy, best_precision
from keras_attn.training.precision import cpu_has_bfloat16


@pytest.mark.parametrize(
    ("flags", "has_units"),
    [
        ("fpu avx2 avx512f", False),
        ("avx512f amx_bf16 amx_tile", True),
        ("avx512_bf16", True),
        ("not_avx512_bf16", False),
    ],
)
def test_units_are_read_from_the_kernel(tmp_path, flags, has_units):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t: none\n")
    assert cpu_has_bfloat16(tmp_path / "cpuinfo") == has_units
    assert not cpu_has_bfloat16(tmp_path / "missing")


def test_the_choice_of_this_machine():
    on_cpu = keras.distribution.list_devices()[0].startswith("cpu")
    assert best_precision() == ("float32" if on_cpu and not cpu_has_bfloat16() else "mixed_bfloat16")


@pytest.mark.long
def test_half_precision_learns_what_float32_learns():
    """Words backwards: the loss falls alike; two seeds of float32 were 2 % apart."""
    generator = np.random.default_rng(0)
    words = [generator.integers(3, 9, 4) for _ in range(200)]
    curves = []
    for policy in ("float32", "mixed_bfloat16"):
        keras.utils.set_random_seed(1)
        model = models.transformer(9, 1, 32, 2, 32, dropout=0.0, dtype=policy, implementation="dense")
        model.compile(keras.optimizers.Adam(0.01), MaskedCrossentropy(), jit_compile=False)
        batches = TokenBatches(words, [word[::-1] for word in words], batch_tokens=100, max_length=16)
        history = model.fit(batches.as_dataset(), epochs=5, verbose=0, shuffle=False).history
        curves.append(history["loss"])
        assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
    full, half = curves
    assert half[-1] < 0.6 * half[0] and full[-1] < 0.6 * full[0]
    assert np.mean(half) == pytest.approx(np.mean(full), rel=0.1)
