"""The network difficulty of a day: read to the digit, carried no further than it is known."""

import datetime as dt
import time
from decimal import Context, Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerecon_dagster.core.difficulty import (
    BLOCKS_PER_RETARGET,
    CARRIED_BEFORE_A_GAP,
    LARGEST_TARGET,
    WARN_AHEAD_DAYS,
    Retarget,
    days_between,
    is_compact,
    nearest_compact_difficulty,
    read_retargets,
    validate_difficulty,
    values_by_day,
)
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


def test_before_a_gap_a_retarget_at_midnight_counts_for_ten_days_and_not_for_the_first_instant_of_the_eleventh():
    midnight = Retarget(887040, dt.datetime(2025, 3, 9, tzinfo=dt.UTC), Decimal(1))
    after_a_gap = Retarget(891072, dt.datetime(2025, 4, 5, 13, 54, 28, tzinfo=dt.UTC), Decimal(1))
    assert days_between(values_by_day([midnight, after_a_gap])) == [(dt.date(2025, 3, 19), dt.date(2025, 4, 5))]


def test_a_file_is_read_to_the_digit_and_further_columns_are_ignored(tmp_path):
    retargets = read_retargets(written(tmp_path, GOOD_CSV))
    assert list(retargets) == [MARCH_9, MARCH_23]
    assert retargets.refused == []
    assert str(retargets.retargets[1].difficulty) == "113757508810854.0"


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


def test_a_time_without_a_zone_is_utc_on_a_machine_that_is_elsewhere_too(tmp_path, monkeypatch):
    path = written(tmp_path, "height,time_utc,difficulty\n2016,2025-03-09 15:52:03,5\n")
    try:
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("TZ", "Asia/Tokyo")
            time.tzset()
            (found,) = read_retargets(path)
    finally:
        time.tzset()
    assert found.time_utc == dt.datetime(2025, 3, 9, 15, 52, 3, tzinfo=dt.UTC)


def test_a_file_without_a_column_is_refused_whole(tmp_path):
    path = written(tmp_path, GOOD_CSV.replace(",time_utc", ",time"))
    with pytest.raises(ConfigurationError, match=r"line 1: no column time_utc"):
        read_retargets(path)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("889056", "889057", "line 3: height 889057 of 2025-03-23: the height is not a multiple of 2016"),
        ("889056", "887040", "line 3: height 887040 of 2025-03-23: 2 rows of this height contradict each other"),
        ("2025-03-23", "2025-03-08", "line 3: height 889056 of 2025-03-08: time_utc 2025-03-08T11:13:43+00:00 is not "
         "after 2025-03-09T15:52:03+00:00 of the retarget before"),
        ("2025-03-23T", "23 March ", "line 3: time_utc must be a time as in"),
        ("113757508810854.0", "455030035243416", "line 3: height 889056 of 2025-03-23: difficulty "
         "455030035243416 is more than a factor of 4 a retarget from 112149504190349.28 of the retarget before"),
        ("113757508810854.0", "108000000000000", "line 3: height 889056 of 2025-03-23: difficulty 108000000000000 is "
         "no compact target, as every difficulty of Bitcoin is (the nearest is 107999734186174.79; was it rounded?)"),
        ("113757508810854.0", "0", "line 3: height 889056 of 2025-03-23: difficulty 0 is not a positive number"),
        ("113757508810854.0", "NaN", "line 3: height 889056 of 2025-03-23: difficulty NaN is not a positive number"),
        ("113757508810854.0", "sNaN", "line 3: height 889056 of 2025-03-23: difficulty sNaN is not a positive number"),
        ("113757508810854.0", "Infinity", "line 3: height 889056 of 2025-03-23: difficulty Infinity is not a positive"),
        ("113757508810854.0", "1e999999", "line 3: height 889056 of 2025-03-23: difficulty 1E+999999 is no compact"),
        ("113757508810854.0,", "", "line 3: height must be a whole number and difficulty a number, not '889056' and ''"
         " (2025-03-23)"),
        ("113757508810854.0", "many", "line 3: height must be a whole number and difficulty a number"),
        ("889056", "88.9", "line 3: height must be a whole number"),
        ("889056", "-2016", "line 3: height -2016 of 2025-03-23: the height is not a multiple of 2016"),
        (",2025-03-23T11:13:43Z,113757508810854.0,", "", "line 3: time_utc must be a time as in 2025-03-23T11:13:43Z, "
         "not ''"),
        (",113757508810854.0,", "", "line 3: height must be a whole number and difficulty a number, not '889056' and ''"
         " (2025-03-23)"),
    ],
)  # fmt: skip
def test_a_row_that_bitcoin_cannot_have_made_is_refused_by_itself_in_one_line_that_names_it(tmp_path, old, new, says):
    path = written(tmp_path, GOOD_CSV.replace(old, new))
    found = read_retargets(path)
    assert f"{path} {says}" in found.refused[-1]
    assert "\n" not in found.refused[-1]
    assert set(values_by_day(found).values()) <= {MARCH_9.difficulty}


SERIES = [
    (885024, "2025-02-23T20:29:38Z", "110568428300952.69"),
    (887040, "2025-03-09T15:52:03Z", "112149504190349.28"),
    (889056, "2025-03-23T11:13:43Z", "113757508810854.0"),
    (891072, "2025-04-05T13:54:28Z", "121507793131898.06"),
    (893088, "2025-04-19T09:18:39Z", "123234387977050.9"),
]


def read_series(tmp_path, rows):
    lines = "".join(f"{height},{time},{difficulty}\n" for height, time, difficulty in rows)
    return read_retargets(written(tmp_path, f"height,time_utc,difficulty\n{lines}"))


def changed(number, **to):
    """The series with one row changed."""
    rows = [dict(zip(("height", "time", "difficulty"), row, strict=True)) for row in SERIES]
    rows[number] |= to
    return [tuple(row.values()) for row in rows]


@pytest.mark.parametrize("value", ["113000000000000", "0", "many", "1137575088108540.0"])
def test_a_row_with_a_bad_value_leaves_its_own_days_without_one_and_moves_no_other_day(tmp_path, value):
    right = values_by_day(read_series(tmp_path, SERIES))
    found = values_by_day(bad := read_series(tmp_path, changed(2, difficulty=value)))
    of_the_row = {day for day, of_day in right.items() if of_day == Decimal("113757508810854.0")}
    assert len(bad.refused) == 1
    if value == "many":  # not even read: how long the one before was in force is only known in part
        certain = dt.datetime(2025, 3, 9, 15, 52, 3, tzinfo=dt.UTC) + CARRIED_BEFORE_A_GAP
        of_the_row |= {day for day in right if certain.date() < day <= dt.date(2025, 3, 23)}
    assert found == {day: of_day for day, of_day in right.items() if day not in of_the_row}
    assert days_between(found) == [(min(of_the_row), max(of_the_row))]


def test_a_row_that_is_left_out_leaves_its_days_without_a_value(tmp_path):
    right = values_by_day(read_series(tmp_path, SERIES))
    found = values_by_day(read_series(tmp_path, SERIES[:2] + SERIES[3:]))
    assert all(right[day] == value for day, value in found.items()), "no value is carried over another's days"
    assert days_between(found) == [(dt.date(2025, 3, 20), dt.date(2025, 4, 5))]
    assert found[dt.date(2025, 3, 19)] == Decimal("112149504190349.28")


@pytest.mark.parametrize(
    "bad", [{"height": 8890560}, {"height": 2016}, {"time": "2052-03-23T11:13:43Z"}, {"time": "1925-03-23T11:13:43Z"}]
)
def test_one_row_far_off_makes_no_other_one_refused(tmp_path, bad):
    right = values_by_day(read_series(tmp_path, SERIES))
    found = read_series(tmp_path, changed(2, **bad))
    assert len(found.refused) == 1
    values = values_by_day(found)
    assert all(right[day] == value for day, value in values.items())
    assert max(values) == max(right)
    assert values.keys() >= {day for day in right if right[day] != Decimal("113757508810854.0")} - {
        dt.date(2025, 3, 20) + n * dt.timedelta(days=1) for n in range(4)
    }


def test_the_order_of_the_rows_and_a_row_that_stands_twice_change_nothing(tmp_path):
    right = read_series(tmp_path, SERIES)
    assert read_series(tmp_path, [*reversed(SERIES), SERIES[2]]) == right


def test_a_file_of_which_no_row_can_be_used_has_no_values(tmp_path):
    found = read_series(tmp_path, [(5, "today", "1"), (2016, "2025-03-23", "113")])
    assert len(found.refused) == 2
    assert values_by_day(found) == {}


def test_a_file_of_which_no_row_can_be_read_is_one_with_refused_rows_and_not_one_without_any(tmp_path):
    found = read_series(tmp_path, [(2016, "today", "1")])
    assert (list(found), len(found.refused)) == ([], 1)


def test_the_first_block_of_all_is_a_retarget(tmp_path):
    (first,) = read_series(tmp_path, [(0, "2009-01-03T18:15:05Z", "1")])
    assert values_by_day([first])[dt.date(2009, 1, 4)] == 1


def test_every_row_that_is_refused_is_told_whatever_it_is_refused_for(tmp_path):
    rows = [(5, "today", "1"), *SERIES, (885024, "2025-02-23", "1"), (893088, "2025-04-19", "1")]
    found = read_series(tmp_path, rows)
    assert [r.height for r in found] == [887040, 889056, 891072]
    assert [text.partition(": ")[0].rpartition(" ")[2] for text in found.refused] == ["2", "3", "8", "7", "9"]


@pytest.mark.parametrize(
    ("number", "time", "refused", "says"),
    [
        (2, "2052-03-23T11:13:43Z", 2, "2052-03-23T11:13:43+00:00 is not before 2025-04-05T13:54:28+00:00 of the "
         "retarget after"),
        (2, "1925-03-23T11:13:43Z", 2, "1925-03-23T11:13:43+00:00 is not after 2025-03-09T15:52:03+00:00 of the "
         "retarget before"),
        (2, "2025-03-09T15:52:03Z", 2, "2025-03-09T15:52:03+00:00 is not after 2025-03-09T15:52:03+00:00 of the "
         "retarget before"),
        (0, "2052-03-23T11:13:43Z", 0, "2052-03-23T11:13:43+00:00 is not before 2025-03-09T15:52:03+00:00 of the "
         "retarget after"),
    ],
)  # fmt: skip
def test_a_row_at_the_wrong_time_is_told_with_the_neighbour_that_it_contradicts(tmp_path, number, time, refused, says):
    found = read_series(tmp_path, changed(number, time=time))
    assert [r.height for r in found] == [height for n, (height, _, _) in enumerate(SERIES) if n != refused]
    (text,) = found.refused
    assert text.endswith(f": time_utc {says}")


def of_difficulties(tmp_path, *difficulties, heights=None):
    """A retarget of each, two weeks apart, from height 2,016 on."""
    first = dt.datetime(2025, 1, 5, tzinfo=dt.UTC)
    heights = heights or [2016 * (n + 1) for n in range(len(difficulties))]
    times = [(first + n * dt.timedelta(days=14)).isoformat() for n in range(len(difficulties))]
    return read_series(tmp_path, zip(heights, times, difficulties, strict=True))


@pytest.mark.parametrize(
    ("difficulties", "wrong", "says"),
    [
        ((256, 4, 4), 0, "256 is more than a factor of 4 a retarget from 4 of the retarget after"),
        ((4, 4, 256, 4, 4), 2, "256 is more than a factor of 4 a retarget from 4 of the retarget before"),
        ((64, 64, 256, 4, 4), 2, "256 is more than a factor of 4 a retarget from 4 of the retarget after"),
        ((4, 4, 256), 2, "256 is more than a factor of 4 a retarget from 4 of the retarget before"),
    ],
)
def test_a_leap_is_told_with_the_neighbour_that_it_is_one_from(tmp_path, difficulties, wrong, says):
    found = of_difficulties(tmp_path, *difficulties)
    assert [r.difficulty for r in found] == [None if n == wrong else value for n, value in enumerate(difficulties)]
    (text,) = found.refused
    assert text.endswith(f": difficulty {says}, which Bitcoin does not allow")


def test_over_many_retargets_the_difficulty_can_have_become_any_other(tmp_path):
    found = of_difficulties(tmp_path, "1", "113757508810854.0", heights=[0, 2016 * 600])
    assert [r.difficulty for r in found] == [1, Decimal("113757508810854.0")]


@pytest.mark.parametrize("content", [b"", b"height,time_utc,difficulty\n", b"\xff\xfe\x00"])
def test_a_file_without_retargets_is_refused(tmp_path, content):
    path = tmp_path / "empty.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"empty\.csv"):
        read_retargets(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.csv: cannot be read: No such file"):
        read_retargets(tmp_path / "none.csv")


FOUR = Decimal("455030035243416.0")
"""Four times that of the 23rd of March 2025: a target is compact whatever it is shifted by."""


def test_a_difficulty_within_a_factor_of_four_of_the_day_before_is_believed():
    day, one = dt.date(2025, 3, 28), Decimal("113757508810854.0")
    assert validate_difficulty(day, FOUR, one, "table X") == FOUR
    assert validate_difficulty(day, one, FOUR, "table X") == one
    assert validate_difficulty(day, Decimal(1), None, "table X") == 1


@pytest.mark.parametrize(
    ("value", "previous"),
    [
        (Decimal(0), None),
        (Decimal(-1), None),
        (Decimal("NaN"), None),
        (Decimal("Infinity"), None),
        (Decimal("1e999999"), Decimal(100)),
        (FOUR, Decimal("113757508810853.0")),
        (Decimal("113757508810854.0"), Decimal("455030035243417")),
        (Decimal(1), Decimal("1e999999")),
        (Decimal(108_000_000_000_000), None),
        (Decimal("108e12"), Decimal("113757508810854.0")),
        (Decimal("0.5"), None),
    ],
)
def test_a_difficulty_that_the_network_cannot_have_had_is_refused_naming_date_and_table(value, previous):
    with pytest.raises(DifficultyError, match=r"2025-03-28 in table X") as caught:
        validate_difficulty(dt.date(2025, 3, 28), value, previous, "table X")
    assert str(value) in str(caught.value)


@pytest.mark.parametrize(("value", "previous"), [(Decimal(0), None), (FOUR, Decimal(1))])
def test_what_is_refused_is_told_with_the_command_that_mends_it(value, previous):
    with pytest.raises(DifficultyError, match=r"load it with `minerecon difficulty load FILE\.csv`$"):
        validate_difficulty(dt.date(2025, 3, 28), value, previous, "table X")


def test_what_is_off_by_the_tolerance_is_still_compact_and_what_is_off_by_more_is_not():
    assert is_compact(Decimal("1.000000001"))
    assert not is_compact(Decimal("1.0000000010000001"))


def test_a_value_that_is_no_compact_target_is_told_with_the_nearest_one():
    with pytest.raises(DifficultyError, match=r"the nearest is 107999734186174\.79; was it rounded\?"):
        validate_difficulty(dt.date(2025, 3, 28), Decimal(108_000_000_000_000), None, "table X")


mantissas = st.integers(0x8000, 0x7FFFFF)
exponents = st.integers(3, 29)


@given(mantissas, exponents)
def test_every_compact_target_is_its_own_nearest_as_an_exact_number_a_double_and_a_whole_number(mantissa, exponent):
    target = mantissa * 256 ** (exponent - 3)
    if target > LARGEST_TARGET:
        return
    exact = Context(prec=60).divide(Decimal(LARGEST_TARGET), Decimal(target))
    assert nearest_compact_difficulty(exact) == exact
    assert is_compact(exact)
    assert is_compact(Decimal(float(exact)))
    assert is_compact(Decimal(repr(float(exact))))
    if exact > 10**10:
        assert is_compact(exact.to_integral_value())


@given(mantissas, st.integers(3, 28), st.sampled_from([Decimal("1.2e-9"), Decimal("1e-8"), Decimal("2e-8")]))
def test_what_is_further_than_the_tolerance_from_every_compact_target_is_none(mantissa, exponent, off):
    wide = Context(prec=60)
    exact = wide.divide(Decimal(LARGEST_TARGET), Decimal(mantissa * 256 ** (exponent - 3)))
    for value in (wide.multiply(exact, 1 + off), wide.multiply(exact, 1 - off)):
        if value > 1:
            assert not is_compact(value)
            assert nearest_compact_difficulty(value) == exact


@given(st.decimals("0.0001", "1e60", allow_nan=False))
def test_the_nearest_is_nearer_than_its_neighbours(value):
    nearest = nearest_compact_difficulty(value)
    assert 1 <= nearest <= LARGEST_TARGET
    assert nearest_compact_difficulty(nearest) == nearest
    if 1 < value < Decimal("1e55"):
        assert abs(nearest / value - 1) <= Decimal(1) / 0x8000, "neighbours are at most a 32,768th apart"


RETARGETS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "difficulty_retargets.csv"


@pytest.mark.skipif(not RETARGETS.exists(), reason="../shared/data/difficulty_retargets.csv is missing")
def test_every_retarget_since_2018_is_a_compact_target_and_none_took_less_than_is_carried_before_a_gap():
    found = read_retargets(RETARGETS)
    assert len(found) > 230
    assert found.refused == []
    assert all(r.difficulty is not None for r in found)
    for one, other in pairwise(found):
        assert other.height == one.height + BLOCKS_PER_RETARGET
        assert other.time_utc - one.time_utc > CARRIED_BEFORE_A_GAP
    assert days_between(values_by_day(found)) == []
    assert {round(r.difficulty) for r in found if not is_compact(Decimal(round(r.difficulty)))} == set()


def test_three_days_before_the_last_difficulty_that_is_known_somebody_is_told():
    assert WARN_AHEAD_DAYS == 3
