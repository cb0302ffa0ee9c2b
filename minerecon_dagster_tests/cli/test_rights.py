"""What is not there or not allowed of services of one's own: exit code 2, one line with the remedy, and no alert."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import psycopg2
import pytest

from minerecon_dagster_tests.cli.conftest import Ran
from minerecon_dagster_tests.fake_s3 import fake_s3
from minerecon_dagster_tests.project import DAY

Run = Callable[..., Ran]


@pytest.fixture
def statuses(environ: dict[str, str]) -> Callable[[], list[str]]:
    """The statuses of the runs that were recorded since the fixture was made, in their order."""

    def read(after: int) -> list[tuple[int, str]]:
        with contextlib.closing(psycopg2.connect(environ["DAGSTER_POSTGRES_URL"])) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT id, status FROM runs WHERE id > %s ORDER BY id", (after,))
            return list(cursor.fetchall())

    try:
        before = max((number for number, _ in read(0)), default=0)
    except psycopg2.errors.UndefinedTable:
        before = 0
    return lambda: [status for _, status in read(before)]


def one_line(ran: Ran) -> str:
    """The message, where it is the only one of its kind; no class of somebody else's code is in it."""
    assert ran.code == 2, ran.err
    (said,) = [line for line in ran.err.splitlines() if line.startswith("minerecon: ")]
    for foreign in ("Traceback", "botocore", "psycopg2", "sqlalchemy", "dagster._core"):
        assert foreign not in ran.err
    return said


def test_a_bucket_that_is_not_there(minerecon: Run, statuses: Callable[[], list[str]]) -> None:
    with fake_s3() as store:
        place = {"MINERECON_ARCHIVE_URL": "s3://nowhere/x", "AWS_ENDPOINT_URL_S3": store.url}
        for command in (["reingest", str(DAY)], ["verify", str(DAY)]):
            assert "there is no bucket nowhere; make it (aws s3api" in one_line(minerecon(*command, **place))
    # Cancelled: alerts tell of failures alone.
    assert set(statuses()) == {"CANCELED"}


def test_a_right_to_the_bucket_that_lacks(minerecon: Run, statuses: Callable[[], list[str]]) -> None:
    with fake_s3() as store:
        store.denied = {"put"}
        place = {"MINERECON_ARCHIVE_URL": "s3://b/x", "AWS_ENDPOINT_URL_S3": store.url}
        said = one_line(minerecon("reingest", str(DAY), **place))
    assert "s3:PutObject is refused (Access Denied)" in said
    assert statuses() == ["CANCELED"]


def test_a_difficulty_table_that_is_not_there(minerecon: Run, statuses: Callable[[], list[str]]) -> None:
    said = one_line(minerecon("reingest", str(DAY), DYNAMODB_DIFFICULTY_TABLE="no-such-table"))
    assert "is not there; make it by `minerecon difficulty create-table`" in said
    assert statuses() == ["CANCELED"]


def test_a_difficulty_table_is_made_by_one_command_that_may_be_repeated(minerecon: Run) -> None:
    made = minerecon("difficulty", "create-table", DYNAMODB_DIFFICULTY_TABLE="of-a-test")
    assert (made.code, made.out) == (0, "of-a-test: made\n"), made.err
    again = minerecon("difficulty", "create-table", DYNAMODB_DIFFICULTY_TABLE="of-a-test")
    assert (again.code, again.out) == (0, "of-a-test: is there already\n")


def test_which_table_to_make_is_never_guessed(minerecon: Run) -> None:
    assert "DYNAMODB_DIFFICULTY_TABLE" in one_line(
        minerecon("difficulty", "create-table", DYNAMODB_DIFFICULTY_TABLE="")
    )
