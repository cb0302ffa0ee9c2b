"""Three hosts do a backfill within one limit, and one of them dies in the middle of it.

Run by `make deploy-check ONLY=hosts`, as root, in a network and a mount namespace of its own: this process is the host
with the services (PostgreSQL, S3 and DynamoDB by moto, the source, code server, daemon), and three more are hosts by
cluster.py, on which `K8sRunLauncher` has the runs. The source is the replay of published days, which lies beside the
project or is not there.

First one host makes the days by a command, without a limit, while the three hosts take turns of a source that answers
nothing: the limit is measured to the request. Then the same days are a backfill through the queue, at 1,200 requests a
minute, cut into runs; when a quarter is done a host's cable is pulled and its processes are killed. What comes out must
be what the one host made. Prints one JSON object.
"""

from __future__ import annotations

import bisect
import contextlib
import datetime as dt
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import yaml

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from cluster import SERVICES, Hosts, Kubernetes
from counted import TURN
from parts import DEPLOY, ROOT

from bench.replay import RETARGETS, serve_replay

PATIENCE = float(os.environ.get("DEPLOY_CHECK_PATIENCE", "1"))
LIMIT = int(os.environ.get("DEPLOY_CHECK_LIMIT", "1200"))
"""Requests a minute of the backfill; a year's takes over half an hour at 1,200."""
DAYS_PER_RUN = 31
"""The most that the daemon puts into a run; a backfill of fewer days is given in `PARTS`."""
PARTS = 8
TURNS_PER_MINUTE, TURNS_S, THREADS = 1200, 75.0, 8
LEAST_SHARE = 0.975
METERED = {"ELEXON_METERED_CALLS_PER_RUN": "366"}
"""Of each host: one run of all days would leave out what the runs of a backfill ask for between them."""
MOST_REPEATED = 220
"""Requests of two days, that a run had in hand when it died; the register is asked once a run."""
GOES_ON_WITHIN_S, FREED_WITHIN_S = 120.0, 75.0
PORT, MOTO_PORT, CODE_PORT, POSTGRES_PORT = 8080, 5000, 4000, 5432
MINERECON = Path(sys.executable).with_name("minerecon")
BUCKET = "minerecon-hosts"
PASSWORDS = {f"{role}_password": f"{role}-hush" for role in ("owner", "worker", "dagster")}
NO_RESULT = ("request_turns", "reconciliation_latest")
"""Tables that say how it came about: the turns of the limit, and which looks there were; how days stand is compared."""
ENDED = ("COMPLETED", "COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED")


class Arrival(NamedTuple):
    """A question as the source saw it: when, by the machine's monotonic clock; from where; for what."""

    at: float
    host: str
    path: str


def main(days: int) -> dict[str, Any]:
    """Do it all; gives what was measured."""
    first = dt.date(2025, 1, 1) if days > 31 else dt.date(2025, 3, 1)
    names = [str(first + dt.timedelta(days=n)) for n in range(days)]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hosts-")))
        folder.chmod(0o755)
        hosts = Hosts()
        stack.callback(hosts.close)
        say(f"{len(hosts.addresses)} hosts at a switch")
        upstream = stack.enter_context(serve_replay())
        difficulties = only_around(RETARGETS, names, folder / "difficulties.csv")
        log = folder / "arrivals.log"
        log.touch()
        counted = Path(__file__).with_name("counted.py")
        stack.enter_context(process([sys.executable, counted, str(PORT), upstream, log], folder / "counted.log"))
        elexon = f"http://{SERVICES}:{PORT}{urlsplit(upstream).path}"
        environ = stack.enter_context(services(folder, elexon, first, difficulties))

        measuring = turns(hosts, environ, folder)
        reference, standing, one_host_s = one_host(folder / "one", upstream, names, difficulties)
        seen: dict[str, Any] = {"hosts": len(hosts.addresses), "days": days, "one_host_s": one_host_s}
        seen |= turns_taken(measuring, arrivals(log), hosts)
        say(f"one host took {one_host_s} s; {seen['turns_share']:.2%} of {TURNS_PER_MINUTE} turns a minute were taken")

        wrong: list[str] = []
        seen |= backfill(stack, hosts, folder, environ, names, log, wrong)
        owner = environ["DATABASE_URL"].replace("worker", "owner")
        wrong += [f"not what the one host made: {what}" for what in differences(reference, owner)]
        stands = statuses(owner).items() ^ standing.items()
        wrong += [f"stands otherwise than with the one host: {what}" for what in sorted(stands)]
        sound = json.loads(run([MINERECON, "archive", "verify", "--json"], environ))
        wrong += [] if sound["ok"] and sound["days"] == days else [f"the archive: {sound}"]
        seen["archive_objects"] = sound["objects"]
        say(json.dumps(seen))
        assert not wrong, "\n".join(wrong)
    return seen


def backfill(
    stack: contextlib.ExitStack,
    hosts: Hosts,
    folder: Path,
    environ: dict[str, str],
    days: Sequence[str],
    log: Path,
    wrong: list[str],
) -> dict[str, Any]:
    """The three hosts' part; gives what was seen of it, and puts into ``wrong`` what should be otherwise."""
    from dagster import DagsterInstance
    from dagster._core.storage.tags import PARENT_RUN_ID_TAG

    kubernetes = Kubernetes(hosts, folder, {"minerecon-settings": environ, "minerecon-run": {}})
    stack.callback(kubernetes.close)
    run([MINERECON.with_name("dagster"), "instance", "migrate"], environ)
    plane = stack.enter_context(ControlPlane(folder, environ))
    plane.start("code")
    os.environ.clear()
    os.environ.update(environ)
    instance = stack.enter_context(DagsterInstance.get())
    only_what_is_asked_for(instance)
    plane.start("daemon")
    begun = time.monotonic()
    backfills = begin(instance, days)
    expected = 102 * len(days)

    def is_broken() -> None:
        if broken := [name for name, job in kubernetes.jobs.items() if job.process.poll()]:
            raise AssertionError(f"{broken[0]}: {(folder / f'{broken[0]}.log').read_text('utf-8')[-3000:]}")

    def is_under_way() -> bool:
        is_broken()
        return len(arrivals(log, since=begun)) > expected / 10

    until(300, "a tenth is done", is_under_way)
    seen: dict[str, Any] = {"deploy_s": plane.replace()}
    replaced = time.monotonic() - seen["deploy_s"]
    seen["requests_during_deploy"] = len(arrivals(log, since=replaced))
    assert seen["requests_during_deploy"], "no run worked while code server and daemon were replaced"
    say(f"a deploy took {seen['deploy_s']} s; {seen['requests_during_deploy']} questions were asked meanwhile")

    def victim() -> str | None:
        """A host that is in the middle of a run, once a quarter is done."""
        is_broken()
        asked = arrivals(log, since=begun)
        of_late = Counter(a.host for a in asked if a.at > time.monotonic() - 10)
        if len(asked) < expected / 4 or len([h for h in hosts.addresses.values() if of_late[h] > 5]) < 3:
            return None
        return next((job.host for job in kubernetes.active() if of_late[hosts.addresses[job.host]] > 5), None)

    host = until(600, "a quarter is done, by three hosts", victim)
    hosts.cut(host)
    cut, cut_at = time.monotonic(), time.time()
    lost = [run_of(job) for job in kubernetes.active() if job.host == host]
    kubernetes.kill(host)
    say(f"host {host} is cut off and killed, with {len(lost)} run(s), {cut - begun:.0f} s after the backfill began")
    seen |= {"cut_after_s": round(cut - begun, 1), "runs_lost": len(lost)}
    seen["freed_after_s"] = round(freed(hosts.addresses[host], cut), 1)
    say(f"the warehouse holds nothing for it any more after {seen['freed_after_s']} s")

    def over() -> bool:
        states = Counter(found.status.value for b in backfills if (found := instance.get_backfill(b)) is not None)
        return all(state in ENDED for state in states)

    until(max(600, 60 * expected / LIMIT * 2), "the backfill ends", over)
    seen["backfill_s"] = round(time.monotonic() - begun, 1)
    say(f"the backfill has ended after {seen['backfill_s']} s")
    states = Counter(found.status.value for b in backfills if (found := instance.get_backfill(b)) is not None)
    runs = instance.get_runs()
    wrong += [f"run {r.run_id}: {why(instance, r.run_id)}" for r in runs if not r.is_success and r.run_id not in lost]
    wrong += [f"run {r.run_id} is left {r.status.value}" for r in runs if not r.is_finished]
    if set(states) != {"COMPLETED_SUCCESS"}:
        wrong.append(f"the backfill is {dict(states)}")
        wrong += [f"{b}: {found.error}" for b in backfills if (found := instance.get_backfill(b)) and found.error]
    again = [r.tags[PARENT_RUN_ID_TAG] for r in runs if PARENT_RUN_ID_TAG in r.tags]
    if sorted(again) != sorted(lost):
        wrong.append(f"runs {lost} were lost, and begun again were {again}")
    anew = [r.run_id for r in runs if r.tags.get(PARENT_RUN_ID_TAG) in lost]
    seen["after_the_cut_s"] = steps(*([instance.get_run_stats(one) for one in some] for some in (lost, anew)), cut_at)
    seen["runs"] = len(runs)

    asked = arrivals(log, since=begun)
    dead = hosts.addresses[host]
    went_on = [goes_on_at(asked, days_of(instance.get_run_by_id(run_id)), cut, dead) - cut for run_id in lost]
    seen["goes_on_after_s"] = round(max(went_on), 1)
    if seen["goes_on_after_s"] > GOES_ON_WITHIN_S * PATIENCE:
        wrong.append(f"the work of the dead host went on after {seen['goes_on_after_s']} s")
    times = [a.at for a in asked]
    seen["requests"], seen["fullest_60_s"] = len(times), fullest(times)
    if seen["fullest_60_s"] > LIMIT:
        wrong.append(f"{seen['fullest_60_s']} requests in 60 s")
    seen["requests_repeated"] = sum(n - 1 for n in Counter(a.path for a in asked).values())
    if seen["requests_repeated"] > MOST_REPEATED * len(lost) + len(runs):
        wrong.append(f"{seen['requests_repeated']} requests were made again")
    seen["hosts_share"] = shares(asked, hosts)

    sums = submitted(instance, "rollup_sweep")
    until(120, "the sums are made", lambda: instance.get_run_by_id(sums).is_finished)
    wrong += [] if instance.get_run_by_id(sums).is_success else [f"the sums: {why(instance, sums)}"]
    with contextlib.closing(warehouse()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT state, count(*) FROM minerecon.daily_summaries GROUP BY 1")
        seen["states"] = dict(cursor.fetchall())
    if seen["states"] != {"final": len(days)}:
        wrong.append(f"days are {seen['states']}")
    return seen


class ControlPlane:
    """Code server and daemon of this host, as long as the ``with`` block, and what a deploy does with them."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder, self._environ = folder, environ
        workspace = str(Path(environ["DAGSTER_HOME"]) / "workspace.yaml")
        code = ["dagster", "api", "grpc", "--host", "0.0.0.0", "--port", str(CODE_PORT)]
        code += ["--module-name", "minerecon_dagster.definitions", "--location-name", "minerecon_dagster"]
        self._commands = {"code": code, "daemon": ["dagster-daemon", "run", "-w", workspace]}
        self._stacks: dict[str, contextlib.ExitStack] = {}

    def __enter__(self) -> ControlPlane:
        return self

    def __exit__(self, *why: Any) -> None:
        for stack in reversed(self._stacks.values()):
            stack.__exit__(*why)

    def start(self, role: str) -> None:
        """Start one of the two; the code server answers then."""
        stack = self._stacks[role] = contextlib.ExitStack()
        log = self._folder / f"{role}.log"
        stack.enter_context(process(program(self._commands[role]), log, self._environ))
        if role == "code":
            health = program(["dagster", "api", "grpc-health-check", "-p", str(CODE_PORT)])
            until(60, "the code server answers", lambda: not subprocess.run(health, capture_output=True).returncode)

    def replace(self) -> float:
        """Replace both in the order of a deploy, each asked to end by SIGTERM; in how many seconds."""
        begun = time.monotonic()
        for role in self._commands:
            self._stacks.pop(role).close()
            self.start(role)
        return round(time.monotonic() - begun, 1)


@contextlib.contextmanager
def workspace_of(instance: Any) -> Iterator[Any]:
    """What the code server has, as it is now."""
    from dagster import __version__
    from dagster._cli.workspace.cli_target import get_workspace_from_cli_opts
    from dagster_shared.cli import WorkspaceOpts

    file = str(Path(os.environ["DAGSTER_HOME"]) / "workspace.yaml")
    with get_workspace_from_cli_opts(instance, __version__, WorkspaceOpts(workspace=[file])) as workspace:
        yield workspace


def begin(instance: Any, days: Sequence[str]) -> list[str]:
    """Give the days to the daemon as a backfill of all that is made of a day; a short one in parts, each a run."""
    from dagster._core.execution.backfill import PartitionBackfill

    from minerecon_dagster import asset_keys

    with workspace_of(instance) as workspace:
        graph = workspace.asset_graph
    size = DAYS_PER_RUN * PARTS if len(days) > DAYS_PER_RUN else -(-len(days) // PARTS)
    ids = []
    for number, start in enumerate(range(0, len(days), size)):
        ids.append(f"hosts{number:02d}")
        instance.add_backfill(
            PartitionBackfill.from_asset_partitions(
                backfill_id=ids[-1],
                asset_graph=graph,
                partition_names=days[start : start + size],
                asset_selection=list(asset_keys.SETTLEMENT_DAY),
                backfill_timestamp=time.time(),
                tags={},
                dynamic_partitions_store=instance,
                all_partitions=False,
                title=None,
                description=None,
                run_config=None,
            )
        )
    return ids


def only_what_is_asked_for(instance: Any) -> None:
    """Switch schedules and sensors off: what they would start is no part of this."""
    with workspace_of(instance) as workspace:
        [location] = workspace.code_locations
        [repository] = location.get_repositories().values()
        for schedule in repository.get_schedules():
            instance.stop_schedule(schedule.get_remote_origin_id(), schedule.selector_id, schedule)
        for sensor in repository.get_sensors():
            instance.stop_sensor(sensor.get_remote_origin_id(), sensor.selector_id, sensor)


def submitted(instance: Any, job: str) -> str:
    """Put a job into the queue; gives its run."""
    from dagster._cli.job import _create_run
    from dagster._cli.workspace.cli_target import get_remote_job_from_remote_repo

    with workspace_of(instance) as workspace:
        [location] = workspace.code_locations
        [repository] = location.get_repositories().values()
        made = _create_run(
            instance=instance,
            code_location=location,
            remote_repo=repository,
            remote_job=get_remote_job_from_remote_repo(repository, job),
            run_config={},
            tags={},
            op_selection=None,
            run_id=None,
        )
        instance.submit_run(made.run_id, workspace)
    return str(made.run_id)


def why(instance: Any, run_id: str) -> str:
    """The last that a run says of itself."""
    said = [e.message or e.user_message for e in instance.all_logs(run_id) if e.level >= 40 or e.is_dagster_event]
    return " | ".join(said[-4:])[-1500:]


def run_of(job: Any) -> str:
    """The run that a job is for."""
    return str(job.body["metadata"]["labels"]["dagster/run-id"])


def days_of(run: Any) -> list[str]:
    """The days of a run."""
    tags = run.tags
    if (day := tags.get("dagster/partition")) is not None:
        return [day]
    begin, end = (dt.date.fromisoformat(tags[f"dagster/asset_partition_range_{e}"]) for e in ("start", "end"))
    return [str(begin + dt.timedelta(days=n)) for n in range((end - begin).days + 1)]


def steps(lost: Sequence[Any], anew: Sequence[Any], cut_at: float) -> dict[str, float]:
    """Between the cut and the work that goes on: when the last run was found dead, and what became of its successor."""
    at = {
        "found_dead": [one.end_time for one in lost],
        "queued": [one.enqueued_time for one in anew],
        "launched": [one.launch_time for one in anew],
        "begun": [one.start_time for one in anew],
    }
    return {name: round(max(times) - cut_at, 1) for name, times in at.items() if times and None not in times}


def goes_on_at(asked: Sequence[Arrival], days: Sequence[str], cut: float, dead: str) -> float:
    """When another host first asks for a day of a run that was lost; never is for ever."""
    return next(
        (a.at for a in asked if a.at > cut and a.host != dead and any(day in a.path for day in days)), float("inf")
    )


def freed(address: str, cut: float) -> float:
    """How long after the cut the warehouse's server has given up the last connection of a host, in seconds."""
    with contextlib.closing(warehouse(superuser=True)) as connection, connection.cursor() as cursor:
        connection.autocommit = True

        def none_left() -> bool:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE client_addr = %s AND datname = 'minerecon'", (address,)
            )
            return cursor.fetchone() == (0,)

        assert not none_left(), "it held nothing"
        until(FREED_WITHIN_S, "the server gives up what the dead host held", none_left)
    return time.monotonic() - cut


def arrivals(log: Path, since: float = 0.0) -> list[Arrival]:
    """What the source was asked, in the order of time; the last line may still be written."""
    lines = log.read_text("utf-8").rpartition("\n")[0].splitlines()
    found = (line.split(" ", 2) for line in lines)
    return sorted(Arrival(float(at), host, path) for at, host, path in found if float(at) >= since)


def fullest(times: Sequence[float]) -> int:
    """The most arrivals in any 60 s."""
    return max(bisect.bisect_left(times, at + 60) - number for number, at in enumerate(times))


def shares(asked: Sequence[Arrival], hosts: Hosts) -> dict[str, float]:
    """What part of the questions each host asked."""
    by = Counter(a.host for a in asked)
    return {name: round(by[address] / len(asked), 3) for name, address in hosts.addresses.items()}


def turns(hosts: Hosts, environ: Mapping[str, str], folder: Path) -> list[subprocess.Popen[bytes]]:
    """Let the three hosts take turns for a while."""
    command = [sys.executable, __file__, "turns"]
    return [hosts.start(name, command, environ, folder / f"turns-{name}.log") for name in hosts.addresses]


def turns_taken(measuring: Sequence[subprocess.Popen[bytes]], asked: Sequence[Arrival], hosts: Hosts) -> dict[str, Any]:
    """How much of the limit three hosts use that have always something to ask, when all of them are at it."""
    codes = [one.wait(timeout=TURNS_S * 4) for one in measuring]
    assert codes == [0, 0, 0], codes
    taken = [a for a in asked if a.path == TURN]
    # From when the last host has begun to when the first has ended: the first burst is not among them.
    spans = [[a.at for a in taken if a.host == address] for address in hosts.addresses.values()]
    begin, end = max(span[0] for span in spans) + 1, min(span[-1] for span in spans)
    within = [a for a in taken if begin <= a.at < end]
    share = len(within) / (end - begin) * 60 / TURNS_PER_MINUTE
    most = fullest([a.at for a in taken])
    assert most <= TURNS_PER_MINUTE, f"{most} turns in 60 s"
    assert share >= LEAST_SHARE, f"{share:.2%} of the limit were used in {end - begin:.0f} s"
    return {
        "turns_s": round(end - begin, 1),
        "turns_share": round(share, 4),
        "turns_fullest_60_s": most,
        "turns_hosts_share": shares(within, hosts),
    }


def take_turns() -> None:
    """What each host does meanwhile: eight threads that ask whenever they may."""
    from minerecon_dagster.http.rate_limit import RateLimiter
    from minerecon_dagster.warehouse.turns import TurnsInWarehouse

    # Another name of the same host: its turns are no part of the days' limit.
    limiter = RateLimiter(TURNS_PER_MINUTE, TurnsInWarehouse(os.environ["DATABASE_URL"], "http://turns/"))
    until = time.monotonic() + TURNS_S

    def ask() -> None:
        connection = http.client.HTTPConnection(SERVICES, PORT, timeout=60)
        while time.monotonic() < until:
            limiter.acquire(wanted=1000)
            connection.request("GET", TURN)
            connection.getresponse().read()

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    limiter.close()


def one_host(
    folder: Path, upstream: str, days: Sequence[str], difficulties: Path
) -> tuple[dict[str, Any], dict[str, str], float]:
    """The days by one host, with embedded services and an archive in a folder: fingerprint, statuses, and how long."""
    from bench import fingerprint
    from minerecon_dagster.local.services import local_services

    folder.mkdir()
    with local_services(folder, {}) as found:
        environ = {
            **found,
            "MINERECON_HOME": str(folder),
            "MINERECON_START_DATE": days[0],
            "ELEXON_BASE_URL": upstream,
            "ELEXON_MAX_REQUESTS_PER_MINUTE": "0",
            **METERED,
        }
        run([MINERECON, "db", "upgrade"], environ)
        run([MINERECON, "difficulty", "load", difficulties], environ)
        begun = time.monotonic()
        run([MINERECON, "reingest", days[0], days[-1]], environ, (0, 1))
        took = time.monotonic() - begun
        url = found["DATABASE_URL"]
        return fingerprint.take(url), statuses(url), round(took, 1)


def differences(reference: dict[str, Any], url: str) -> list[str]:
    """What of the tables is not what the one host made."""
    from bench import fingerprint

    differing, alone = fingerprint.compare(reference, fingerprint.take(url))
    return [what for what in (*differing, *alone) if not what.startswith(NO_RESULT)]


def statuses(url: str) -> dict[str, str]:
    """How each day stands."""
    import psycopg2

    plain = url.replace("+psycopg2", "")
    with contextlib.closing(psycopg2.connect(plain)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT settlement_date, status FROM analytics.reconciliation_status")
        return {str(day): status for day, status in cursor.fetchall()}


def only_around(difficulties: Path, days: Sequence[str], out: Path) -> Path:
    """The changes of the difficulty around some days, in a file of their own: each is put into two tables."""
    head, *lines = difficulties.read_text("utf-8").splitlines()
    begin, end = (dt.date.fromisoformat(day) for day in (days[0], days[-1]))
    margin = dt.timedelta(days=40)
    kept = [line for line in lines if str(begin - margin) <= line.split(",")[1][:10] <= str(end + margin)]
    out.write_text("\n".join([head, *kept, ""]), "utf-8")
    return out


@contextlib.contextmanager
def services(folder: Path, elexon: str, first: dt.date, difficulties: Path) -> Iterator[dict[str, str]]:
    """PostgreSQL with the project's logins, S3 and DynamoDB; yields what a run's environment has."""
    import boto3.session

    environ = {
        "DAGSTER_HOME": str(folder / "dagster"),
        "DEPLOY_CODE_HOST": SERVICES,
        "DATABASE_URL": f"postgresql://minerecon_worker:worker-hush@{SERVICES}:{POSTGRES_PORT}/minerecon",
        "DAGSTER_POSTGRES_URL": f"postgresql://minerecon_dagster:dagster-hush@{SERVICES}:{POSTGRES_PORT}/dagster",
        "AWS_ENDPOINT_URL_S3": f"http://{SERVICES}:{MOTO_PORT}",
        "AWS_ENDPOINT_URL_DYNAMODB": f"http://{SERVICES}:{MOTO_PORT}",
        "AWS_REGION": "eu-west-2",
        "AWS_ACCESS_KEY_ID": "hosts",
        "AWS_SECRET_ACCESS_KEY": "hosts",
        "DYNAMODB_DIFFICULTY_TABLE": "minerecon-difficulty",
        "MINERECON_ARCHIVE_URL": f"s3://{BUCKET}/archive",
        "MINERECON_HOME": str(folder / "home"),
        "MINERECON_START_DATE": str(first),
        "MINERECON_EMBEDDED": "never",
        "ELEXON_BASE_URL": elexon,
        "ELEXON_MAX_REQUESTS_PER_MINUTE": str(LIMIT),
        **METERED,
    }
    environ |= {k: v for k, v in os.environ.items() if k in ("HOME", "LANG", "TMPDIR")}
    environ["PATH"] = f"{MINERECON.parent}{os.pathsep}{os.environ['PATH']}"
    moto = [sys.executable, "-m", "moto.server", "-H", SERVICES, "-p", str(MOTO_PORT)]
    dagster_home(folder / "dagster", folder / "kubeconfig")
    with postgres(folder / "server"), process(moto, folder / "moto.log"):
        owner = {**environ, "DATABASE_URL": environ["DATABASE_URL"].replace("worker", "owner")}
        run([MINERECON, "db", "upgrade"], owner)
        session = boto3.session.Session("hosts", "hosts", region_name="eu-west-2")
        s3 = session.client("s3", endpoint_url=environ["AWS_ENDPOINT_URL_S3"])
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
        run([MINERECON, "difficulty", "create-table"], environ)
        run([MINERECON, "difficulty", "load", difficulties], environ)
        yield environ


def dagster_home(home: Path, kubeconfig: Path) -> None:
    """The instance of deploy/kubernetes, whose launcher asks the cluster of the check."""
    home.mkdir()
    instance = yaml.safe_load((DEPLOY / "kubernetes" / "whole" / "dagster.yaml").read_text("utf-8"))
    given = instance["run_launcher"]["config"]
    instance["run_launcher"]["config"] = {
        **{name: given[name] for name in ("job_namespace", "service_account_name", "instance_config_map")},
        **{name: given[name] for name in ("env_secrets", "env_config_maps", "run_k8s_config")},
        "job_image": "localhost/minerecon:check",
        "load_incluster_config": False,
        "kubeconfig_file": str(kubeconfig),
        "dagster_home": str(home),
    }
    (home / "dagster.yaml").write_text(yaml.safe_dump(instance), "utf-8")
    (home / "workspace.yaml").write_text((DEPLOY / "workspace.yaml").read_text("utf-8"), "utf-8")


@contextlib.contextmanager
def postgres(home: Path) -> Iterator[None]:
    """A server that all hosts reach, with the logins of postgres/roles.psql."""
    from minerecon_dagster.local import postgres as local

    home.mkdir()
    with local.serving(home) as made:
        given = [part for name, value in PASSWORDS.items() for part in ("-v", f"{name}={value}")]
        url = f"postgresql://postgres:{made.superuser_password}@127.0.0.1:{made.port}/postgres"
        run(
            [
                local.programs_folder() / "psql",
                "-qX",
                "-v",
                "ON_ERROR_STOP=1",
                *given,
                "-f",
                DEPLOY / "postgres" / "roles.psql",
                url,
            ],
            {},
        )
    SUPERUSER.append(made.superuser_password)
    data = home / "postgres" / "data"
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {SERVICES}/24 scram-sha-256\n")
    programs = local.programs_folder()
    command = [*local._account(programs).prefix, programs / "postgres", "-D", data, "-p", str(POSTGRES_PORT)]
    for setting in ("listen_addresses=*", "unix_socket_directories=", "max_connections=150", "timezone=UTC"):
        command += ["-c", setting]
    with process(command, home / "postgres.log", stop=local._stop):

        def is_ready() -> bool:
            with contextlib.suppress(Exception), contextlib.closing(warehouse(superuser=True)):
                return True
            return False

        until(60, "PostgreSQL answers", is_ready)
        yield


SUPERUSER: list[str] = []


def warehouse(*, superuser: bool = False) -> Any:
    """A connection to the warehouse, from this host: as the owner, or as the superuser."""
    import psycopg2

    user, password = ("postgres", SUPERUSER[0]) if superuser else ("minerecon_owner", "owner-hush")
    return psycopg2.connect(host=SERVICES, port=POSTGRES_PORT, user=user, password=password, dbname="minerecon")


def program(command: Sequence[str]) -> list[str]:
    """A command of the project's environment."""
    return [str(MINERECON.with_name(command[0])), *command[1:]]


@contextlib.contextmanager
def process(
    command: Sequence[str | Path],
    log: Path,
    environ: Mapping[str, str] | None = None,
    stop: Callable[[Any], None] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of this host, as long as the ``with`` block; what it said last is told if the block fails."""
    with log.open("ab") as out:
        started = subprocess.Popen(
            [str(part) for part in command],
            env=dict(environ) if environ is not None else None,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield started
    except BaseException:
        print(f"--- {log.name}\n{log.read_text('utf-8', 'replace')[-3000:]}", file=sys.stderr)
        raise
    finally:
        (stop or _terminate)(started)


def _terminate(started: subprocess.Popen[bytes]) -> None:
    started.terminate()
    try:
        started.wait(timeout=20)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()


def run(command: Sequence[str | Path], environ: Mapping[str, str], codes: tuple[int, ...] = (0,)) -> str:
    """What a command prints; it must end with one of ``codes``."""
    kept = {k: v for k, v in os.environ.items() if k in ("HOME", "LANG", "PATH", "TMPDIR")}
    done = subprocess.run(
        [str(part) for part in command], env={**kept, **environ}, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode in codes, f"{command}: {done.returncode}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
    return done.stdout


def until(seconds: float, what: str, looks: Callable[[], Any]) -> Any:
    """Wait until something holds; what it gives.

    Raises:
        AssertionError: it did not in time.
    """
    begun = time.monotonic()
    while not (found := looks()):
        assert time.monotonic() - begun < seconds * PATIENCE, f"{what}: not within {seconds * PATIENCE:.0f} s"
        time.sleep(0.5)
    return found


def say(text: str) -> None:
    """Tell a person what is going on, beside the one line of JSON."""
    print(f"hosts: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "turns":
        take_turns()
    else:
        # As Ctrl-C: what was started is stopped.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        print(json.dumps({"hosts": "one cut off and killed", **main(int(sys.argv[1]))}))
