"""The made-up warehouse as an analyst asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster_tests.forty_days import stored as stored

Ask = Callable[..., list[Any]]


@pytest.fixture
def ask(stored: Engine) -> Iterator[Ask]:
    """Ask the made-up warehouse as an analyst does; what it answers, row by row."""
    with stored.connect() as connection:
        connection.execute(text("SET ROLE NONE"))
        connection.execute(text("GRANT minerecon_analyst TO CURRENT_USER"))
        connection.execute(text("SET ROLE minerecon_analyst"))

        def asked(sql: str, **parameters: object) -> list[Any]:
            return list(connection.execute(text(sql), parameters))

        yield asked
        connection.rollback()
