"""The environment variables of the project, read when something runs and checked in one place.

Nothing here is read at import. A bad value is a `ConfigurationError` of one line that names the
variable, what it holds and what it should hold.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from minerecon_dagster.core.calendar import STACK_SIDES, StackSide
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.decisions.days import FILE as DEFAULT_WAIVERS_FILE

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DEFAULT_ELEXON_BASE_URL = "https://data.elexon.co.uk/bmrs/api/v1"
DEFAULT_PRICE_BASE_URL = "https://api.exchange.coinbase.com"
DEFAULT_MAX_REQUESTS_PER_MINUTE = 1200
DEFAULT_START_DATE = dt.date(2022, 1, 1)
DEFAULT_PORT = 3000
DEFAULT_ANALYST_MAX_SECONDS = 300
DEFAULT_RECONCILE_DAYS = 2
DEFAULT_RECONCILE_ATTEMPTS = 3
DEFAULT_RECONCILE_MOST_DAYS = 31
DEFAULT_AUDIT_DAYS = 10
_POSTGRES_URL = re.compile(r"^(postgres|postgresql|postgresql\+psycopg2)://")


def postgres_url(text: str, variable: str) -> str:
    """``text`` as a URL that names its driver, ``postgresql+psycopg2://…``.

    SQLAlchemy refuses ``postgres://``, and from 2.1 takes ``postgresql://`` for another driver.

    Raises:
        ConfigurationError: it is no PostgreSQL URL. The message never repeats the URL: it may hold a password.
    """
    if not _POSTGRES_URL.match(text):
        raise ConfigurationError(f"{variable} must be a URL that begins with postgresql://")
    return _POSTGRES_URL.sub("postgresql+psycopg2://", text, count=1)


@dataclass(frozen=True)
class Settings:
    """Every setting, typed. ``None`` for a service means: the embedded one."""

    database_url: str | None
    dagster_postgres_url: str | None
    elexon_base_url: str
    elexon_max_requests_per_minute: int
    elexon_stack_sides: tuple[StackSide, ...]
    price_base_url: str
    difficulty_table: str | None
    archive_url: str
    waivers_file: Path
    home: Path
    start_date: dt.date
    port: int
    postgres_port: int | None
    analyst_password: str | None = field(repr=False)
    analyst_max_seconds: int
    ui_url: str
    reports_url: str | None
    alert_webhook_url: str | None = field(repr=False)
    heartbeat_url: str | None = field(repr=False)
    reconcile_days: int
    reconcile_attempts: int
    reconcile_most_days: int
    audit_days: int

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read and check all variables; an empty one counts as not set.

        Raises:
            ConfigurationError: naming the first variable that does not hold what it should.
        """
        source = os.environ if environ is None else environ
        env = {k: v.strip() for k, v in source.items() if v.strip()}
        home = Path(env.get("MINERECON_HOME", str(PROJECT_ROOT / ".minerecon"))).expanduser().absolute()
        port = _whole(env, "PORT", DEFAULT_PORT, 1, 65535)
        return cls(
            database_url=_optional_postgres(env, "DATABASE_URL"),
            dagster_postgres_url=_optional_postgres(env, "DAGSTER_POSTGRES_URL"),
            elexon_base_url=_http_url(env, "ELEXON_BASE_URL", DEFAULT_ELEXON_BASE_URL),
            elexon_max_requests_per_minute=_whole(
                env, "ELEXON_MAX_REQUESTS_PER_MINUTE", DEFAULT_MAX_REQUESTS_PER_MINUTE, 0, 1_000_000
            ),
            elexon_stack_sides=_sides(env),
            price_base_url=_http_url(env, "BITCOIN_PRICE_BASE_URL", DEFAULT_PRICE_BASE_URL),
            difficulty_table=env.get("DYNAMODB_DIFFICULTY_TABLE"),
            archive_url=_archive(env, home),
            waivers_file=_waivers(env),
            home=home,
            start_date=start_date(env),
            port=port,
            postgres_port=_whole(env, "MINERECON_POSTGRES_PORT", 0, 0, 65535) or None,
            analyst_password=env.get("MINERECON_ANALYST_PASSWORD"),
            analyst_max_seconds=_whole(env, "MINERECON_ANALYST_MAX_SECONDS", DEFAULT_ANALYST_MAX_SECONDS, 1, 86_400),
            ui_url=_http_url(env, "MINERECON_UI_URL", f"http://127.0.0.1:{port}"),
            reports_url=_reports(env, _archive(env, home), port),
            alert_webhook_url=alert_webhook_url(env),
            heartbeat_url=_secret_url(env, "MINERECON_HEARTBEAT_URL"),
            reconcile_days=_whole(env, "MINERECON_RECONCILE_DAYS", DEFAULT_RECONCILE_DAYS, 1, 366),
            reconcile_attempts=_whole(env, "MINERECON_RECONCILE_ATTEMPTS", DEFAULT_RECONCILE_ATTEMPTS, 1, 1000),
            reconcile_most_days=_whole(env, "MINERECON_RECONCILE_MOST_DAYS", DEFAULT_RECONCILE_MOST_DAYS, 1, 10_000),
            audit_days=_whole(env, "MINERECON_AUDIT_DAYS", DEFAULT_AUDIT_DAYS, 1, 366),
        )


def start_date(environ: Mapping[str, str] | None = None) -> dt.date:
    """``MINERECON_START_DATE``, the first daily partition.

    Raises:
        ConfigurationError: not a date.
    """
    env = os.environ if environ is None else environ
    text = env.get("MINERECON_START_DATE", "").strip()
    if not text:
        return DEFAULT_START_DATE
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"MINERECON_START_DATE must be a date as in 2022-01-01, not {text!r}") from None


def alert_webhook_url(environ: Mapping[str, str] | None = None) -> str | None:
    """``MINERECON_ALERT_WEBHOOK_URL``; by itself for whoever must tell that the other settings cannot be read.

    Raises:
        ConfigurationError: not an http or https URL.
    """
    env = {k: v.strip() for k, v in (os.environ if environ is None else environ).items() if v.strip()}
    return _secret_url(env, "MINERECON_ALERT_WEBHOOK_URL")


def _reports(env: Mapping[str, str], archive_url: str, port: int) -> str | None:
    """Where the pages of reports open; of a folder without another word, where `minerecon ui` serves it."""
    if "MINERECON_REPORTS_URL" in env:
        return _http_url(env, "MINERECON_REPORTS_URL", "")
    return None if archive_url.startswith("s3://") else f"http://127.0.0.1:{port + 1}"


def _optional_postgres(env: Mapping[str, str], variable: str) -> str | None:
    return postgres_url(env[variable], variable) if variable in env else None


def _http_url(env: Mapping[str, str], variable: str, default: str) -> str:
    text = env.get(variable, default).rstrip("/")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigurationError(f"{variable} must be an http or https URL, not {text!r}")
    return text


def _secret_url(env: Mapping[str, str], variable: str) -> str | None:
    if variable not in env:
        return None
    try:
        _http_url(env, variable, "")
    except (ConfigurationError, ValueError):
        # Whoever knows the URL can post or ping: it is never repeated.
        raise ConfigurationError(f"{variable} must be an http or https URL") from None
    return env[variable]


def _whole(env: Mapping[str, str], variable: str, default: int, least: int, most: int) -> int:
    text = env.get(variable, str(default))
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise ConfigurationError(f"{variable} must be a whole number from {least} to {most}, not {text!r}")
    return int(text)


def _sides(env: Mapping[str, str]) -> tuple[StackSide, ...]:
    text = env.get("ELEXON_STACK_SIDES", "bid,offer")
    asked = {part.strip() for part in text.split(",")}
    if "bid" not in asked or not asked <= set(STACK_SIDES):
        raise ConfigurationError(f"ELEXON_STACK_SIDES must be bid,offer or bid, not {text!r}")
    return tuple(side for side in STACK_SIDES if side in asked)


def _waivers(env: Mapping[str, str]) -> Path:
    path = Path(env.get("MINERECON_WAIVERS", str(DEFAULT_WAIVERS_FILE))).expanduser().absolute()
    if not path.is_file():
        raise ConfigurationError(f"MINERECON_WAIVERS must be a file of waivers, and {path} is none")
    return path


def _archive(env: Mapping[str, str], home: Path) -> str:
    text = env.get("MINERECON_ARCHIVE_URL")
    if text is None:
        return str(home / "archive")
    if text.startswith("s3://"):
        if not urlsplit(text).netloc:
            raise ConfigurationError(f"MINERECON_ARCHIVE_URL must be as s3://bucket/prefix, not {text!r}")
        return text.rstrip("/")
    if "://" in text:
        raise ConfigurationError(f"MINERECON_ARCHIVE_URL must be a folder or s3://bucket/prefix, not {text!r}")
    return str(Path(text).expanduser().absolute())
