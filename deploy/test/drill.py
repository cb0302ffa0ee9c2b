"""The disaster drill: days are made, the servers are destroyed, and what comes back is compared with what was.

(a) from a dump of both databases; (b) without any dump, from the raw archive alone; (c) an object of the archive is
damaged, is named by `minerecon archive verify`, and comes back from the version of it that its bucket kept.

The archive is in S3 (moto, with versioning), PostgreSQL is a new server each time, with the logins of
postgres/roles.psql, and Elexon is the synthetic sample. Run by deploy/backup/drill.sh; the last line that it prints is
one JSON object.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3.session
import psycopg2
from moto.server import ThreadedMotoServer

sys.path.insert(0, str(Path(__file__).parent))
from parts import DEPLOY, ROOT

from minerecon_dagster.local.postgres import programs_folder, serving
from minerecon_dagster.local.services import local_services
from minerecon_dagster.sample import SAMPLE_DIFFICULTY_CSV
from minerecon_dagster.sample.generate import SampleWorld
from minerecon_dagster.sample.server import serve_sample

MINERECON = Path(sys.executable).with_name("minerecon")
FIRST = dt.date(2025, 3, 1)
BUCKET = "minerecon-drill"
PASSWORDS = {f"{role}_password": f"{role}-hush" for role in ("owner", "worker", "dagster")}
HISTORY = ("reconciliation_results", "verifications", "restatements", "day_locks", "request_turns", "alembic_version")
"""Tables of the warehouse that are no figures and follow from nothing: what was looked at and changed, and when; locks
and turns; the revision. All others are figures, or what figures follow from, and must come back from the archive alone.
"""
TIMES = re.compile(r".*_at|run_id|result_id|summed_days")
"""Columns that say when and by which run a row was written, or make a fingerprint of that: another build has others."""

LONGEST_S = 600
"""From an empty server to all figures, from the archive alone."""
NEEDS_ELEXON = {"reconciliation_latest": "check_family <> 'drift'"}
"""Of a table, the rows that an archive alone gives: a look at whether Elexon still says the same asks Elexon."""

Rows = Mapping[str, Mapping[str, tuple[int, str]]]
"""Of each table, each column: how many rows there are, and a hash of all its values beside their keys."""


class Server:
    """A new PostgreSQL with the project's logins, and the addresses of its databases."""

    def __init__(self, server: Any) -> None:
        at = f"127.0.0.1:{server.port}"
        self.superuser = f"postgresql://postgres:{server.superuser_password}@{at}/postgres"
        self.environ = {
            "DATABASE_URL": f"postgresql://minerecon_owner:owner-hush@{at}/minerecon",
            "DAGSTER_POSTGRES_URL": f"postgresql://minerecon_dagster:dagster-hush@{at}/dagster",
        }
        given = [part for name, value in PASSWORDS.items() for part in ("-v", f"{name}={value}")]
        psql = [str(programs_folder() / "psql"), "-qX", "-v", "ON_ERROR_STOP=1", *given]
        subprocess.run([*psql, "-f", str(DEPLOY / "postgres" / "roles.psql"), self.superuser], check=True)


@contextmanager
def new_server(folder: Path) -> Iterator[Server]:
    """A server that is gone, with its data, after the ``with`` block."""
    folder.mkdir()
    with serving(folder) as server:
        yield Server(server)


def say(text: str) -> None:
    """Tell a person what is going on, beside the one line of JSON."""
    print(f"drill: {text}", file=sys.stderr, flush=True)


def run(command: list[str | Path], environ: Mapping[str, str], codes: tuple[int, ...] = (0,)) -> str:
    """What a command prints; it must end with one of ``codes``."""
    path = f"{programs_folder()}{os.pathsep}{os.environ.get('PATH', '')}"
    keep = {k: v for k, v in os.environ.items() if k in ("HOME", "LANG", "TMPDIR")}
    done = subprocess.run(
        [str(part) for part in command],
        env={**keep, **environ, "PATH": path},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in codes, f"{command}: {done.returncode}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
    if done.returncode:
        say(f"{' '.join(map(str, command[1:]))} ends with {done.returncode}: {done.stderr[-1500:]}")
    return done.stdout


def rows_of(url: str, where: Mapping[str, str] | None = None) -> Rows:
    """All tables of a database, whatever schema they are in; of some, only the rows of a condition."""
    found: dict[str, dict[str, tuple[int, str]]] = {}
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.oid::regclass::text, c.relname, array_agg(a.attname::text ORDER BY a.attnum),"
            " (SELECT array_agg(k.attname::text) FROM pg_index AS i JOIN pg_attribute AS k"
            "  ON k.attrelid = c.oid AND k.attnum = ANY(i.indkey) WHERE i.indrelid = c.oid AND i.indisprimary)"
            " FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind = 'r'"
            " AND n.nspname NOT IN ('pg_catalog', 'information_schema') GROUP BY c.oid, c.relname"
        )
        for table, name, columns, keys in cursor.fetchall():
            key = ", ".join(f'"{part}"' for part in keys or columns)
            hashes = ", ".join(
                f'md5(string_agg(md5(row({key}, "{column}")::text), \'\' ORDER BY md5(row({key}, "{column}")::text)))'
                for column in columns
            )
            cursor.execute(f"SELECT count(*), {hashes} FROM {table} WHERE {(where or {}).get(name, 'true')}")
            count, *values = cursor.fetchone() or ()
            found[name] = {column: (count, value) for column, value in zip(columns, values, strict=True)}
    return found


def figures(environ: Mapping[str, str]) -> Rows:
    """Of the warehouse's tables, what is a figure, or what figures follow from."""
    return {
        table: {column: value for column, value in columns.items() if not TIMES.fullmatch(column)}
        for table, columns in rows_of(environ["DATABASE_URL"], NEEDS_ELEXON).items()
        if table not in HISTORY
    }


def schema(environ: Mapping[str, str]) -> list[str]:
    """What the warehouse is, without its rows: tables, views, functions, comments, and every right."""
    dump = [programs_folder() / "pg_dump", "--schema-only", "--exclude-schema=minerecon_guard", environ["DATABASE_URL"]]
    lines = run(dump, environ).splitlines()
    # A condition that was read again has fewer brackets; a line with a backslash is a key of the dump, drawn by lot.
    return sorted(re.sub("[()]", "", line) for line in lines if line and not line.startswith(("\\", "--")))


def standing(environ: Mapping[str, str], span: list[str]) -> dict[str, Any]:
    """What `minerecon status` says of the days, but for the times."""
    said = json.loads(run([MINERECON, "status", "--from", span[0], "--to", span[1], "--json"], environ, codes=(0, 1)))
    return {key: said[key] for key in ("ok", "from", "to", "rate", "months", "problems", "sums")}


@contextmanager
def bucket() -> Iterator[tuple[Any, str]]:
    """A bucket that keeps versions, by moto, as a client and the address of its S3."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    moto.start()
    try:
        endpoint = "http://{}:{}".format(*moto.get_host_and_port())
        s3 = boto3.session.Session("drill", "drill", region_name="eu-west-2").client("s3", endpoint_url=endpoint)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield s3, endpoint
    finally:
        moto.stop()


def drill(days: int) -> dict[str, Any]:
    """Do it all; gives what was measured.

    Args:
        days: two or more; the last one is made after the dump.
    """
    dates = [FIRST + dt.timedelta(days=n) for n in range(days)]
    with (
        tempfile.TemporaryDirectory(prefix="drill-") as name,
        bucket() as (s3, endpoint),
        serve_sample(SampleWorld(dates)) as elexon,
        local_services(Path(name) / "dynamodb", {"DATABASE_URL": "-", "DAGSTER_POSTGRES_URL": "-"}) as dynamodb,
    ):
        folder = Path(name)
        shared = {
            **dynamodb,
            "AWS_ENDPOINT_URL_S3": endpoint,
            "AWS_REGION": "eu-west-2",
            "MINERECON_ARCHIVE_URL": f"s3://{BUCKET}/archive",
            "MINERECON_HOME": str(folder / "home"),
            "MINERECON_START_DATE": str(FIRST),
            "MINERECON_EMBEDDED": "never",
            "ELEXON_BASE_URL": elexon,
            "ELEXON_MAX_REQUESTS_PER_MINUTE": "0",
        }
        shared.setdefault("AWS_ACCESS_KEY_ID", "drill")
        shared.setdefault("AWS_SECRET_ACCESS_KEY", "drill")
        # From here on the servers are new, and nobody answers at Elexon's address.
        silent = {**shared, "ELEXON_BASE_URL": f"http://127.0.0.1:1{urlsplit(elexon).path}"}
        seen: dict[str, Any] = {"drill": "disaster", "days": days}
        with new_server(folder / "first") as first:
            lost = made(folder / "dumps", {**shared, **first.environ}, dates, seen)
        with new_server(folder / "second") as second:
            from_the_dump({**silent, **second.environ}, lost, dates, seen)
        with new_server(folder / "third") as third:
            from_the_archive({**silent, **third.environ}, lost, dates, seen)
        return seen | damage(s3, shared)


@dataclass(frozen=True)
class Lost:
    """What was there before the servers were destroyed.

    Attributes:
        dump: the folder with the dumps of both databases.
        dumped: all tables of both, as they were dumped.
        dumped_status: what `minerecon status` said then.
        dumped_schema: the warehouse without its rows, then.
        figures: at the end, a day later.
        status: what `minerecon status` said at the end.
    """

    dump: str
    dumped: Mapping[str, Rows]
    dumped_status: Mapping[str, Any]
    dumped_schema: Sequence[str]
    figures: Rows
    status: Mapping[str, Any]


def databases(environ: Mapping[str, str]) -> dict[str, Rows]:
    """All tables of both databases."""
    return {name: rows_of(environ[name]) for name in ("DATABASE_URL", "DAGSTER_POSTGRES_URL")}


def reingest(environ: Mapping[str, str], first: dt.date, last: dt.date, *options: str) -> None:
    """Have days made; it exits with 1 where a check of them warns, and what there is, is compared anyway."""
    run([MINERECON, "reingest", str(first), str(last), *options], environ, codes=(0, 1))


def made(folder: Path, environ: Mapping[str, str], dates: Sequence[dt.date], seen: dict[str, Any]) -> Lost:
    """Make the days, dump both databases before the last of them, and say what there was."""
    say(f"{len(dates)} days are made")
    span = [str(dates[0]), str(dates[-1])]
    run([MINERECON, "db", "upgrade", "--sample"], environ)
    run([MINERECON, "difficulty", "load", SAMPLE_DIFFICULTY_CSV], environ)
    reingest(environ, dates[0], dates[-2])
    dumped, dumped_status, dumped_schema = databases(environ), standing(environ, span), schema(environ)
    begun = time.monotonic()
    dump = run([DEPLOY / "backup" / "backup.sh", folder], environ).strip().splitlines()[-1]
    seen["backup_s"] = round(time.monotonic() - begun, 1)
    seen["dump_mb"] = round(sum(f.stat().st_size for f in Path(dump).iterdir()) / 1e6, 1)
    reingest(environ, dates[-1], dates[-1])
    found = figures(environ)
    assert found["daily_summaries"]["summary_date"][0] == len(dates), found["daily_summaries"]
    seen["records"] = found["curtailment_records"]["settlement_date"][0]
    return Lost(dump, dumped, dumped_status, dumped_schema, found, standing(environ, span))


def from_the_dump(environ: Mapping[str, str], lost: Lost, dates: Sequence[dt.date], seen: dict[str, Any]) -> None:
    """Restore the dump; what was made after it comes from the archive."""
    say("the server is destroyed; the dump of a day before is restored")
    span = [str(dates[0]), str(dates[-1])]
    begun = time.monotonic()
    run([DEPLOY / "backup" / "restore.sh", lost.dump], environ)
    restored = time.monotonic() - begun
    for name, rows in databases(environ).items():
        compare(f"{name} after the restore", lost.dumped[name], rows)
    begun = time.monotonic()
    run([MINERECON, "db", "upgrade"], environ)
    upgraded = time.monotonic() - begun
    compare("the warehouse after db upgrade", lost.dumped["DATABASE_URL"], rows_of(environ["DATABASE_URL"]))
    different = set(lost.dumped_schema) ^ set(schema(environ))
    assert not different, f"the warehouse's schema differs after db upgrade: {sorted(different)[:20]}"
    compare_status(lost.dumped_status, standing(environ, span))
    begun = time.monotonic()
    # The day before is built again, too: that the restored tables are worked on as if nothing had been.
    reingest(environ, dates[-2], dates[-1], "--from-archive")
    seen["rto_from_dump_s"] = round(restored + upgraded + time.monotonic() - begun, 1)
    compare("after the day since the dump came from the archive", lost.figures, figures(environ))
    compare_status(lost.status, standing(environ, span))


def from_the_archive(environ: Mapping[str, str], lost: Lost, dates: Sequence[dt.date], seen: dict[str, Any]) -> None:
    """Build everything from the archive, in a server that has nothing."""
    say("the server is destroyed again; nobody looks at the dumps")
    begun = time.monotonic()
    run([MINERECON, "db", "upgrade", "--sample"], environ)
    run([MINERECON, "difficulty", "load", SAMPLE_DIFFICULTY_CSV], environ)
    reingest(environ, dates[0], dates[-1], "--from-archive")
    seen["rto_from_archive_s"] = round(time.monotonic() - begun, 1)
    found = figures(environ)
    seen["rpo_days_of_figures"] = len(dates) - found["daily_summaries"]["summary_date"][0]
    compare("after everything was built from the archive", lost.figures, found)
    compare_status(lost.status, standing(environ, [str(dates[0]), str(dates[-1])]))
    assert seen["rto_from_archive_s"] <= LONGEST_S, seen


def compare(when: str, before: Rows, after: Rows) -> None:
    """See that all values are the same.

    Raises:
        AssertionError: columns differ; with their names.
    """
    different = [
        f"{table}.{column}"
        for table in sorted(before.keys() | after.keys())
        for column in sorted(before.get(table, {}).keys() | after.get(table, {}).keys())
        if before.get(table, {}).get(column) != after.get(table, {}).get(column)
    ]
    assert not different, f"{when}, these differ: {', '.join(different)}"


def compare_status(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """See that the days stand as they did.

    Raises:
        AssertionError: `minerecon status` says something else.
    """
    assert before == after, f"`minerecon status` said {before}, and says {after}"


def damage(s3: Any, environ: Mapping[str, str]) -> dict[str, Any]:
    """Damage an object of the archive; it is named, and restored from the version before."""
    verify = [MINERECON, "archive", "verify", "--json"]
    begun = time.monotonic()
    whole = json.loads(run(verify, environ))
    took = round(time.monotonic() - begun, 1)
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="archive/days/")["Contents"]
    key = next(item["Key"] for item in listed if item["Key"].endswith(".zip"))
    body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=key, Body=body[: len(body) // 2] + b"?" + body[len(body) // 2 + 1 :])
    [entry] = json.loads(run(verify, environ, codes=(1,)))["damaged"]
    assert entry["object"].endswith(key.removeprefix("archive/")), entry
    older = [v for v in s3.list_object_versions(Bucket=BUCKET, Prefix=key)["Versions"] if not v["IsLatest"]]
    source = {"Bucket": BUCKET, "Key": key, "VersionId": older[0]["VersionId"]}
    s3.copy_object(Bucket=BUCKET, Key=key, CopySource=source)
    assert json.loads(run(verify, environ))["damaged"] == []
    return {"archive_objects": whole["objects"], "archive_mb": round(whole["bytes"] / 1e6, 1), "archive_verify_s": took}


if __name__ == "__main__":
    print(json.dumps(drill(int(sys.argv[1]) if len(sys.argv) > 1 else 31)))
