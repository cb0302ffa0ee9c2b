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
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
FACTS = (
    *("curtailment_records", "historical_bitcoin_calculations", "wind_generation_data", "daily_summaries"),
    *("bitcoin_daily_summaries", "monthly_summaries", "bitcoin_monthly_summaries", "yearly_summaries"),
)
"""Tables of figures. What says when and by which run a row was written is left out: it is no figure."""
NO_FIGURE = ("_at", "run_id", "summed")


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


def figures(url: str) -> dict[str, tuple[int, str]]:
    """Of each table of figures: how many rows there are, and a hash of all of them."""
    found = {}
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        for table in FACTS:
            cursor.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'minerecon'"
                " AND table_name = %s ORDER BY column_name",
                (table,),
            )
            columns = [name for (name,) in cursor.fetchall() if not name.endswith(NO_FIGURE)]
            row = ", ".join(f'"{name}"' for name in columns)
            cursor.execute(
                f"SELECT count(*), md5(string_agg(md5(r), '' ORDER BY md5(r)))"
                f" FROM (SELECT row({row})::text AS r FROM minerecon.{table}) AS rows"
            )
            found[table] = cursor.fetchone()
    return found


def standing(environ: Mapping[str, str], span: list[str]) -> dict[str, Any]:
    """What `minerecon status` says of the days, but for the times."""
    said = json.loads(run([MINERECON, "status", "--from", span[0], "--to", span[1], "--json"], environ, codes=(0, 1)))
    return {key: said[key] for key in ("ok", "from", "to", "rate", "months", "problems", "sums")}


def drill(days: int) -> dict[str, Any]:
    """Do it all; gives what was measured."""
    last = FIRST + dt.timedelta(days=days - 1)
    span = [str(FIRST), str(last)]
    seen: dict[str, Any] = {"drill": "disaster", "days": days}
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    moto.start()
    endpoint = "http://{}:{}".format(*moto.get_host_and_port())
    s3 = boto3.session.Session("drill", "drill", region_name="eu-west-2").client("s3", endpoint_url=endpoint)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    with (
        tempfile.TemporaryDirectory(prefix="drill-") as name,
        serve_sample(SampleWorld([FIRST + dt.timedelta(days=n) for n in range(days)])) as elexon,
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

        say(f"{days} days are made")
        with new_server(folder / "first") as first:
            environ = {**shared, **first.environ}
            run([MINERECON, "db", "upgrade", "--sample"], environ)
            run([MINERECON, "difficulty", "load", SAMPLE_DIFFICULTY_CSV], environ)
            run([MINERECON, "reingest", *span], environ, codes=(0, 1))
            before, stood = figures(first.environ["DATABASE_URL"]), standing(environ, span)
            assert before["daily_summaries"][0] == days, before
            seen["records"] = before["curtailment_records"][0]
            begun = time.monotonic()
            dump = run([DEPLOY / "backup" / "backup.sh", folder / "dumps"], environ).strip().splitlines()[-1]
            seen["backup_s"] = round(time.monotonic() - begun, 1)
            seen["dump_mb"] = round(sum(f.stat().st_size for f in Path(dump).iterdir()) / 1e6, 1)
        say("the server is destroyed")

        with new_server(folder / "second") as second:
            environ = {**shared, **second.environ}
            begun = time.monotonic()
            run([DEPLOY / "backup" / "restore.sh", dump], environ)
            run([MINERECON, "db", "upgrade"], environ)
            after, stands = figures(second.environ["DATABASE_URL"]), standing(environ, span)
            seen["rto_from_dump_s"] = round(time.monotonic() - begun, 1)
            compare("after the restore of the dump", before, after)
            assert stands == stood, "`minerecon status` says something else after the restore"
            # The next day's work goes on in the restored databases.
            run([MINERECON, "reingest", str(last), "--from-archive"], environ, codes=(0, 1))
            compare("after a day was built again in the restored databases", before, figures(environ["DATABASE_URL"]))
        say("the server is destroyed again, and the dumps are not looked at")

        with new_server(folder / "third") as third:
            # Nobody answers at Elexon's address any more.
            environ = {**shared, **third.environ, "ELEXON_BASE_URL": f"http://127.0.0.1:1{urlsplit(elexon).path}"}
            begun = time.monotonic()
            run([MINERECON, "db", "upgrade", "--sample"], environ)
            run([MINERECON, "difficulty", "load", SAMPLE_DIFFICULTY_CSV], environ)
            run([MINERECON, "reingest", *span, "--from-archive"], environ, codes=(0, 1))
            after = figures(third.environ["DATABASE_URL"])
            seen["rto_from_archive_s"] = round(time.monotonic() - begun, 1)
            compare("after everything was built from the archive", before, after)
            compare_status(stood, standing(environ, span))
        seen["facts_lost"] = 0
        seen |= damage(s3, shared)
    moto.stop()
    return seen


def compare(when: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """See that all figures are the same.

    Raises:
        AssertionError: a table differs.
    """
    different = {table: (before[table], after[table]) for table in before if before[table] != after[table]}
    assert not different, f"{when}, these differ: {different}"


def compare_status(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """See that the days stand as they did."""
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
