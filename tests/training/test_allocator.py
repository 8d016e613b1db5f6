"""Freed memory is kept: shown by the page faults that the kernel counts in a fresh process."""

import subprocess
import sys

import pytest

from keras_attn.training import keep_freed_memory

COUNT_FAULTS = """
import resource, sys
import numpy as np
from keras_attn.training.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
np.ones(50_000_000)  # 400 MB, once: the peak
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    np.ones(50_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(mode):
    done = subprocess.run([sys.executable, "-c", COUNT_FAULTS, mode], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_large_blocks_are_not_asked_of_the_kernel_again():
    if not keep_freed_memory():
        pytest.skip("the C library is not glibc")
    assert faults("keep") < 1000 < faults("leave")
