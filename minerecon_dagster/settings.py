"""The settings of the project: environment variables, each declared once, read when something runs.

A setting is one line of `Settings`: its variable, what it may hold, what it means, its default. Reading it, the
message of a bad value, ``.env.example`` and docs/operate/settings.md are made from that. Nothing is read at import.

The module takes a tenth of a second to import: what must be quick imports it where it reads a setting.
"""

from __future__ import annotations

import datetime as dt
import difflib
import os
import re
import textwrap
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from minerecon_dagster.core.calendar import STACK_SIDES, StackSide
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.decisions.reader import WAIVERS_FILE

PROJECT_ROOT = Path(__file__).resolve().parent.parent
"""The project's folder; of an installed package, some folder of Python's, which is nobody's to write in."""
_POSTGRES_URL = re.compile(r"^(postgres|postgresql|postgresql\+psycopg2)://")
_MAY_HOLD_A_SECRET = re.compile(r"^(?![/.~]).*[@?]", re.S)
"""A text that may be a URL with a password or a token, whatever the variable is meant for; no plain path is."""


@dataclass(frozen=True)
class Kind:
    """What a variable may hold.

    Args:
        words: "must be …".
        read: makes the value of a text without blanks around it; raises `UnfitError`.
        is_path: it may hold a path, which is relative to the folder of the command.
        is_secret: it is a secret, or holds one: it is in no message and in no representation.
    """

    words: str
    read: Callable[[str], Any] = str
    is_path: bool = False
    is_secret: bool = False


class UnfitError(ValueError):
    """A text is not of its kind.

    Args:
        found: what it is instead, as in "not 'x'"; left out where the variable may hold a secret.
        wanted: what it should be; empty for the words of the kind.
    """

    def __init__(self, found: str, wanted: str = "") -> None:
        super().__init__(wanted)
        self.found = found
        self.wanted = wanted


@dataclass(frozen=True)
class Variable:
    """An environment variable, but for its default.

    Args:
        name: as in the environment.
        kind: what it may hold.
        meaning: one or two sentences, for the documentation.
        unit: of a number.
        default: the default in words, where its value does not say it.
        example: for ``.env.example``, where the default is none.
        is_address: it says where a process reads and writes, or from when on: all processes must have the same.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    default: str = ""
    example: str = ""
    is_address: bool = False


def whole(least: int, most: int) -> Kind:
    """A whole number within bounds, in plain digits."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise UnfitError(f"not {text!r}")
        return int(text)

    return Kind(f"a whole number from {least} to {most}", read)


class SourceUrl(str):
    """The address of a source, without the credentials that stood in it: it may be shown and stored.

    Args:
        text: the address.
        credentials: name and password that stood in it; None where there were none.
    """

    __slots__ = ("credentials",)
    credentials: tuple[str, str] | None

    def __new__(cls, text: str, credentials: tuple[str, str] | None = None) -> Self:
        """Keep both."""
        made = super().__new__(cls, text)
        made.credentials = credentials
        return made


def _read_http_url(text: str) -> str:
    text = text.rstrip("/")
    parts = _split(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UnfitError(f"not {text!r}")
    return text


def _read_source_url(text: str) -> SourceUrl:
    parts = _split(_read_http_url(text))
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
    if parts.username is None:
        return SourceUrl(place)
    return SourceUrl(place, (unquote(parts.username), unquote(parts.password or "")))


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise UnfitError(f"not {text!r}") from None
    return parts


def _read_secret_url(text: str) -> str:
    _read_http_url(text)
    return text


def _read_postgres_url(text: str) -> str:
    if not _POSTGRES_URL.match(text):
        raise UnfitError(f"not {text!r}")
    url = _POSTGRES_URL.sub("postgresql+psycopg2://", text, count=1)
    from sqlalchemy import make_url  # not to be loaded by what needs no warehouse

    try:
        make_url(url)
    except ValueError:  # SQLAlchemy's for a port that is no number
        raise UnfitError(f"not {text!r}") from None
    return url


def _read_date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UnfitError(f"not {text!r}") from None


def _read_sides(text: str) -> tuple[StackSide, ...]:
    asked = {part.strip() for part in text.split(",")}
    if "bid" not in asked or not asked <= set(STACK_SIDES):
        raise UnfitError(f"not {text!r}")
    return tuple(side for side in STACK_SIDES if side in asked)


def _read_embedded(text: str) -> str:
    if text not in ("auto", "never"):
        raise UnfitError(f"not {text!r}")
    return text


def _read_switch(text: str) -> bool:
    if text not in ("0", "1"):
        raise UnfitError(f"not {text!r}")
    return text == "1"


def _read_waivers(text: str) -> Path:
    path = _read_folder(text)
    if not path.is_file():
        raise UnfitError(f"and {path} is none")
    return path


def _read_folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _read_bucket(text: str) -> str:
    if not text.startswith("s3://") or not _split(text).netloc:
        raise UnfitError(f"not {text!r}")
    return text.rstrip("/")


def _read_archive(text: str) -> str:
    if text.startswith("s3://"):
        try:
            return _read_bucket(text)
        except UnfitError as error:
            raise UnfitError(error.found, "as s3://bucket/prefix") from None
    if "://" in text:
        raise UnfitError(f"not {text!r}")
    return str(_read_folder(text))


def _read_origins(text: str) -> tuple[str, ...]:
    found = tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())
    if not all(re.fullmatch(r"https?://[^/\s@?#]+", origin) for origin in found):
        raise UnfitError(f"not {text!r}")
    return found


def _read_hosts(text: str) -> tuple[str, ...]:
    found = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    if not all(re.fullmatch(r"[a-z0-9.-]+", host) for host in found):
        raise UnfitError(f"not {text!r}")
    return found


TEXT = Kind("a text")
SECRET = Kind("a text", is_secret=True)
FOLDER = Kind("a folder", _read_folder, is_path=True)
WAIVERS = Kind("a file of waivers", _read_waivers, is_path=True)
ARCHIVE = Kind("a folder or s3://bucket/prefix", _read_archive, is_path=True)
EMBEDDED = Kind("auto or never", _read_embedded)
BUCKET = Kind("s3://bucket/prefix", _read_bucket)
DATE = Kind("a date as in 2022-01-01", _read_date)
SIDES = Kind("bid,offer or bid", _read_sides)
SWITCH = Kind("1 or 0", _read_switch)
HTTP_URL = Kind("an http or https URL", _read_http_url)
SOURCE_URL = Kind("an http or https URL", _read_source_url)
"""Credentials in it are split off: `SourceUrl`."""
SECRET_URL = Kind("an http or https URL", _read_secret_url, is_secret=True)
"""Kept to the letter: whoever is asked by it knows it so."""
ORIGINS = Kind("origins as https://maps.example.com, by comma", _read_origins)
HOSTS = Kind("names of hosts, by comma", _read_hosts)
POSTGRES_URL = Kind("a URL that begins with postgresql://", _read_postgres_url, is_secret=True)
"""Made to name its driver: SQLAlchemy refuses ``postgres://``, and from 2.1 takes ``postgresql://`` for another."""


class Settings(BaseSettings):
    """Every setting, typed. ``None`` for a service means: the embedded one.

    `model_fields_set` says which of them the environment holds.
    """

    model_config = SettingsConfigDict(
        frozen=True, validate_default=False, hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    database_url: Annotated[
        str | None,
        Variable(
            "DATABASE_URL",
            POSTGRES_URL,
            "The warehouse; PostgreSQL 15 or later. As a login that can only be the pipeline, or as its owner.",
            default="an embedded PostgreSQL",
            example="postgresql://minerecon_worker:secret@db.example.com:5432/minerecon",
            is_address=True,
        ),
    ] = None
    owner_database_url: Annotated[
        str | None,
        Variable(
            "MINERECON_OWNER_DATABASE_URL",
            POSTGRES_URL,
            "The same warehouse, as its owner: `minerecon db upgrade` alone uses it, and lets the login of "
            "DATABASE_URL be the pipeline. Not for the environment of what runs all day.",
            default="DATABASE_URL",
            example="postgresql://minerecon_owner:secret@db.example.com:5432/minerecon",
        ),
    ] = None
    dagster_postgres_url: Annotated[
        str | None,
        Variable(
            "DAGSTER_POSTGRES_URL",
            POSTGRES_URL,
            "Dagster's own storage.",
            default="another database of the embedded PostgreSQL",
            example="postgresql://dagster:secret@db.example.com:5432/dagster",
            is_address=True,
        ),
    ] = None
    elexon_base_url: Annotated[
        SourceUrl,
        Variable(
            "ELEXON_BASE_URL",
            SOURCE_URL,
            "Elexon's Insights API, or what answers like it. A name and a password in it are sent, and never shown or "
            "stored.",
            is_address=True,
        ),
    ] = SourceUrl("https://data.elexon.co.uk/bmrs/api/v1")
    elexon_max_requests_per_minute: Annotated[
        int,
        Variable(
            "ELEXON_MAX_REQUESTS_PER_MINUTE",
            whole(0, 1_000_000),
            "Request starts in any 60 s, over all processes and hosts that work on one warehouse; 0 lifts the limit.",
            unit="requests a minute",
        ),
    ] = 1200
    elexon_stack_sides: Annotated[
        tuple[StackSide, ...],
        Variable(
            "ELEXON_STACK_SIDES",
            SIDES,
            "Sides of the settlement stack. bid halves the calls; the whole-day control total of the offers still "
            "watches for what would be missed.",
        ),
    ] = STACK_SIDES
    elexon_potential: Annotated[
        bool,
        Variable(
            "ELEXON_POTENTIAL",
            SWITCH,
            "Whether the wind units' physical notifications (PN: one request a day) and metered output (B1610) are "
            "asked for; 0: neither is, and what is held of them stays.",
            default="1",
        ),
    ] = True
    metered_calls_per_run: Annotated[
        int,
        Variable(
            "ELEXON_METERED_CALLS_PER_RUN",
            whole(1, 10_000),
            "So many requests for metered output (B1610) a run makes at most.",
            unit="requests",
        ),
    ] = 30
    price_base_url: Annotated[
        SourceUrl,
        Variable(
            "BITCOIN_PRICE_BASE_URL",
            SOURCE_URL,
            "Daily prices of Bitcoin in GBP: Coinbase Exchange's public candles, or what answers like it.",
            is_address=True,
        ),
    ] = SourceUrl("https://api.exchange.coinbase.com")
    difficulty_table: Annotated[
        str | None,
        Variable(
            "DYNAMODB_DIFFICULTY_TABLE",
            TEXT,
            "Name a table, and the real DynamoDB is used, with boto3's own credentials.",
            default="a table of an embedded DynamoDB",
            example="bitcoin-difficulty",
            is_address=True,
        ),
    ] = None
    aws_region: Annotated[
        str | None,
        Variable(
            "AWS_REGION",
            TEXT,
            "Of the table and of the archive's bucket.",
            default="what boto3 finds",
            example="eu-west-2",
        ),
    ] = None
    home: Annotated[
        Path,
        Variable(
            "MINERECON_HOME",
            FOLDER,
            "Everything that a local stack writes.",
            default=".minerecon in the project's folder; of an installed package, minerecon in the user's data folder "
            "(~/.local/share)",
            example=".minerecon",
            is_address=True,
        ),
    ] = Field(default_factory=lambda: _default_home())
    embedded: Annotated[
        str,
        Variable(
            "MINERECON_EMBEDDED",
            EMBEDDED,
            "Whether embedded services stand in for what is not named: with never, a variable that was forgotten is an "
            "error.",
        ),
    ] = "auto"
    logs_url: Annotated[
        str | None,
        Variable(
            "MINERECON_LOGS_URL",
            BUCKET,
            "Where what runs print is kept, for whoever reads it in Dagster's UI: a bucket, where runs are on other "
            "hosts or in containers.",
            default="a folder under MINERECON_HOME",
            example="s3://my-bucket/logs",
        ),
    ] = None
    archive_url: Annotated[
        str,
        Variable(
            "MINERECON_ARCHIVE_URL",
            ARCHIVE,
            "Raw answers, exports and reports.",
            default="archive under MINERECON_HOME",
            example="s3://my-bucket/minerecon",
            is_address=True,
        ),
    ] = Field(default_factory=lambda read: str(read["home"] / "archive"))
    waivers_file: Annotated[
        Path,
        Variable(
            "MINERECON_WAIVERS",
            WAIVERS,
            "Deviations that a person has accepted for a time, and days that are closed (docs/operate/checks.md).",
            default="the package's own, minerecon_dagster/decisions/waivers.toml, which has none",
            example="waivers.toml",
        ),
    ] = WAIVERS_FILE
    start_date: Annotated[
        dt.date,
        Variable(
            "MINERECON_START_DATE",
            DATE,
            "The first daily partition; reload the code location after a change.",
            is_address=True,
        ),
    ] = dt.date(2022, 1, 1)
    postgres_port: Annotated[
        int | None,
        Variable(
            "MINERECON_POSTGRES_PORT",
            Kind(whole(0, 65_535).words, lambda text: whole(0, 65_535).read(text) or None),
            "Of the embedded PostgreSQL, on 127.0.0.1, for tools that keep an address; 0 is any free one.",
            default="any free one",
            example="5433",
        ),
    ] = None
    analyst_password: Annotated[
        str | None,
        Variable(
            "MINERECON_ANALYST_PASSWORD",
            SECRET,
            "With which analysts log in; set by `minerecon db upgrade`.",
            default="none: they log in as the server lets them otherwise",
        ),
    ] = None
    analyst_max_seconds: Annotated[
        int,
        Variable(
            "MINERECON_ANALYST_MAX_SECONDS",
            whole(1, 86_400),
            "The watchdog ends an analyst's statement after so long, and a transaction after twice as long.",
            unit="seconds",
        ),
    ] = 300
    port: Annotated[int, Variable("PORT", whole(1, 65_535), "Of the UI; the next one: dashboard and reports.")] = 3000
    ui_url: Annotated[
        str,
        Variable(
            "MINERECON_UI_URL",
            HTTP_URL,
            "Base of the links to runs in alerts and of the dashboard's link to Dagster, as people reach the UI.",
            default="http://127.0.0.1:PORT",
            example="https://dagster.example.com",
        ),
    ] = Field(default_factory=lambda read: f"http://127.0.0.1:{read['port']}")
    reports_url: Annotated[
        str | None,
        Variable(
            "MINERECON_REPORTS_URL",
            HTTP_URL,
            "Where people reach what is under reports/ in the archive, for the links in the UI.",
            default="where `make ui` serves a folder; none of a bucket",
            example="https://reports.example.com",
        ),
    ] = Field(default_factory=lambda read: _reports_of(read["archive_url"], read["port"]))
    dashboard_url: Annotated[
        str | None,
        Variable(
            "MINERECON_DASHBOARD_URL",
            HTTP_URL,
            "Where people reach the dashboard, for the links in Dagster's UI.",
            default="where `make ui` serves it",
            example="https://curtailment.example.com",
        ),
    ] = None
    alert_webhook_url: Annotated[
        str | None,
        Variable(
            "MINERECON_ALERT_WEBHOOK_URL",
            SECRET_URL,
            'A Slack-compatible webhook for alerts: it is posted `{"text": "…"}`. Whoever knows the URL can post.',
            default="none: messages go to the log, at ERROR or INFO",
            example="https://hooks.slack.com/services/…",
            is_address=True,
        ),
    ] = None
    heartbeat_url: Annotated[
        str | None,
        Variable(
            "MINERECON_HEARTBEAT_URL",
            SECRET_URL,
            "A dead man's switch, asked for (GET) at the end of each healthy tick of the alerts: whoever watches it "
            "tells when it is not asked any more (docs/operate/alerts.md). Whoever knows the URL can ping.",
            default="none",
            example="https://hc-ping.com/…",
            is_address=True,
        ),
    ] = None
    api_database_url: Annotated[
        str | None,
        Variable(
            "MINERECON_API_DATABASE_URL",
            POSTGRES_URL,
            "The only address that `minerecon serve` reads: the warehouse, as a login of its own that may read and "
            "change nothing: `minerecon_api`.",
            default="the embedded warehouse, in `minerecon local -- minerecon serve`; none otherwise",
            example="postgresql://minerecon_api:secret@db.example.com:5432/minerecon",
        ),
    ] = None
    api_password: Annotated[
        str | None,
        Variable(
            "MINERECON_API_PASSWORD",
            SECRET,
            "With which the read API logs in as minerecon_api; set by `minerecon db upgrade`.",
            default="none: it logs in as the server lets it otherwise",
        ),
    ] = None
    serve_token: Annotated[
        str | None,
        Variable(
            "MINERECON_SERVE_TOKEN",
            SECRET,
            "Whoever asks the read API must have it: as Bearer, or as the password of HTTP Basic.",
            default="none: open to whoever reaches the port",
        ),
    ] = None
    serve_cors: Annotated[
        tuple[str, ...],
        Variable(
            "MINERECON_SERVE_CORS",
            ORIGINS,
            "Origins whose pages in a browser may read the API.",
            default="none",
            example="https://maps.example.com",
        ),
    ] = ()
    serve_hosts: Annotated[
        tuple[str, ...],
        Variable(
            "MINERECON_SERVE_HOSTS",
            HOSTS,
            "Names under which the read API is reached, beside localhost and plain addresses.",
            default="none",
            example="curtailment.example.com",
        ),
    ] = ()
    reconcile_days: Annotated[
        int,
        Variable(
            "MINERECON_RECONCILE_DAYS",
            whole(1, 366),
            "The days before today that `daily_reconciliation` looks at.",
            unit="days",
        ),
    ] = 2
    reconcile_attempts: Annotated[
        int,
        Variable(
            "MINERECON_RECONCILE_ATTEMPTS",
            whole(1, 1000),
            "Repairs in vain after which a day is left to a person.",
            unit="repairs",
        ),
    ] = 3
    reconcile_most_days: Annotated[
        int,
        Variable(
            "MINERECON_RECONCILE_MOST_DAYS",
            whole(1, 10_000),
            "Failing days that are tried again in a morning; days that a run of a schedule repairs.",
            unit="days",
        ),
    ] = 31
    audit_days: Annotated[
        int, Variable("MINERECON_AUDIT_DAYS", whole(1, 366), "The days that `weekly_audit` draws.", unit="days")
    ] = 10

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None, *, only: Collection[str] | None = None) -> Self:
        """Read and check all variables; an empty one counts as not set.

        Args:
            environ: environment variables; by default this process's.
            only: fields, for whoever must go on though other settings are wrong; all others have their defaults.

        Raises:
            ConfigurationError: one line that names the first variable that does not hold what it should, what it
                should hold, and, where it can be no secret, what it holds.
        """
        source = _Environment(cls, os.environ if environ is None else environ, only)
        try:
            return cls(_build_sources=((source,), {}))  # type: ignore[call-arg]  # of the base, which is hidden by the fields
        except ValidationError as error:
            wrong = error.errors()[0]
        # Not from within: what is given stays in no traceback.
        raise ConfigurationError(
            _what_is_wrong(variables()[str(wrong["loc"][0])], wrong["ctx"]["error"], wrong["input"])
        )

    @field_validator("*", mode="before")
    @classmethod
    def _read(cls, text: str, info: ValidationInfo) -> Any:
        return variables()[str(info.field_name)].kind.read(text)

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return [(name, getattr(self, name)) for name, variable in variables().items() if not variable.kind.is_secret]


class _Environment(PydanticBaseSettingsSource):
    """The variables of an environment, by field."""

    def __init__(self, of: type[BaseSettings], environ: Mapping[str, str], only: Collection[str] | None) -> None:
        super().__init__(of)
        self._environ = environ
        self._only = only

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[str, str, bool]:  # noqa: ARG002
        variable = variables()[field_name]
        text = _in_file(variable, self._environ) or self._environ.get(variable.name, "").strip()
        return text, field_name, False

    def __call__(self) -> dict[str, str]:
        names = self.settings_cls.model_fields if self._only is None else self._only
        texts = {name: self.get_field_value(self.settings_cls.model_fields[name], name)[0] for name in names}
        return {name: text for name, text in texts.items() if text}


def secrets_in_files(environ: Mapping[str, str]) -> dict[str, str]:
    """The secrets that ``environ`` does not hold but names the files of, by their variables.

    Raises:
        ConfigurationError: a file cannot be read or is empty, or the variable is set too; one line without a secret.
    """
    found = {variable.name: _in_file(variable, environ) for variable in variables().values()}
    return {name: text for name, text in found.items() if text}


def file_variable(name: str) -> str:
    """The variable that names the file of a secret."""
    return f"{name}_FILE"


def _in_file(variable: Variable, environ: Mapping[str, str]) -> str:
    """A secret as its file holds it, without blanks around it; empty where no file is named."""
    named = file_variable(variable.name)
    path = environ.get(named, "").strip() if variable.kind.is_secret else ""
    if not path:
        return ""
    if environ.get(variable.name, "").strip():
        raise ConfigurationError(f"{variable.name} and {named} are both set: unset one of them")
    try:
        text = Path(path).expanduser().read_text("utf-8").strip()
    except (OSError, RuntimeError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigurationError(f"{named}: {path} cannot be read: {reason}") from None
    if not text:
        raise ConfigurationError(f"{named}: {path} is empty")
    return text


def _what_is_wrong(variable: Variable, error: UnfitError, text: str) -> str:
    said = f"{variable.name} must be {error.wanted or variable.kind.words}"
    may_be_secret = variable.kind.is_secret or _MAY_HOLD_A_SECRET.search(text)
    return said if may_be_secret else f"{said}, {error.found}"


READ_BY_OTHERS = (
    Variable(
        "AWS_ACCESS_KEY_ID",
        SECRET,
        "Of a named table and of an archive in S3: boto3's own, as are its roles and profiles.",
        default="what boto3 finds",
    ),
    Variable("AWS_SECRET_ACCESS_KEY", SECRET, "The other half.", default="what boto3 finds"),
    Variable(
        "AWS_ENDPOINT_URL_DYNAMODB", HTTP_URL, "Where the table is, if not at AWS.", default="AWS", is_address=True
    ),
    Variable("AWS_ENDPOINT_URL_S3", HTTP_URL, "Where the bucket is, if not at AWS.", default="AWS", is_address=True),
    Variable(
        "DAGSTER_HOME",
        FOLDER,
        "Dagster's instance folder: the one that holds the project's dagster.yaml. A folder without it, or with one "
        "whose storage is not DAGSTER_POSTGRES_URL, is refused.",
        default="the project's folder",
        is_address=True,
    ),
)
"""Variables of boto3 and of Dagster that belong to the project's configuration: documented here, and read by them."""


@cache
def variables() -> dict[str, Variable]:
    """The variable of each field of `Settings`."""
    return {
        name: next(part for part in field.metadata if isinstance(part, Variable))
        for name, field in Settings.model_fields.items()
    }


def declared() -> tuple[Variable, ...]:
    """Every variable that is documented."""
    return (*variables().values(), *READ_BY_OTHERS)


OWN_PREFIXES = ("BITCOIN_PRICE_", "DYNAMODB_DIFFICULTY_", "ELEXON_", "MINERECON_")
"""Whatever begins so is meant for this project; of others' variables nothing is said."""
_NO_SETTINGS = frozenset(
    f"MINERECON_{name}"
    for name in ("PLACES", "EMBEDDED_DYNAMODB_KEY", "IMAGE", "VERSION", "REVISION", "UI_NAME", "WEB_NAME")
)
"""What `minerecon` sets for the processes that it starts, and what the files of ``deploy/`` read."""
_OF_KUBERNETES = re.compile(r".+_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
"""What Kubernetes sets in each pod of a namespace that has a service, as one called minerecon-web; and, beside these,
``…_PORT`` with an address such as ``tcp://10.0.0.7:3001``."""


def mistyped(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that are meant for this project and are none of its settings: each with the nearest one."""
    settings = {variable.name for variable in declared()}
    known = settings | {file_variable(variable.name) for variable in declared() if variable.kind.is_secret}
    found = {}
    for name in sorted(environ.keys() - known - _NO_SETTINGS):
        if _OF_KUBERNETES.fullmatch(name) or (name.endswith("_PORT") and "://" in environ[name]):
            continue
        prefix = next((prefix for prefix in OWN_PREFIXES if name.upper().startswith(prefix)), None)
        if prefix is not None:
            alike = sorted(each for each in settings if each.startswith(prefix))
            found[name] = difflib.get_close_matches(name.upper(), alike, 1, 0)[0]
    return found


def mistyped_text(name: str, nearest: str) -> str:
    """What is said of a variable of `mistyped`; never its value, which may be a secret."""
    return f"{name} is no setting, and is ignored: the nearest is {nearest} (docs/operate/settings.md has all)"


def require_shared_archive(is_launched_elsewhere: bool, archive_url: str) -> None:
    """Refuse a folder where runs are launched on other hosts: each would have an archive of its own.

    Raises:
        ConfigurationError: it is so.
    """
    if is_launched_elsewhere and not archive_url.startswith("s3://"):
        raise ConfigurationError("MINERECON_ARCHIVE_URL is a folder, and runs are launched on any host: use s3://…")


def is_checkout() -> bool:
    """Whether the package is used from the project's folder, and not installed from a wheel."""
    return all((PROJECT_ROOT / name).is_file() for name in ("pyproject.toml", "dagster.yaml"))


def dagster_folder() -> Path:
    """The folder with ``dagster.yaml`` and ``workspace.yaml``: the project's, or the package's own copies of them."""
    return PROJECT_ROOT if is_checkout() else Path(__file__).parent / "dagster_home"


def _default_home() -> Path:
    if is_checkout():
        return PROJECT_ROOT / ".minerecon"
    shared = os.environ.get("XDG_DATA_HOME", "").strip() or "~/.local/share"
    try:
        return Path(shared).expanduser().absolute() / "minerecon"
    except RuntimeError:  # a user whom the system does not know, without HOME
        return Path("/nonexistent/minerecon")


def start_date() -> dt.date:
    """``MINERECON_START_DATE`` by itself, the first daily partition; raises as `Settings.from_environ`."""
    return Settings.from_environ(only=["start_date"]).start_date


def alert_webhook_url() -> str | None:
    """``MINERECON_ALERT_WEBHOOK_URL`` by itself, for whoever must tell that the other settings cannot be read."""
    return Settings.from_environ(only=["alert_webhook_url"]).alert_webhook_url


def _reports_of(archive_url: str, port: int) -> str | None:
    """Where the pages of reports open: of a folder, where `minerecon ui` serves it."""
    return None if archive_url.startswith("s3://") else f"http://127.0.0.1:{port + 1}/reports"


ENV_EXAMPLE = """\
# Everything is optional: what is not set is embedded, or has the default shown. Copy to minerecon.env and edit; load it
# by `set -a; . ./minerecon.env; set +a` in the shell, or by your service manager. Do not name it .env: Dagster reads a
# file of that name by itself, and its values win over the environment's.
"""


def env_example() -> str:
    """The file ``.env.example``."""
    return ENV_EXAMPLE + "".join(
        "\n{}\n#{}={}\n".format(
            "\n".join(textwrap.wrap(_in_words(variable), 118, initial_indent="# ", subsequent_indent="# ")),
            variable.name,
            variable.example or ("" if variable.default else default),
        )
        for variable, default in _with_defaults()
    )


def table() -> str:
    """The table of docs/operate/settings.md."""
    lines = ["| variable | must be | default | |", "|---|---|---|---|"]
    for variable, default in _with_defaults():
        kind = f"{variable.kind.words}, {variable.unit}" if variable.unit else variable.kind.words
        lines.append(f"| `{variable.name}` | {kind} | {default} | {_in_words(variable)} |")
    return "\n".join(lines)


def _in_words(variable: Variable) -> str:
    if not variable.kind.is_secret:
        return variable.meaning
    is_ours = variable not in READ_BY_OTHERS
    return f"{variable.meaning} A secret{f', or {file_variable(variable.name)} names its file' if is_ours else ''}."


def _with_defaults() -> list[tuple[Variable, str]]:
    """Every variable that is documented, with its default in words."""
    defaults = {variable.name: Settings.model_fields[field].default for field, variable in variables().items()}
    return [(variable, variable.default or _as_text(defaults[variable.name])) for variable in declared()]


def _as_text(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)
