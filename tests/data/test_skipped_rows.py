import pytest

from keras_attn.data import LabelledText, ParallelText, PlainText, TaggedText


@pytest.mark.parametrize("kind", [ParallelText, LabelledText, TaggedText])
def test_the_first_five_are_named(kind):
    rows = [f"file:{line}: skipped, empty row" for line in range(1, 8)]
    expected = "7 test rows left out:\n  " + "\n  ".join(rows[:5]) + "\n  and 2 more"
    assert kind([], [], skipped=rows).skipped_report("test") == expected
    assert PlainText([], rows[:1]).skipped_report("training") == f"1 training rows left out:\n  {rows[0]}"
