"""The `minerecon` command: exit codes, one clear line for what is wrong, and what a kill leaves behind."""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import boto3.session
import click
import dagster as dg
import psutil
import psycopg2
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text

from minerecon_dagster.cli.lines import how_commands_are_called, naming_commands, print_json, remember_the_sample
from minerecon_dagster.cli.main import _of_the_surroundings, cli
from minerecon_dagster.cli.outcome import Interrupted, RestInterrupted, interruptible, outcome_of
from minerecon_dagster.sample import SAMPLE_DIFFICULTY_CSV
from minerecon_dagster_tests.cli.conftest import MINERECON, Ran, Start, connect
from minerecon_dagster_tests.fake_elexon import FakeElexon, Fault, stack_path
from minerecon_dagster_tests.project import DAY

Run = Callable[..., Ran]


def stored(engine: Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        records = connection.execute(
            text("SELECT * FROM minerecon.curtailment_records ORDER BY 1, 2, 4, 5, 6, 7, 8")
        ).all()
        days = connection.execute(
            text("SELECT summary_date, curtailed_mwh, built_at FROM minerecon.daily_summaries")
        ).all()
    return [tuple(row) for row in [*records, *days]]


@pytest.mark.slow
def test_a_day_is_fetched_built_and_checked_with_exit_code_0_and_json_for_machines(minerecon: Run) -> None:
    ran = minerecon("reingest", str(DAY), "--json")
    assert ran.code == 0, ran.err
    (day,) = ran.json["days"]
    assert (day["status"], day["periods_present"], day["is_synthetic"]) == ("complete", 48, True)
    assert ran.json["work"][str(DAY)]["requests"] == 101
    assert re.search(r"\nall in [0-9.]+ s: [0-9]+ requests \(101 of the day, [0-9]+ beside\), ", ran.err)
    assert "of 1" not in ran.err
    assert f"{DAY}: also notifications (PN) and metered output (B1610)\n" in ran.err
    again = minerecon("reingest", str(DAY), "--from-archive")
    assert again.code == 0
    assert "0 requests" in again.err
    # One basis in the table and in the line: the records are those of the MWh beside them.
    assert day["so_record_count"] < day["record_count"]
    assert f", {day['so_record_count']} SO-flagged records, " in again.err
    assert f" {day['so_record_count']:,} " in again.out
    assert f" {day['record_count']:,} " not in again.out
    assert "2025-03-28 (synthetic)" in again.out
    assert "complete" in again.out


def test_a_day_that_fails_exits_1_and_says_which_period_and_how_to_try_again(
    minerecon: Run, elexon: FakeElexon
) -> None:
    elexon.faults = lambda path: Fault(400) if path == stack_path("bid", DAY, 17) else None
    ran = minerecon("reingest", str(DAY))
    assert ran.code == 1
    assert "bid periods 17 failed" in ran.err
    assert f"try again: minerecon reingest {DAY}" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.slow
def test_an_incomplete_day_exits_1(minerecon: Run, elexon: FakeElexon) -> None:
    elexon.world.hide[DAY, "bid"] = {40, 41}
    ran = minerecon("reingest", str(DAY))
    assert ran.code == 1
    assert "incomplete" in ran.out
    assert "unpublished: 40-41" in ran.err


@pytest.mark.slow
def test_a_warning_exits_1_and_names_the_check_although_the_day_is_complete(minerecon: Run, elexon: FakeElexon) -> None:
    elexon.faults = lambda path: Fault(400) if "wind-and-solar" in path else None
    ran = minerecon("reingest", str(DAY))
    assert ran.code == 1
    assert "warned" in ran.out
    assert f"completeness.wind_output_known: minerecon reingest {DAY}\n" in ran.err


@pytest.mark.parametrize(
    ("arguments", "environment", "says"),
    [
        (["reingest", "yesterday"], {}, "write YYYY-MM-DD, as in 2025-03-28"),
        (["reingest", "2025-03-29", "2025-03-28"], {}, "is after TO"),
        (["reingest", "2099-01-01"], {}, "has not begun"),
        (["reingest", "2021-12-31"], {}, "MINERECON_START_DATE"),
        (["reingest", "2025-03-28", "--periods", "60"], {}, "44-48 or 1,12,24"),
        (
            ["reingest", "2025-03-29", "2025-03-30", "--periods", "44-48"],
            {},
            "2025-03-30 has settlement periods 1 to 46",
        ),
        (["reingest", "2025-03-28", "--from-archive", "--force"], {}, "--from-archive"),
        (
            ["status", "--from", "2025-04-01", "--to", "2025-04-30", "--sample"],
            {"ELEXON_BASE_URL": ""},
            "the sample has only 2025-03-28",
        ),
        (
            ["export", "2025-03"],
            {"DAGSTER_POSTGRES_URL": "postgresql://a:hush@127.0.0.1:1/x"},
            "DAGSTER_POSTGRES_URL: cannot connect to ",
        ),
        (["status"], {"PORT": "none"}, "PORT must be"),
        (["status", "--from", "2025-03-31", "--to", "2025-03-01"], {}, "FROM 2025-03-31 is after TO 2025-03-01"),
        (["status", "--to", "2021-12-31"], {}, "FROM 2022-01-01 is after TO 2021-12-31"),
        (["status", "--from", "2099-01-01"], {}, "2099-01-01 has not begun"),
        (["status", "--from", "2099-01-01", "--to", "2099-01-31"], {}, "2099-01-01 has not begun"),
        (
            ["status"],
            {"DATABASE_URL": "postgresql://a:hush@127.0.0.1:1/x"},
            "refused; start the server, or correct DATABASE_URL",
        ),
        (["difficulty", "load", "no-such-file.csv"], {}, "no-such-file.csv"),
        (["local", "--", "no-such-command"], {}, "cannot run no-such-command"),
        (["reingest"], {}, "Missing argument 'FROM'"),
        (["reingset"], {}, "No such command 'reingset'"),
        (["--no-such-option"], {}, "No such option"),
        (["verify", "2025-03-28", "--action", "mend"], {}, "'fix'"),
    ],
    ids=str,
)
def test_usage_and_configuration_errors_are_one_line_and_exit_code_2(
    minerecon: Run, arguments: list[str], environment: dict[str, str], says: str
) -> None:
    ran = minerecon(*arguments, **environment)
    assert ran.code == 2, ran.err
    what, *hint = (line for line in ran.err.splitlines() if not line.startswith("Analysts, "))
    assert what.startswith("minerecon: ")
    assert says in what
    assert all(re.fullmatch(r"help: minerecon.* --help", line) for line in hint)
    assert len(hint) <= 1
    assert "hush" not in ran.err


@pytest.mark.slow
def test_a_difficulty_that_was_rounded_is_refused_by_its_row_and_the_others_are_loaded(
    installed: Run, tmp_path: Path, embedded_environ: dict[str, str]
) -> None:
    rows = SAMPLE_DIFFICULTY_CSV.read_text("utf-8").replace("113757508810854.0", "113800000000000")
    (tmp_path / "rounded.csv").write_text(rows, "utf-8")
    # Of a table of its own: the session's other tests share the embedded one.
    key, region = embedded_environ["AWS_ACCESS_KEY_ID"], embedded_environ["AWS_REGION"]
    dynamodb = boto3.session.Session(key, "test", region_name=region).resource(
        "dynamodb", endpoint_url=embedded_environ["AWS_ENDPOINT_URL_DYNAMODB"]
    )
    table = dynamodb.create_table(
        TableName="of-this-test",
        KeySchema=[{"AttributeName": "Date", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "Date", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    try:
        ran = installed("difficulty", "load", str(tmp_path / "rounded.csv"), DYNAMODB_DIFFICULTY_TABLE="of-this-test")
        stored = {item["Date"]: item["Difficulty"] for item in table.scan()["Items"]}
    finally:
        table.delete()
    assert ran.code == 1
    assert "rounded.csv line 10: height 889056 of 2025-03-23: difficulty 113800000000000 is no compact" in ran.err
    assert "the nearest is 113800" in ran.err
    assert "no value, as their retarget is missing or refused: 2025-03-24 to 2025-04-05" in ran.err
    assert "1 rows refused" in ran.out
    assert "Traceback" not in ran.err
    assert {"2025-03-23", "2025-04-06"} <= stored.keys()
    assert not {f"2025-03-{day}" for day in range(24, 32)} & stored.keys()


@pytest.mark.slow
def test_a_statement_that_a_limit_of_the_role_ends_is_one_line_that_says_what_lifts_it(
    minerecon: Run, warehouse: Engine
) -> None:
    with warehouse.begin() as connection:
        connection.execute(text("SET LOCAL ROLE NONE"))
        name, database = warehouse.url.username, warehouse.url.database
        connection.exec_driver_sql(f"ALTER ROLE {name} IN DATABASE {database} SET statement_timeout = '1s'")
    with warehouse.connect() as holder:
        holder.execute(text("SET statement_timeout = 0; SET ROLE NONE"))
        holder.execute(text("LOCK TABLE minerecon.daily_summaries IN ACCESS EXCLUSIVE MODE"))
        ran = minerecon("status")
    assert ran.code == 1, ran.out + ran.err
    assert "statement timeout" in ran.err
    assert f"ALTER ROLE {name} SET statement_timeout = 0" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.slow
def test_a_database_that_goes_away_is_one_line(start: Start, warehouse: Engine) -> None:
    # One of its own: within a transaction who is there is looked up once.
    looking = warehouse.execution_options(isolation_level="AUTOCOMMIT")
    with warehouse.connect() as holder, looking.connect() as killer:
        holder.execute(text("SET ROLE NONE"))
        holder.execute(text("LOCK TABLE minerecon.daily_summaries IN ACCESS EXCLUSIVE MODE"))
        pid = holder.execute(text("SELECT pg_backend_pid()")).scalar_one()
        killer.execute(text("SET ROLE NONE"))
        process = start("status")
        ended = 0
        while not ended and process.poll() is None:
            ended = killer.execute(
                text(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity, pg_sleep(0.05)"
                    " WHERE :pid = ANY (pg_blocking_pids(pid))"
                ),
                {"pid": pid},
            ).scalar_one()
        ran = Ran(process)
    assert ran.code == 1, ran.out + ran.err
    (told,) = ran.err.splitlines()
    assert told.startswith("minerecon: a database went away, or cannot be reached: ")
    assert "Traceback" not in ran.err


@pytest.mark.slow
def test_what_cannot_be_printed_is_one_line_and_what_has_no_code_is_shown_as_its_escape(
    installed: Run, environ: dict[str, str], day_stored: Engine
) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run([MINERECON, "status"], env=environ, stdout=full, stderr=subprocess.PIPE, text=True)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == (
        "minerecon: what is to be printed cannot be written: No space left on device"
    )
    assert "Traceback" not in ran.stderr
    ascii_only = installed("reingest", str(DAY), "--from-archive", PYTHONIOENCODING="ascii")
    assert ascii_only.code == 0, ascii_only.err
    assert "\\xa3 net" in ascii_only.out


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "what is to be printed cannot be written: No space left on"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a.csv"), "a.csv: No such file or directory"),
        (psycopg2.OperationalError("server closed"), "a database went away, or cannot be reached: server closed"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), None),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), None),
        (KeyError("a fault of ours"), None),
    ],
    ids=str,
)
def test_only_what_failed_around_the_project_is_said_in_one_line(error: Exception, said: str | None) -> None:
    found = _of_the_surroundings(error)
    assert found is None if said is None else found is not None and found.startswith(said)


def test_a_fault_of_ours_in_dealing_with_a_database_that_went_away_is_no_fault_of_the_database() -> None:
    with pytest.raises(KeyError) as caught:
        try:
            raise psycopg2.OperationalError("server closed")
        except psycopg2.OperationalError as error:
            {}[str(error)]
    assert _of_the_surroundings(caught.value) is None


def test_a_run_that_failed_outside_of_its_steps_is_not_taken_for_done() -> None:
    class Unusable(dg.ConfigurableResource):  # type: ignore[type-arg]
        def setup_for_execution(self, context: dg.InitResourceContext) -> None:
            raise ValueError("cannot be had")

    @dg.op(required_resource_keys={"unusable"})
    def work() -> None: ...

    graph = dg.GraphDefinition(name="job_of_work", node_defs=[work])
    result = graph.to_job(resource_defs={"unusable": Unusable()}).execute_in_process(raise_on_error=False)
    assert not result.get_step_failure_events()
    assert outcome_of(result).problem == (
        f"run {result.run_id} failed outside of its steps: its log in Dagster's UI says why"
    )


def test_an_interruption_of_what_follows_the_days_says_that_all_days_are_done() -> None:
    days = [DAY + dt.timedelta(days=n) for n in range(3)]
    told = "^interrupted after all 3 days, before all that follows"
    with pytest.raises(Interrupted, match=told), interruptible(days, "verify", ["--action", "fix"]):
        raise RestInterrupted(1)  # the sums of the one that was repaired
    told = f"after 1 of 3 days; for the others: minerecon verify {days[1]} {days[2]}"
    with pytest.raises(Interrupted, match=told), interruptible(days, "verify"):
        raise Interrupted(1)


def test_where_the_user_has_no_name_who_accepts_a_register_has_to_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", unknown)
    ran = CliRunner().invoke(cli, ["register", "accept", "abc"])
    assert ran.exit_code == 2
    assert "--by is a name of one line" in ran.output


@pytest.mark.slow
def test_a_warehouse_that_is_not_migrated_is_refused_with_the_command_that_does_it(
    minerecon: Run, installed: Run, warehouse: Engine
) -> None:
    with warehouse.begin() as connection:
        connection.execute(text("SET LOCAL ROLE NONE; DROP SCHEMA minerecon CASCADE"))
    ran = minerecon("reingest", str(DAY))
    assert ran.code == 2, ran.err
    assert "minerecon db upgrade" in ran.err
    upgraded = installed("db", "upgrade")
    assert upgraded.code == 0
    assert "warehouse: empty -> " in upgraded.out


@pytest.mark.slow
def test_a_kill_during_the_fetch_leaves_the_day_as_it_was(
    minerecon: Run, start: Start, elexon: FakeElexon, day_stored: Engine, environ: dict[str, str]
) -> None:
    before = stored(day_stored)
    reached, never = threading.Event(), threading.Event()

    def hang(path: str) -> Fault | None:
        if path == stack_path("offer", DAY, 20):
            reached.set()
            return Fault(hang=never)
        return None

    elexon.faults = hang
    elexon.world.revise[DAY] = 1.5
    process = start("reingest", str(DAY), "--force")
    assert reached.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    never.set()
    assert stored(day_stored) == before
    assert len(list(Path(environ["MINERECON_HOME"]).glob("archive/days/*/*/*.zip"))) == 1
    elexon.faults = lambda path: None
    assert minerecon("reingest", str(DAY), "--force").code == 0
    assert stored(day_stored) != before


@pytest.mark.slow
def test_a_kill_during_the_write_leaves_the_day_as_it_was(
    minerecon: Run, start: Start, elexon: FakeElexon, day_stored: Engine
) -> None:
    before = stored(day_stored)
    elexon.world.revise[DAY] = 1.5
    with connect(day_stored.url.render_as_string(hide_password=False)) as holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLE minerecon.daily_summaries IN SHARE MODE")
        process = start("reingest", str(DAY), "--force")
        with day_stored.connect() as watch:
            waiting = (
                "SELECT count(*) FROM pg_locks WHERE NOT granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            while not watch.execute(text(waiting)).scalar_one():
                watch.rollback()
                assert process.poll() is None
                time.sleep(0.02)  # nothing tells of a lock that is waited for
        process.send_signal(signal.SIGKILL)
        process.wait()
    holder.close()
    assert stored(day_stored) == before
    assert minerecon("reingest", str(DAY)).code == 0
    assert stored(day_stored) != before


@pytest.mark.slow
def test_status_groups_what_is_wrong_and_says_until_when_the_difficulty_reaches(
    minerecon: Run, day_stored: Engine
) -> None:
    ran = minerecon("status", "--from", "2025-03-27", "--to", "2025-03-31")
    assert ran.code == 1
    assert "2025-03-27 is missing: minerecon reingest 2025-03-27" in ran.out
    assert "2025-03-29 to 2025-03-31, 3 days, are missing: minerecon reingest 2025-03-29 2025-03-31" in ran.out
    assert "The difficulty table reaches" in ran.out
    assert minerecon("status", "--from", str(DAY), "--to", str(DAY)).code == 0


def test_local_runs_a_command_with_the_services_addresses_and_hands_its_exit_code_on(installed: Run) -> None:
    ran = installed("local", "--", "sh", "-c", 'echo "$DATABASE_URL"; exit 7')
    assert ran.code == 7
    assert ran.out.startswith("postgresql")


def commands(group: click.Group, path: str = "minerecon") -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    for name, command in group.commands.items():
        found.append((f"{path} {name}", command))
        if isinstance(command, click.Group):
            found += commands(command, f"{path} {name}")
    return found


def test_every_command_and_option_has_help() -> None:
    for path, command in commands(cli):  # type: ignore[arg-type]
        assert command.help, path
        for parameter in command.params:
            assert isinstance(parameter, click.Argument) or getattr(parameter, "help", None), (path, parameter.name)


def test_a_help_writes_dates_as_people_do(minerecon: Run) -> None:
    shown = minerecon("status", "--help").out
    assert "--from YYYY-MM-DD" in shown
    assert "%" not in shown


def test_whatever_reads_or_repairs_days_does_so_of_the_sample_too() -> None:
    have = {path for path, command in commands(cli) if "--sample" in [o for p in command.params for o in p.opts]}  # type: ignore[arg-type]
    of_the_sample = ["status", "verify", "spot-fix", "reingest", "recalculate", "prices", "export", "report"]
    assert {f"minerecon {name}" for name in of_the_sample} <= have
    assert {"minerecon register list", "minerecon register accept", "minerecon local"} <= have


@pytest.mark.slow
def test_a_day_of_the_sample_is_repaired_by_the_command_that_repairs_a_real_one(minerecon: Run) -> None:
    ran = minerecon("reingest", "2025-03-28", "--sample", "--json", ELEXON_BASE_URL="")
    assert ran.code == 0, ran.err
    assert [(day["status"], day["is_synthetic"]) for day in ran.json["days"]] == [("complete", True)]
    missing = minerecon("status", "--sample", ELEXON_BASE_URL="")
    assert missing.code == 1
    for day in ("2025-03-30", "2025-06-15", "2025-10-26"):
        assert f"minerecon reingest {day} --sample" in missing.out
    assert "2025-03-29" not in missing.out, "the sample has no such day, which is not missing"
    assert "Not fresh" not in missing.out
    ran = minerecon("status", "--sample", "--to", "2025-03-29", ELEXON_BASE_URL="")
    assert ran.code == 0, ran.out


@pytest.mark.first_quick
@pytest.mark.parametrize(
    "arguments",
    [
        ("reingest", "2025-03-29"),
        ("reingest", "2025-03-28", "2025-03-30"),
        ("recalculate", "2025-03-29"),
        ("verify", "2025-03-29", "--action", "fix"),
        ("spot-fix", "2025-03-29", "17", "T_SGRWO-1"),
        ("prices", "2025-03-29"),
        ("prices", "2025-04-01", "2025-04-30"),
        ("report", "2025-04"),
        ("export", "2025-04", "2025-05"),
    ],
    ids=" ".join,
)
def test_a_day_that_the_sample_lacks_is_refused_in_one_line_before_anything_is_on_record(
    minerecon: Run, warehouse: Engine, arguments: tuple[str, ...]
) -> None:
    ran = minerecon(*arguments, "--sample", ELEXON_BASE_URL="")
    assert ran.code == 2
    assert ran.err == "minerecon: the sample has only 2025-03-28, 2025-03-30, 2025-06-15 and 2025-10-26\n"
    with warehouse.connect() as connection:
        for table in ("ingestion_progress", "reconciliation_results", "verifications", "bitcoin_price_gbp"):
            assert not connection.execute(text(f"SELECT count(*) FROM minerecon.{table}")).scalar_one()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("try again: minerecon reingest DATE --force", "try again: minerecon reingest DATE --sample --force"),
        ("minerecon reingest 2025-03-28 2025-03-30; then", "minerecon reingest 2025-03-28 2025-03-30 --sample; then"),
        ("run minerecon archive verify, or restore it", "run minerecon archive verify --sample, or restore it"),
        ("minerecon local -- dagster job", "minerecon local --sample -- dagster job"),
        ("minerecon export 2025-03", "minerecon export 2025-03 --sample"),
        ("minerecon spot-fix DATE 17 T_A-1: once", "minerecon spot-fix DATE --sample 17 T_A-1: once"),
        ("minerecon verify 2025-03-28 --sample --action fix", "minerecon verify 2025-03-28 --sample --action fix"),
        ("help: minerecon verify --help", "help: minerecon verify --help"),
        ("minerecon db upgrade", "minerecon db upgrade"),  # its option of that name is another thing
        ("minerecon: done", "minerecon: done"),
    ],
)  # fmt: skip
def test_a_command_of_the_sample_names_commands_of_the_sample(
    said: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with click.Context(cli) as context:
        assert naming_commands()(said) == said
        remember_the_sample(context, None, True)
        with click.Context(cli.commands["verify"], parent=context):
            assert naming_commands()(said) == shown
            print_json({"repair": said})
            assert json.loads(capsys.readouterr().out) == {"repair": shown}


@pytest.mark.slow
def test_what_fails_of_the_sample_is_mended_by_the_command_as_it_is_printed(minerecon: Run) -> None:
    ran = minerecon("verify", "2025-03-28", "--sample", ELEXON_BASE_URL="")
    assert ran.code == 1
    told = re.findall(r"repair: (minerecon [^\n\[]*[^\n\[ ])", ran.err)
    assert told[-1] == "minerecon reingest 2025-03-28 --sample"
    assert all(command.endswith(" --sample") for command in told)
    assert minerecon(*told[-1].split()[1:], ELEXON_BASE_URL="").code == 0


def test_help_is_quick_to_load_nothing_heavy(installed: Run) -> None:
    ran = installed("--help", PYTHONPROFILEIMPORTTIME="1")
    assert ran.code == 0
    heavy = {line.split("|")[-1].strip() for line in ran.err.splitlines()} & {"dagster", "pandas", "moto", "sqlalchemy"}
    assert heavy == set()


_COUNTING_SEARCHES_OF_ALL = """
import gc
of_all = []
gc.callbacks.append(lambda phase, info: of_all.append(phase) if info["generation"] == 2 else None)
from minerecon_dagster.cli import main

main.cli = lambda: __import__("minerecon_dagster.definitions")
main.main()
print(len(of_all))
"""


@pytest.mark.slow
def test_what_a_command_loads_is_not_looked_through_for_garbage_meanwhile() -> None:
    child = [sys.executable, "-c", _COUNTING_SEARCHES_OF_ALL]
    assert subprocess.run(child, check=True, capture_output=True, text=True).stdout.strip() == "0"
    assert os.environ.get("PYTHONPROFILEIMPORTTIME") is None


@pytest.mark.slow
def test_a_port_that_is_taken_is_one_line_and_exit_code_2(installed: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = installed("ui", PORT=str(port))
    assert ran.code == 2
    assert str(port) in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_the_ui_serves_and_ends_with_all_that_it_started_also_where_a_script_began_it_in_the_background(
    environ: dict[str, str], dagster_database: str, number: signal.Signals
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    # A script's background commands begin with SIGINT ignored.
    process = subprocess.Popen(
        ["sh", "-c", 'trap "" INT; exec "$0" ui', str(MINERECON)],
        env=environ | {"PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        answered = False
        until = time.monotonic() + 120
        while not answered and time.monotonic() < until and process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5) as answer:
                    answered = answer.status == 200
            except OSError:
                time.sleep(0.2)  # nothing else says when a server of another process listens
        assert answered
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        process.wait(60)
        assert psutil.wait_procs(started, timeout=10)[1] == []
    finally:
        if process.poll() is None:
            process.kill()


def test_what_a_command_is_called_is_said_where_a_shell_does_not_find_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/minerecon", "run"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert how_commands_are_called() == (
        "Where a text names minerecon, type .venv/bin/minerecon: it is not on the PATH."
    )
    program = tmp_path / "minerecon"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert how_commands_are_called() is None
