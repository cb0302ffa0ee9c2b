"""The words for how a day stands: one list, in one order."""

from __future__ import annotations

from minerecon_dagster.core.statuses import MEANINGS, STATUSES, UNAVAILABLE, table


def test_the_words_are_listed_from_the_best_to_the_worst_and_each_has_its_line_in_the_docs() -> None:
    assert tuple(MEANINGS) == STATUSES
    assert (STATUSES[0], STATUSES[-1]) == ("complete", "missing")
    assert UNAVAILABLE in STATUSES
    assert table().splitlines()[2:] == [f"| {word} | {MEANINGS[word]} |" for word in STATUSES]
