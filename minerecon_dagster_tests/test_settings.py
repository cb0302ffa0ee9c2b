"""The environment: defaults, and one clear line for a bad value."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from minerecon_dagster import settings as module
from minerecon_dagster.alerts.redaction import redact
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.settings import PROJECT_ROOT, Settings, declared, mistyped, mistyped_text, variables

PACKAGE = PROJECT_ROOT / "minerecon_dagster"
SECRETS = {field: variable.name for field, variable in variables().items() if variable.kind.is_secret}
NO_SETTINGS = {
    "MINERECON_PLACES": "set by `minerecon` for the processes that it starts, and by nobody else",
    "MINERECON_EMBEDDED_DYNAMODB_KEY": "set for what is started with the embedded services, and by nobody else",
    "DAGSTER_PROJECT_ENV_FILE_PATHS": "Dagster's; taken out of the environment",
    "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "Dagster's; set, so that backfills outlive a code server",
}
TOUCH_THE_ENVIRONMENT = {
    "settings.py": "reads the settings",
    "definitions.py": "hands it to `places`, which compares the addresses of processes, whatever they hold",
    "instance.py": "hands it to `places`; whether Dagster has an instance folder; that backfills wait",
    "cli/main.py": "looks for variables that are meant for this project, and that nobody reads",
    "doctor/examine.py": "the same",
    "cli/environment.py": "fills in what is embedded, and puts everything back",
    "cli/ui.py": "tells the processes that it starts where each other's pages are",
    "cli/dashboard.py": "makes the sample in a process that knows nothing of its services, as whoever is new would",
    "storage.py": "looks whether boto3's own variable names an S3 of this machine, which no proxy is asked for",
    "difficulty/source.py": "the same of DynamoDB",
    "local/services.py": "starts PostgreSQL without the variables that would lead it elsewhere",
    "doctor/machine.py": "looks whether the file of certificates is there that requests would take",
    "alerts/redaction.py": "hides the values of all secrets of the process, whoever's they are",
}


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
        ("DATABASE_URL", "postgresql://u:hush@h:port/d"),
        ("DATABASE_URL", "postgresql://u:hush@[::1/d"),
        ("ELEXON_BASE_URL", "data.elexon.co.uk"),
        ("ELEXON_BASE_URL", "http://["),
        ("ELEXON_BASE_URL", "http://host:port"),
        ("MINERECON_ALERT_WEBHOOK_URL", "https://host:port/hush"),
        ("ELEXON_MAX_REQUESTS_PER_MINUTE", "-1"),
        ("ELEXON_MAX_REQUESTS_PER_MINUTE", "many"),
        ("ELEXON_STACK_SIDES", "offer"),
        ("BITCOIN_PRICE_BASE_URL", "api.exchange.coinbase.com"),
        ("ELEXON_STACK_SIDES", "bid,ask"),
        ("MINERECON_WAIVERS", "/nowhere/waivers.toml"),
        ("MINERECON_ARCHIVE_URL", "s3://"),
        ("MINERECON_ARCHIVE_URL", "s3://[bucket"),
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


def test_the_first_wrong_variable_is_told_and_nothing_of_it_is_in_a_traceback() -> None:
    with pytest.raises(ConfigurationError, match=r"^PORT must be a whole number from 1 to 65535, not 'x'$") as caught:
        Settings.from_environ({"PORT": "x", "MINERECON_UI_URL": "y"})
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("variable", ["ELEXON_BASE_URL", "MINERECON_UI_URL", "MINERECON_ARCHIVE_URL", "PORT"])
@pytest.mark.parametrize(
    "value", ["ftp://user:hush@host/x", "ftp://host/x?token=hush", "http://user:hush@", "http://user:hush@host:x"]
)
def test_a_url_that_may_hold_a_secret_is_not_repeated_wherever_it_was_put(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{variable} must be ") as caught:
        Settings.from_environ({variable: value})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("variable", ["ELEXON_BASE_URL", "BITCOIN_PRICE_BASE_URL"])
@pytest.mark.parametrize(
    ("given", "shown", "credentials"),
    [
        ("https://me:hu%40sh@host.example:8443/v1/", "https://host.example:8443/v1", ("me", "hu@sh")),
        ("http://me@host.example", "http://host.example", ("me", "")),
        ("http://me:a:b@[::1]:80/v1", "http://[::1]:80/v1", ("me", "a:b")),
        ("https://host.example/v1", "https://host.example/v1", None),
    ],
)
def test_credentials_in_the_address_of_a_source_are_split_off(
    variable: str, given: str, shown: str, credentials: tuple[str, str] | None
) -> None:
    settings = Settings.from_environ({variable: given})
    url = settings.elexon_base_url if variable == "ELEXON_BASE_URL" else settings.price_base_url
    assert (str(url), url.credentials) == (shown, credentials)
    assert "hu" not in repr(settings) + str(settings)


@pytest.mark.parametrize("field", SECRETS)
def test_a_secret_is_in_no_message_and_in_no_representation(field: str) -> None:
    for value in ("hush-hush", "ftp://hush-hush", "https://host.example/hush-hush", "postgresql://u:hush-hush@h/d"):
        environ = {SECRETS[field]: value}
        try:
            settings = Settings.from_environ(environ)
        except ConfigurationError as error:
            assert "hush" not in str(error)
            continue
        assert "hush" in getattr(settings, field)
        assert "hush" not in repr(settings) + str(settings)
        assert "hush" not in redact(f"it was {value}", environ)


def test_one_setting_is_read_though_another_is_wrong() -> None:
    environ = {"PORT": "x", "MINERECON_START_DATE": "2024-02-29"}
    settings = Settings.from_environ(environ, only=["start_date"])
    assert settings.start_date.isoformat() == "2024-02-29"
    assert settings.port == 3000
    assert settings.model_fields_set == {"start_date"}


def test_a_small_letter_makes_another_variable() -> None:
    assert Settings.from_environ({"port": "9", "elexon_base_url": "x"}).model_fields_set == set()


def test_every_variable_is_declared_once_and_says_what_it_means() -> None:
    names = [variable.name for variable in declared()]
    assert len(names) == len(set(names))
    assert all(variable.meaning.endswith(".") for variable in declared())
    assert "None" not in module.table() + module.env_example()


def test_what_the_example_suggests_is_accepted() -> None:
    fit = {v.name: v.example for v in declared() if v.example and v.kind is not module.WAIVERS}
    assert Settings.from_environ(fit).database_url == fit["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg2:")


def strings(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_the_package_names_no_variable_of_its_own_that_is_not_declared() -> None:
    of_ours = re.compile(r"(MINERECON|ELEXON|BITCOIN|DYNAMODB|DAGSTER)_[A-Z0-9_]*[A-Z0-9]|DATABASE_URL|PORT")
    named = {text for file in PACKAGE.rglob("*.py") for text in strings(file) if of_ours.fullmatch(text)}
    assert "MINERECON_PLACES" in named
    assert named - {variable.name for variable in declared()} == set(NO_SETTINGS)


def test_nothing_but_what_is_listed_with_its_reason_touches_the_environment() -> None:
    touches = re.compile(r"\bos\.(environ|getenv|putenv)\b")
    found = {str(f.relative_to(PACKAGE)) for f in PACKAGE.rglob("*.py") if touches.search(f.read_text("utf-8"))}
    assert found == set(TOUCH_THE_ENVIRONMENT)


def test_the_help_of_the_command_does_without_the_settings() -> None:
    """They take a tenth of a second to import."""
    code = "import sys, minerecon_dagster.cli.main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"minerecon_dagster.cli.main"} <= set(loaded)
    assert {"pydantic", "minerecon_dagster.settings"}.isdisjoint(loaded)


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


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("MINERECON_ARCHIVE", "MINERECON_ARCHIVE_URL"),
        ("MINERECON_HEARTBEAT", "MINERECON_HEARTBEAT_URL"),
        ("ELEXON_STACK_SIDE", "ELEXON_STACK_SIDES"),
        ("elexon_base_url", "ELEXON_BASE_URL"),
        ("ELEXON_MAX_REQUEST_PER_MINUTE", "ELEXON_MAX_REQUESTS_PER_MINUTE"),
        ("DYNAMODB_DIFFICULTY_TABEL", "DYNAMODB_DIFFICULTY_TABLE"),
        ("BITCOIN_PRICE_URL", "BITCOIN_PRICE_BASE_URL"),
    ],
)
def test_a_mistyped_setting_is_known_by_the_nearest_one(name: str, nearest: str) -> None:
    assert mistyped({name: "hush", "ELEXON_STACK_SIDES": "bid"}) == {name: nearest}
    assert "hush" not in mistyped_text(name, nearest)


def test_any_variable_with_a_prefix_of_ours_is_named_and_none_of_others() -> None:
    assert mistyped({"ELEXON_RATELIMIT": "60"}).keys() == {"ELEXON_RATELIMIT"}
    ours = {variable.name for variable in declared()} | {f"{name}_FILE" for name in SECRETS.values()}
    assert mistyped(dict.fromkeys(ours | {n for n in NO_SETTINGS if n.startswith("MINERECON_")}, "1")) == {}
    others = ("DYNAMODB_TABLE", "DATABASE_URI", "AWS_REGIO", "DAGSTER_HOMES", "PORTS", "BITCOIN_RPC", "MINERECONX")
    assert mistyped(dict.fromkeys(others, "1")) == {}
    of_deploy = set(re.findall(r"MINERECON_[A-Z_]+", (PROJECT_ROOT / "deploy" / "compose.yaml").read_text("utf-8")))
    assert len(of_deploy) > 5
    assert mistyped(dict.fromkeys(of_deploy, "1")) == {}


def test_what_kubernetes_sets_of_a_service_with_our_name_is_nobodys_slip() -> None:
    of_a_service = {
        "MINERECON_WEB_SERVICE_HOST": "10.0.0.7",
        "MINERECON_WEB_SERVICE_PORT": "3001",
        "MINERECON_WEB_SERVICE_PORT_HTTP": "3001",
        "MINERECON_WEB_PORT": "tcp://10.0.0.7:3001",
        "MINERECON_WEB_PORT_3001_TCP": "tcp://10.0.0.7:3001",
        "MINERECON_WEB_PORT_3001_TCP_PROTO": "tcp",
        "MINERECON_WEB_PORT_3001_TCP_PORT": "3001",
        "MINERECON_WEB_PORT_3001_TCP_ADDR": "10.0.0.7",
    }
    assert mistyped(of_a_service) == {}
    assert mistyped({"MINERECON_WEB_PORT": "3001"}).keys() == {"MINERECON_WEB_PORT"}


OF_OURS = {field: variable.name for field, variable in variables().items() if variable.kind.is_secret}


@pytest.mark.parametrize("field", OF_OURS)
def test_every_secret_may_be_in_a_file_and_is_then_as_if_it_were_set(field: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("postgresql://u:hush-hush@h/d\n" if "url" in field else "hush-hush\n")
    if field in ("alert_webhook_url", "heartbeat_url"):
        (tmp_path / "secret").write_text("https://host.example/hush-hush\n")
    environ = {f"{OF_OURS[field]}_FILE": str(tmp_path / "secret")}
    settings = Settings.from_environ(environ)
    assert "hush-hush" in getattr(settings, field)
    assert not getattr(settings, field).endswith("\n")
    assert settings.model_fields_set == {field}
    assert "hush" not in redact("it was hush-hush", environ)
    assert module.secrets_in_files(environ).keys() == {OF_OURS[field]}


def test_a_secret_that_is_set_twice_or_whose_file_is_empty_or_not_there_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "binary").write_bytes(b"\xff\xfehush")
    for environ, said in (
        ({"DATABASE_URL": "postgresql://u:hush@h/d"}, "DATABASE_URL and DATABASE_URL_FILE are both set: unset one"),
        ({"DATABASE_URL_FILE": f"{tmp_path}/empty"}, f"DATABASE_URL_FILE: {tmp_path}/empty is empty"),
        ({"DATABASE_URL_FILE": f"{tmp_path}/binary"}, f"DATABASE_URL_FILE: {tmp_path}/binary cannot be read: it is no"),
        ({"DATABASE_URL_FILE": f"{tmp_path}/x"}, f"DATABASE_URL_FILE: {tmp_path}/x cannot be read: No such file"),
        ({"DATABASE_URL_FILE": f"{tmp_path}"}, f"DATABASE_URL_FILE: {tmp_path} cannot be read: Is a directory"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            Settings.from_environ({"DATABASE_URL_FILE": f"{tmp_path}/empty", **environ})
        assert str(caught.value).startswith(said)
        assert "hush" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_what_is_no_secret_is_in_no_file(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("9")
    assert Settings.from_environ({"PORT_FILE": str(tmp_path / "port")}).port == 3000


def test_an_archive_in_a_folder_is_refused_where_runs_are_launched_on_other_hosts() -> None:
    module.require_shared_archive(False, "/a/folder")
    module.require_shared_archive(True, "s3://bucket/prefix")
    with pytest.raises(ConfigurationError, match=r"^MINERECON_ARCHIVE_URL is a folder, and runs are launched on any "):
        module.require_shared_archive(True, "/a/folder")


@pytest.mark.parametrize("variable", ["MINERECON_LOGS_URL", "MINERECON_EMBEDDED"])
def test_what_is_neither_a_bucket_nor_a_known_word_is_refused(variable: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{variable} must be "):
        Settings.from_environ({variable: "/a/folder"})
    good = {"MINERECON_LOGS_URL": "s3://bucket/logs/", "MINERECON_EMBEDDED": "never"}
    settings = Settings.from_environ(good)
    assert (settings.logs_url, settings.embedded) == ("s3://bucket/logs", "never")
