"""What errors say, in one line."""

from __future__ import annotations

import pytest

from minerecon_dagster.core.errors import ConfigurationError, DamagedError, TransientSourceError, one_line
from minerecon_dagster.core.printable import shown_url


class FromDatabaseError(Exception):
    orig = ValueError("duplicate key\n  DETAIL:  a day")


def test_of_a_databases_error_one_line_says_what_the_server_said_and_of_others_what_they_say() -> None:
    assert one_line(FromDatabaseError("the statement")) == "duplicate key DETAIL: a day"
    assert one_line(ValueError("two\n  lines")) == "two lines"


@pytest.mark.parametrize(
    ("status", "attempts", "says"),
    [
        (503, 4, "GET http://elexon/x: HTTP 503 (status 503, 4 attempts); try later"),
        (None, 1, "GET http://elexon/x: refused (status none, 1 attempt); try later"),
        (None, 2, "GET http://elexon/x: refused (status none, 2 attempts); try later"),
    ],
)
def test_an_error_of_the_source_says_what_was_asked_what_came_and_what_to_do(
    status: int | None, attempts: int, says: str
) -> None:
    problem = f"HTTP {status}" if status else "refused"
    error = TransientSourceError(
        problem, method="GET", url="http://elexon/x", status=status, attempts=attempts, remedy="try later"
    )
    assert str(error) == says
    assert (error.problem, error.method, error.url) == (problem, "GET", "http://elexon/x")
    assert (error.status, error.attempts, error.remedy) == (status, attempts, "try later")


def test_an_error_of_the_source_shows_the_beginning_of_a_long_url_and_has_it_whole() -> None:
    url = f"http://elexon/x?{'u' * 4_000}"
    error = TransientSourceError("refused", method="GET", url=url, status=None, attempts=1, remedy="try later")
    assert str(error) == f"GET {shown_url(url)}: refused (status none, 1 attempt); try later"
    assert len(str(error)) < 400
    assert error.url == url


def test_our_own_errors_say_what_they_say_whatever_stood_behind_them() -> None:
    error = ConfigurationError("ours")
    error.orig = ValueError("theirs")  # type: ignore[attr-defined]
    assert one_line(error) == "ours"


def test_a_damaged_object_says_which_what_and_what_to_do() -> None:
    error = DamagedError("file:///a/b", "its bytes are others", "fetch the day again")
    assert (error.problem, error.remedy) == ("its bytes are others", "fetch the day again")
    assert str(error) == "file:///a/b: its bytes are others; fetch the day again"
