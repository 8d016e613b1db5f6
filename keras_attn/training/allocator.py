import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # the parameters' numbers in glibc's malloc.h


def keep_freed_memory():
    """Tells the C library to keep what is freed for the next training step.

    By itself glibc gives every large block back to the kernel when it is freed, and the kernel clears it anew when the
    next step asks for it: a large part of the time of a step on CPU. Kept, the process stays at its peak of memory.
    Nothing happens where the C library is not glibc.

    Returns:
        Whether the C library took it.

    Example:
        >>> from keras_attn.training import keep_freed_memory
        >>> keep_freed_memory() in (True, False)
        True

    Reference:
        mallopt(3): M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 2**28), (_MMAP_MAX, 0))
    return all(mallopt(parameter, value) == 1 for parameter, value in settings)
