"""The network difficulty of a day: read to the digit, carried no further than it is known."""

import datetime as dt
from decimal import Decimal

import pytest

from minerecon_dagster.core.difficulty import Retarget, read_retargets, validate_difficulty, values_by_day
from minerecon_dagster.core.errors import ConfigurationError, DifficultyError

MARCH_9 = Retarget(887040, dt.datetime(2025, 3, 9, 15, 52, 3, tzinfo=dt.UTC), Decimal("112149504190349.28"))
MARCH_23 = Retarget(889056, dt.datetime(2025, 3, 23, 11, 13, 43, tzinfo=dt.UTC), Decimal("113757508810854.0"))
GOOD_CSV = """height,time_utc,difficulty,note
887040,2025-03-09T15:52:03Z,112149504190349.28,"a, b"
889056,2025-03-23T11:13:43Z,113757508810854.0,
"""


def written(tmp_path, text):
    path = tmp_path / "my retargets.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_day_has_the_difficulty_in_force_at_its_first_instant_in_utc():
    values = values_by_day([MARCH_9, MARCH_23])
    assert min(values) == dt.date(2025, 3, 10), "the retarget of the 9th came after 00:00 of the 9th"
    assert values[dt.date(2025, 3, 23)] == MARCH_9.difficulty
    assert values[dt.date(2025, 3, 24)] == MARCH_23.difficulty


def test_a_retarget_at_midnight_counts_for_the_day_that_begins():
    midnight = dt.datetime(2025, 3, 23, tzinfo=dt.UTC)
    values = values_by_day([MARCH_9, Retarget(889056, midnight, Decimal("113757508810854"))])
    assert values[dt.date(2025, 3, 22)] == MARCH_9.difficulty
    assert values[dt.date(2025, 3, 23)] == Decimal("113757508810854")
    assert max(values) == dt.date(2025, 4, 6), "00:00 of the 6th is 14 days after the retarget, and not more"


def test_the_last_retarget_is_carried_fourteen_days_and_no_further():
    values = values_by_day([MARCH_9, MARCH_23])
    assert max(values) == dt.date(2025, 4, 6)
    assert len(values) == 28
    assert values_by_day([]) == {}


def test_a_file_is_read_to_the_digit_and_further_columns_are_ignored(tmp_path):
    retargets = read_retargets(written(tmp_path, GOOD_CSV))
    assert retargets == [MARCH_9, MARCH_23]
    assert str(retargets[1].difficulty) == "113757508810854.0"


def test_a_file_saved_by_a_spreadsheet_with_a_byte_order_mark_is_read(tmp_path):
    assert len(read_retargets(written(tmp_path, "\ufeff" + GOOD_CSV))) == 2


def test_a_time_without_a_zone_is_utc_as_the_column_says(tmp_path):
    path = written(
        tmp_path, "difficulty,height,time_utc\n5,2016,2025-03-09 15:52:03\n5,4032,2025-03-23T12:00:00+01:00\n"
    )
    assert [r.time_utc.isoformat() for r in read_retargets(path)] == [
        "2025-03-09T15:52:03+00:00",
        "2025-03-23T11:00:00+00:00",
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("889056", "889057", "line 3: height 889057 is not a multiple of 2016"),
        ("889056", "891072", "line 3: height 891072 after 887040: the next retarget is at height 889056"),
        ("889056", "887040", "line 3: height 887040 after 887040"),
        ("2025-03-23", "2025-03-08", "line 3: time_utc 2025-03-08T11:13:43+00:00 is not after"),
        ("2025-03-23T", "23 March ", "line 3: time_utc must be a time as in"),
        ("113757508810854.0", "448598016761397.13", "line 3: difficulty 448598016761397.13 is more than a factor of 4"),
        ("113757508810854.0", "28037376047587", "line 3: difficulty 28037376047587 is more than a factor of 4"),
        ("113757508810854.0", "0", "line 3: difficulty 0 is not a positive number"),
        ("113757508810854.0", "NaN", "line 3: difficulty NaN is not a positive number"),
        ("113757508810854.0", "Infinity", "line 3: difficulty Infinity is not a positive number"),
        (
            "113757508810854.0,",
            "",
            "line 3: height must be a whole number and difficulty a number, not '889056' and ''",
        ),
        ("113757508810854.0", "many", "line 3: height must be a whole number and difficulty a number"),
        ("889056", "88.9", "line 3: height must be a whole number"),
        (",time_utc", ",time", "line 1: no column time_utc"),
    ],
)
def test_a_file_that_bitcoin_cannot_have_made_is_refused_in_one_line_that_names_it(tmp_path, old, new, says):
    path = written(tmp_path, GOOD_CSV.replace(old, new))
    with pytest.raises(ConfigurationError) as caught:
        values_by_day(read_retargets(path))
    assert f"{path} {says}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"height,time_utc,difficulty\n", b"\xff\xfe\x00"])
def test_a_file_without_retargets_is_refused(tmp_path, content):
    path = tmp_path / "empty.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"empty\.csv"):
        read_retargets(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.csv: cannot be read: No such file"):
        read_retargets(tmp_path / "none.csv")


def test_a_difficulty_within_a_factor_of_four_of_the_day_before_is_believed():
    day = dt.date(2025, 3, 28)
    assert validate_difficulty(day, Decimal(400), Decimal(100), "table X") == 400
    assert validate_difficulty(day, Decimal(25), Decimal(100), "table X") == 25
    assert validate_difficulty(day, Decimal(1), None, "table X") == 1


@pytest.mark.parametrize(
    ("value", "previous"),
    [
        (Decimal(0), None),
        (Decimal(-1), None),
        (Decimal("NaN"), None),
        (Decimal("Infinity"), None),
        (Decimal("400.01"), Decimal(100)),
        (Decimal("24.99"), Decimal(100)),
        (Decimal("1e999999"), Decimal(100)),
        (Decimal(100), Decimal("1e999999")),
    ],
)
def test_a_difficulty_that_the_network_cannot_have_had_is_refused_naming_date_and_table(value, previous):
    with pytest.raises(DifficultyError, match=r"2025-03-28 in table X") as caught:
        validate_difficulty(dt.date(2025, 3, 28), value, previous, "table X")
    assert str(value) in str(caught.value)
