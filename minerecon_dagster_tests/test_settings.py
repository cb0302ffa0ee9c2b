"""The environment: defaults, and one clear line for a bad value."""

from __future__ import annotations

import pytest

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.settings import Settings


def test_everything_has_a_default_and_an_empty_value_is_none() -> None:
    settings = Settings.from_environ({"DATABASE_URL": " ", "PORT": ""})
    assert settings.database_url is None
    assert settings.elexon_base_url == "https://data.elexon.co.uk/bmrs/api/v1"
    assert settings.elexon_max_requests_per_minute == 1200
    assert settings.elexon_stack_sides == ("bid", "offer")
    assert settings.start_date.isoformat() == "2022-01-01"
    assert settings.port == 3000
    assert settings.archive_url == str(settings.home / "archive")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_any_of_the_usual_schemes_names_the_driver(scheme: str) -> None:
    settings = Settings.from_environ({"DATABASE_URL": f"{scheme}://u:p@h/d"})
    assert settings.database_url == "postgresql+psycopg2://u:p@h/d"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "mysql://u:hush@h/d"),
        ("DAGSTER_POSTGRES_URL", "sqlite:///x?hush"),
        ("ELEXON_BASE_URL", "data.elexon.co.uk"),
        ("ELEXON_MAX_REQUESTS_PER_MINUTE", "-1"),
        ("ELEXON_MAX_REQUESTS_PER_MINUTE", "many"),
        ("ELEXON_STACK_SIDES", "offer"),
        ("ELEXON_STACK_SIDES", "bid,ask"),
        ("MINERECON_ARCHIVE_URL", "s3://"),
        ("MINERECON_ARCHIVE_URL", "ftp://host/x"),
        ("MINERECON_START_DATE", "1st of May"),
        ("PORT", "0"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_variable(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ({variable: value})
    assert variable in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hush" not in str(caught.value)


def test_bid_alone_halves_the_calls() -> None:
    assert Settings.from_environ({"ELEXON_STACK_SIDES": "bid"}).elexon_stack_sides == ("bid",)
