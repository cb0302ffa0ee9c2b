"""Settlement periods as a user writes them."""

from __future__ import annotations

import pytest

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.core.periods import parse_periods


def test_spans_and_lists_are_understood_and_nothing_means_all() -> None:
    assert parse_periods("44-48") == frozenset(range(44, 49))
    assert parse_periods("1, 12,24-25") == {1, 12, 24, 25}
    assert parse_periods("1-50") == frozenset(range(1, 51))
    assert parse_periods("50") == {50}
    assert parse_periods(" ") is None


@pytest.mark.parametrize("text", ["0", "51", "5-3", "a", "1,,2", "1-", "48-52"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError, match="44-48 or 1,12,24"):
        parse_periods(text)
