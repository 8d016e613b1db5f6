from keras_attn.tasks.markdown_table import markdown_table


def test_cells():
    rows = [{"name": "a\nb | c", "share": 0.12345, "count": 3}, {"name": "one\\|escaped", "count": None, "more": 1}]
    assert markdown_table(rows, floats=".3g").splitlines() == [
        "| name | share | count |",
        "| --- | --- | --- |",
        "| a b \\| c | 0.123 | 3 |",
        "| one\\|escaped |  | None |",
    ]
    assert markdown_table([{"x": 2.0}]).splitlines()[-1] == "| 2.00 |"
