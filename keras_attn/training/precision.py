from pathlib import Path

import keras

_CPU_UNITS = {"amx_bf16", "avx512_bf16"}


def best_precision():
    """Chooses the dtype policy that trains fastest here: half precision where there are units for it.

    Returns:
        "mixed_bfloat16" on a GPU or TPU, and on CPUs with bfloat16 units (AMX or AVX512_BF16; known on Linux); else
        "float32". Weights, softmax and loss are float32 under both.

    Example:
        >>> from keras_attn.training import best_precision
        >>> best_precision() in ("float32", "mixed_bfloat16")
        True
    """
    on_cpu = keras.distribution.list_devices()[0].startswith("cpu")
    return "float32" if on_cpu and not cpu_has_bfloat16() else "mixed_bfloat16"


def cpu_has_bfloat16(cpuinfo="/proc/cpuinfo"):
    """Tells whether the processor multiplies bfloat16 numbers by itself.

    Args:
        cpuinfo: The kernel's description of the processor.

    Returns:
        Whether it lists such units; False where there is no such file.
    """
    path = Path(cpuinfo)
    return path.is_file() and not _CPU_UNITS.isdisjoint(path.read_text().split())
