"""The words for how a day stands: one list, in one order."""

from __future__ import annotations

from minerecon_dagster.core.statuses import IN_PART, MEANINGS, STATUSES, UNAVAILABLE, table


def test_the_words_are_listed_from_the_best_to_the_worst_and_each_has_its_line_in_the_docs() -> None:
    assert tuple(MEANINGS) == STATUSES
    assert (STATUSES[0], STATUSES[-1]) == ("complete", "missing")
    assert UNAVAILABLE in STATUSES
    assert table().splitlines()[2:] == [f"| {word} | {MEANINGS[word]} |" for word in STATUSES]


def test_a_day_that_is_incomplete_or_fails_may_lack_half_hours_and_no_other_that_is_stored_whole() -> None:
    assert IN_PART == ("incomplete", "failing")
    assert set(IN_PART) <= set(STATUSES)
