"""What errors carry."""

from keras_attn.serving.errors import ServingError, bad_request, shown


def test_a_bad_request():
    error = bad_request("no rows")
    assert isinstance(error, ServingError)
    assert (error.status, error.message, error.kind, error.retry_after) == (400, "no rows", "bad_request", None)
    assert str(error) == "no rows"


def test_long_values_are_cut():
    assert shown("abc") == "'abc'"
    assert shown("a" * 200) == "'" + "a" * 76 + "..."
