"""A host that dies without a word, as by a pulled cable and a power cut, frees the day that it worked on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from minerecon_dagster.local import postgres
from minerecon_dagster_tests.warehouse.servers import cluster

pytestmark = pytest.mark.slow

SERVER, WORKER = "10.213.77.1", "10.213.77.2"
FREED_WITHIN_S = 75.0
HOLD = """
import datetime as dt, sys, threading
from minerecon_dagster.warehouse.store import day_lock, open_warehouse
with day_lock(open_warehouse(sys.argv[1]), dt.date(2025, 3, 28)):
    print("held", flush=True)
    threading.Event().wait()
"""
WAIT = """
import datetime as dt, sys, time
from minerecon_dagster.warehouse.store import day_lock, open_warehouse
with day_lock(open_warehouse(sys.argv[1]), dt.date(2025, 3, 28), wait_s=200):
    pass
"""
UPGRADE = """
import sys
from minerecon_dagster.warehouse import migrate
from minerecon_dagster.warehouse.store import open_warehouse
migrate.upgrade(open_warehouse(sys.argv[1]))
"""


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def hosts() -> Iterator[tuple[str, str]]:
    """Two hosts with a cable between them."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces are root's to make")
    names = server, worker = f"mr{os.getpid()}s", f"mr{os.getpid()}w"
    try:
        try:
            for name in names:
                run("ip", "netns", "add", name)
        except subprocess.CalledProcessError:
            pytest.skip("network namespaces cannot be made here")
        run("ip", "-n", server, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", worker)
        for name, address in ((server, SERVER), (worker, WORKER)):
            run("ip", "-n", name, "address", "add", f"{address}/24", "dev", "cable")
            run("ip", "-n", name, "link", "set", "cable", "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


@pytest.fixture
def url(hosts: tuple[str, str], tmp_path: Path) -> Iterator[str]:
    """A warehouse on the first host, as both reach it."""
    home = tmp_path / "server"
    home.mkdir()
    with cluster(home, "embedded", {}) as made:
        password = made.running.password
    with (home / "data" / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {SERVER}/24 scram-sha-256\n")
    programs = postgres.programs_folder()
    command = ["ip", "netns", "exec", hosts[0], *postgres._account(programs).prefix, str(programs / "postgres")]
    options = ["-c", "listen_addresses=*", "-c", "unix_socket_directories=", "-p", "5432", "-D", str(home / "data")]
    process = subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL)
    url = f"postgresql+psycopg2://postgres:{password}@{SERVER}:5432/postgres"
    try:
        deadline = time.monotonic() + 60
        while subprocess.run(on(hosts[0], UPGRADE, url), capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline
        yield url
    finally:
        postgres._stop(process)


def on(host: str, program: str, url: str) -> list[str]:
    return ["ip", "netns", "exec", host, sys.executable, "-c", program, url]


def test_a_day_is_free_again_soon_after_its_host_has_died_without_a_word(hosts: tuple[str, str], url: str) -> None:
    server, worker = hosts
    holder = subprocess.Popen(on(worker, HOLD, url), stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        run("ip", "-n", worker, "link", "set", "cable", "down")
        died = time.monotonic()
        holder.kill()  # its kernel would say goodbye, and nobody hears it
        subprocess.run(on(server, WAIT, url), check=True, timeout=200)
        freed_s = time.monotonic() - died
    finally:
        holder.kill()
        holder.communicate()
    assert 20 < freed_s <= FREED_WITHIN_S, "by keepalives, and not by a goodbye that was heard"
