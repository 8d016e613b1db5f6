"""Messages between the server and the processes of its models: a JSON header and arrays; nothing is pickled."""

import json
import struct

import numpy as np

LENGTH = struct.Struct(">Q")
"""What stands before each message: its length in bytes."""


def encode_message(header, arrays):
    """Writes a message.

    Args:
        header: Dict that JSON can hold.
        arrays: Dict of name -> array of numbers, or of `bytes` (dtype object).

    Returns:
        Bytes, the length in front.

    Example:
        >>> import numpy as np
        >>> from keras_attn.serving.messages import LENGTH, decode_message, encode_message
        >>> message = encode_message({"signature": "f"}, {"x": np.array([1.5, 2.0], "float32")})
        >>> decode_message(message[LENGTH.size :])
        ({'signature': 'f'}, {'x': array([1.5, 2. ], dtype=float32)})
    """
    described, parts = [], []
    for name, array in arrays.items():
        array = np.asarray(array)
        if array.dtype == object:
            texts = array.ravel().tolist()
            lengths = np.fromiter(map(len, texts), np.int64, len(texts))
            content = lengths.tobytes() + b"".join(texts)
        else:
            content = array.tobytes()
        described.append([name, "bytes" if array.dtype == object else array.dtype.str, array.shape, len(content)])
        parts.append(content)
    head = json.dumps([header, described]).encode()
    parts = [LENGTH.pack(len(head)), head, *parts]
    return b"".join([LENGTH.pack(sum(map(len, parts))), *parts])


def decode_message(content):
    """Reads a message.

    Args:
        content: Bytes after the length.

    Returns:
        The header and the dict of arrays, which cannot be written to.
    """
    (size,) = LENGTH.unpack_from(content)
    place = LENGTH.size + size
    header, described = json.loads(content[LENGTH.size : place])
    arrays = {}
    for name, dtype, shape, length in described:
        part = content[place : place + length]
        arrays[name] = _texts(part, shape) if dtype == "bytes" else np.frombuffer(part, dtype).reshape(shape)
        place += length
    return header, arrays


def _texts(content, shape):
    array = np.empty(int(np.prod(shape, dtype=np.int64)), object)
    lengths = np.frombuffer(content[: 8 * array.size], np.int64).tolist()
    place = 8 * array.size
    for index, length in enumerate(lengths):
        array[index] = content[place : place + length]
        place += length
    return array.reshape(shape)
