"""Series from tables as people have them: in any order, with gaps, doubles, words and changing frequencies."""

import numpy as np
import pytest

from keras_attn.data import SeriesColumns, read_time_series
from keras_attn.data.time_series import fill_linear, fill_previous
from keras_attn.data.time_stamps import format_times

DAYS = ["2024-01-01,1,10", "2024-01-02,2,20", "2024-01-03,3,30", "2024-01-04,4,40", "2024-01-05,5,50"]


def write(tmp_path, lines, name="load.csv"):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_wide_table(tmp_path):
    data = read_time_series(write(tmp_path, ["date,load,price", *DAYS]))
    assert data.columns == SeriesColumns(time="date", targets=("load", "price"))
    assert data.frequency.describe() == "1 day" and data.repairs == []
    np.testing.assert_array_equal(data.series[0].targets, [[i, 10 * i] for i in range(1, 6)])
    assert format_times(data.series[0].times[[0, -1]]) == ["2024-01-01 00:00:00", "2024-01-05 00:00:00"]
    assert data.steps() == 5


def test_a_long_table_in_any_order(tmp_path):
    rows = ["b,2024-01-02,7,north", "a,2024-01-01,1,south", "b,2024-01-01,6,north", "a,2024-01-02,2,south"]
    rows += ["b,2024-01-03,8,north"]
    columns = SeriesColumns(series="shop", static=("region",))
    data = read_time_series(write(tmp_path, ["shop,time,sales,region", *rows]), columns)
    assert {series.name: series.targets.ravel().tolist() for series in data.series} == {"b": [6, 7, 8], "a": [1, 2]}
    assert [series.static for series in data.series] == [("north",), ("south",)]
    assert data.repairs == [
        "1 rows that stand before an earlier one, sorted, the first: " + f"{tmp_path}/load.csv:4 (series 'b')."
    ]


def test_known_columns_reach_into_the_future(tmp_path):
    rows = ["2024-01-01,5,0,1", "2024-01-02,6,1,2", "2024-01-03,,0,", "2024-01-04,,1,"]
    columns = SeriesColumns(targets=("sales",), known=("promo",), past=("visits",))
    (series,) = read_time_series(write(tmp_path, ["date,sales,promo,visits", *rows]), columns).series
    assert len(series) == 2 and series.targets.ravel().tolist() == [5, 6]
    assert series.known.ravel().tolist() == [0, 1, 0, 1] and series.past.ravel().tolist() == [1, 2]
    assert len(series.times) == 4


def test_parquet_with_time_stamps(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    times = np.arange("2024-01-01", "2024-01-05", dtype="datetime64[D]").astype("datetime64[us]")
    table = pyarrow.table({"date": times, "load": [1.5, None, 2.5, 4.0]})
    parquet.write_table(table, tmp_path / "load.parquet")
    data = read_time_series(tmp_path / "load.parquet")
    np.testing.assert_array_equal(data.series[0].targets.ravel(), [1.5, np.nan, 2.5, 4.0])
    assert data.repairs == ["1 missing values of targets, the first: the table."]


def test_repairs_are_made_and_counted(tmp_path):
    rows = [
        "2024-01-01 00:00,1",
        "2024-01-01 02:00,3",
        "2024-01-01 01:00,2",  # before the one above
        "2024-01-01 02:00,5",  # a second time: the mean, 4
        "2024-01-01 05:00,abc",  # 03:00 and 04:00 are missing, and this is no number
        "2024-01-01 06:00,inf",
        "noon,9",
        "2024-01-01 07:10,8",  # between two steps
        "2024-01-01 08:00,",
        "2024-01-01 09:00,10",
    ]
    path = write(tmp_path, ["date,load", *rows])
    data = read_time_series(path)
    nan = np.nan
    np.testing.assert_array_equal(data.series[0].targets.ravel(), [1, 2, 4, nan, nan, nan, nan, 8, nan, 10])
    assert data.repairs == [
        f"1 rows left out, for no time stamp in column 'date', the first: {path}:8: 'noon'.",
        f"1 cells that are no numbers, taken as missing, the first: {path}:6, column 'load': 'abc'.",
        f"1 infinite cells, taken as missing, the first: {path}:7, column 'load'.",
        f"1 rows that stand before an earlier one, sorted, the first: {path}:2.",
        f"1 rows off the grid of 1 hour, moved to it, the first: {path}:9.",
        f"1 rows of a time that another has, averaged, the first: {path}:5.",
        "2 missing time stamps, filled in, the first: 2024-01-01 03:00:00.",
        "3 missing values of targets, the first: the table.",
    ]


def test_rows_without_targets_at_the_end_are_counted(tmp_path):
    data = read_time_series(write(tmp_path, ["date,a,b", *DAYS, "2024-01-06,,", "2024-01-07,,"]))
    assert len(data.series[0]) == len(data.series[0].times) == 5
    assert data.repairs[-1].startswith("2 rows without any target at the end, left out")


def test_static_values_that_change_are_counted(tmp_path):
    rows = ["2024-01-01,1,x", "2024-01-02,2,y", "2024-01-03,3,x"]
    data = read_time_series(write(tmp_path, ["date,load,kind", *rows]), SeriesColumns(static=("kind",)))
    assert data.repairs[0].startswith("1 rows whose static values differ") and data.series[0].static == ("x",)


@pytest.mark.parametrize(
    ("lines", "columns", "message"),
    [
        (["when,load", "2024-01-01,1"], {}, r"which column holds the time stamps\? .*columns=\['when', 'load'\]"),
        (["date,load", "2024-01-01,1"], {"targets": ("lod",)}, r"there is no column 'lod'; there are 'date', 'load'"),
        (["date,load", "soon,1"], {}, r"no row has a time stamp .*load\.csv:2: 'soon'"),
        (
            ["date,load,kind", "2024-01-01,1,a", "2024-01-02,2,b"],
            {},
            r"csv:2: column 'kind' holds texts.*Received: 'a'",
        ),
        (["date,load", "2024-01-01,1"], {}, r"at least two times"),
        (["date", "2024-01-01"], {}, r"no column is left to forecast"),
        (["date,load"], {}, r"load\.csv: the table names its columns and has no rows below them"),
        (
            ["date,load", "2024-01-01"],
            {},
            r"no row can be read: 1 left out\. Received: the first .*load\.csv:2: skipped",
        ),
        (
            [
                "date,load",
                *(f"2024-01-{d:02d},1" for d in range(1, 9)),
                *(f"2024-01-09 {h:02d}:00,1" for h in range(7)),
            ],
            {},
            r"csv:11: the times make no even grid: the commonest step is 1 day, and 6 of 15 rows",
        ),
        (
            ["date,load", *(f"2024-01-{d:02d},1" for d in range(1, 9)), "2034-01-01,2"],
            {},
            r"csv:10: 3646 steps of 1 day lie before this row",
        ),
    ],
)
def test_what_cannot_be_read(tmp_path, lines, columns, message):
    with pytest.raises(ValueError, match=message):
        read_time_series(write(tmp_path, lines), SeriesColumns(**columns))


def test_a_column_has_one_meaning():
    with pytest.raises(ValueError, match=r"Received: 'load' named twice"):
        SeriesColumns(targets=("load",), past=("load",))


def test_the_fingerprint_tells_data_apart(tmp_path):
    one, other = (
        read_time_series(write(tmp_path, ["date,a,b", *rows])) for rows in (DAYS, [*DAYS[:4], "2024-01-05,5,51"])
    )
    again = read_time_series(write(tmp_path, ["date,a,b", *DAYS]))
    assert one.fingerprint() == again.fingerprint() != other.fingerprint()


def test_filling():
    nan = np.nan
    values = np.array([[nan, 1.0], [2.0, nan], [nan, nan], [5.0, 4.0], [nan, nan]])
    np.testing.assert_array_equal(fill_previous(values), [[nan, 1], [2, 1], [2, 1], [5, 4], [5, 4]])
    np.testing.assert_array_equal(fill_linear(values), [[2, 1], [2, 2], [3.5, 3], [5, 4], [5, 4]])
    assert fill_linear(np.full((2, 1), nan)).tolist() == [[0.0], [0.0]] and fill_previous(values[:0]).shape == (0, 2)
