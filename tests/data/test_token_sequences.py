"""Sequences in a flat array, laid out in rows; the expected rows are made by loops."""

import numpy as np
import pytest

from keras_attn.data import TokenSequences
from keras_attn.data.token_sequences import EndedSequences

ROWS = [[5, 6, 7], [], [8], [9, 10, 11, 12, 13]]
END = 2


def laid_out(index, width, max_length):
    ids, segments = np.zeros((2, len(index), width), int)
    for row, members in enumerate(index):
        place = 0
        for number, member in enumerate(members, start=1):
            if member >= 0:
                ended = [*ROWS[member][: max_length - 1], END]
                ids[row, place : place + len(ended)], segments[row, place : place + len(ended)] = ended, number
                place += len(ended)
    return ids, segments


@pytest.mark.parametrize("max_length", [3, 4, 9])
@pytest.mark.parametrize("index", [[[0], [1], [2], [3]], [[3, 1], [2, -1], [-1, -1]], [[0, 2, 1]]])
def test_rows_are_what_loops_make(tmp_path, index, max_length):
    sequences = TokenSequences.of("sources", ROWS)
    assert len(sequences) == 4
    sequences.ids.astype("uint16").tofile(tmp_path / "ids")
    mapped = TokenSequences(np.memmap(tmp_path / "ids", "uint16", mode="r"), sequences.sizes)
    for kind in (sequences, mapped):
        ended = EndedSequences(kind, max_length, END)
        assert ended.lengths.tolist() == [*(min(len(row), max_length - 1) + 1 for row in ROWS), 0]
        assert ended.truncated == sum(len(row) > max_length - 1 for row in ROWS)
        for found, expected in zip(ended.padded(np.array(index), 12), laid_out(index, 12, max_length), strict=True):
            assert found.dtype == np.int32
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1], [[2]]], r"item 1 has shape \(1, 1\)"),
        ([[1], [0.5]], "dtype float64"),
        ([[1, 2], [3, 0]], r"Received: words\[1\] holds 0"),
        ([[2**31]], r"words\[0\] holds 2147483648"),
    ],
)
def test_what_is_no_sequence_of_ids_is_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        TokenSequences.of("words", rows)
