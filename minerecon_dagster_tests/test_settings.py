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
    assert settings.price_base_url == "https://api.exchange.coinbase.com"
    assert settings.start_date.isoformat() == "2022-01-01"
    assert settings.port == 3000
    assert settings.archive_url == str(settings.home / "archive")
    assert settings.waivers_file.name == "waivers.toml"
    assert settings.waivers_file.is_file()


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
        ("BITCOIN_PRICE_BASE_URL", "api.exchange.coinbase.com"),
        ("ELEXON_STACK_SIDES", "bid,ask"),
        ("MINERECON_WAIVERS", "/nowhere/waivers.toml"),
        ("MINERECON_ARCHIVE_URL", "s3://"),
        ("MINERECON_ARCHIVE_URL", "ftp://host/x"),
        ("MINERECON_START_DATE", "1st of May"),
        ("PORT", "0"),
        ("MINERECON_RECONCILE_DAYS", "0"),
        ("MINERECON_RECONCILE_ATTEMPTS", "often"),
        ("MINERECON_RECONCILE_MOST_DAYS", "0"),
        ("MINERECON_AUDIT_DAYS", "367"),
        ("MINERECON_POSTGRES_PORT", "65536"),
        ("MINERECON_ANALYST_MAX_SECONDS", "0"),
        ("MINERECON_ANALYST_MAX_SECONDS", "5 min"),
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


def test_the_analysts_password_is_in_no_representation_of_the_settings() -> None:
    settings = Settings.from_environ({"MINERECON_ANALYST_PASSWORD": "hush"})
    assert settings.analyst_password == "hush"
    assert "hush" not in repr(settings)


def test_the_embedded_servers_port_is_any_and_analysts_have_five_minutes_unless_said_otherwise() -> None:
    settings = Settings.from_environ({})
    assert settings.postgres_port is None
    assert settings.analyst_max_seconds == 300
    assert Settings.from_environ({"MINERECON_POSTGRES_PORT": "5433"}).postgres_port == 5433
