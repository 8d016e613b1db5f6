import concurrent.futures
import multiprocessing
import re
import resource
import sys
from pathlib import Path


def find_batch_tokens(step, limit_gb, sizes=(1024, 4096)):
    """Finds how many tokens a batch may have before a training step needs more memory than a limit.

    The peak of a step grows in a straight line with the batch: it is measured at two sizes, each in a process of its
    own, which a step that goes too far cannot take this one with.

    Args:
        step: Function of a number of tokens that makes the model and trains it for a step on a batch of so many; of a
            module, or a `functools.partial` of one, so that another process finds it.
        limit_gb: Memory (of the machine, not of a GPU) that the whole process may take, in GiB.
        sizes: The two numbers of tokens to measure, far enough apart that their difference shows.

    Returns:
        Largest number of tokens that fits.

    Raises:
        ValueError: If not even the smaller size fits, or the larger one takes no more memory than the smaller.

    Example:
        >>> import functools
        >>> from keras_attn.tasks import TranslationSettings
        >>> from keras_attn.tasks.translation_model import train_one_step
        >>> step = functools.partial(train_one_step, settings=TranslationSettings(), vocabulary_size=8000)
        >>> tokens = find_batch_tokens(step, limit_gb=8)  # doctest: +SKIP
    """
    small, large = sizes
    low, high = (_measured(step, size) for size in sizes)
    if high <= low:
        raise ValueError(
            f"{large} tokens took no more memory than {small}: give sizes further apart. Received: sizes={sizes}"
        )
    if low > limit_gb:
        raise ValueError(
            f"A step of {small} tokens takes {low:.2f} GiB: raise the limit, make the model smaller or give smaller "
            f"sizes. Received: limit_gb={limit_gb}, sizes={sizes}"
        )
    return int(small + (limit_gb - low) * (large - small) / (high - low))


def peak_memory_gb():
    """Tells the most memory that this process has had at a time.

    Returns:
        GiB.

    Example:
        >>> from keras_attn.training import peak_memory_gb
        >>> peak_memory_gb() > 0.01
        True
    """
    status = Path("/proc/self/status")
    if status.exists():  # `ru_maxrss` begins with the peak of the process that started this one
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text()).group(1)) / (1 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 30 if sys.platform == "darwin" else 1 << 20)


def _measured(step, tokens):
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_peak_of, step, tokens).result()


def _peak_of(step, tokens):
    step(tokens)
    return peak_memory_gb()
