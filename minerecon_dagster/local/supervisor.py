"""The one process per home that runs the embedded services for as long as anybody uses them."""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from minerecon_dagster.core.errors import ConfigurationError, MinereconError
from minerecon_dagster.local import dynamodb, postgres
from minerecon_dagster.local.run_folder import EXCLUSIVE, RunFolder, lock_file, try_lock

WAREHOUSE_DATABASE = "minerecon"
DAGSTER_DATABASE = "dagster"
_POLL_SECONDS = 0.1

logger = logging.getLogger(__name__)


def main() -> None:
    """Run as ``python -m``, with the locked descriptor of ``supervisor.lock`` handed down by the client."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--lock-descriptor", type=int, required=True)
    parser.add_argument("--postgres-port", type=int)
    arguments = parser.parse_args()
    if os.fork():
        os._exit(0)  # so that no client has to reap the supervisor
    os.set_inheritable(arguments.lock_descriptor, False)
    os.umask(0o077)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    run = RunFolder(arguments.home)
    try:
        _serve(run, arguments.postgres_port)
    except MinereconError as error:
        logger.error("%s", error)
        run.write_state({"failure": str(error), "configuration": isinstance(error, ConfigurationError)})
        raise SystemExit(1) from None


def _serve(run: RunFolder, postgres_port: int | None) -> None:
    """Start both services, publish them, and stop them when told to or when nobody uses them."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with lock_file(run.users_lock) as users, ThreadPoolExecutor(1) as executor:
        key = secrets.token_hex(16)
        table = executor.submit(dynamodb.serve, run.home / "dynamodb", key)
        with postgres.running(run.home, WAREHOUSE_DATABASE, [DAGSTER_DATABASE], port=postgres_port) as server:
            endpoint = table.result()
            run.write_state(
                {
                    "DATABASE_URL": server.url(WAREHOUSE_DATABASE),
                    "DAGSTER_POSTGRES_URL": server.url(DAGSTER_DATABASE),
                    "MINERECON_API_DATABASE_URL": postgres.api_url(run.home, server, WAREHOUSE_DATABASE),
                    "DYNAMODB_DIFFICULTY_TABLE": dynamodb.DIFFICULTY_TABLE,
                    "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
                    "MINERECON_EMBEDDED_DYNAMODB_KEY": key,
                }
            )
            logger.info("ready")
            # Whoever comes once the lock is had waits for it, that is for the end of this process.
            try:
                while not try_lock(users, EXCLUSIVE) and not stop.wait(_POLL_SECONDS):
                    if not server.runs():
                        raise MinereconError("the embedded PostgreSQL ended by itself; start the command again")
            finally:
                run.state_file.unlink(missing_ok=True)
            logger.info("stopping")
        os._exit(0)  # so that the lock on users goes with the process, and not before it


if __name__ == "__main__":
    main()
