"""What runs print is kept where the settings say, and read from another host where that is a bucket."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
from dagster._core.storage.compute_log_manager import ComputeIOType
from moto.server import ThreadedMotoServer

from minerecon_dagster.instance import ComputeLogs, streams_left_alone

OURS = {"compute_logs": {"module": "minerecon_dagster.instance", "class": "ComputeLogs"}}


@dg.job
def prints() -> None:
    @dg.op
    def say() -> None:
        sys.stdout.write("what a run has printed\n")

    say()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A new bucket "logs"."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}",
        "AWS_REGION": "eu-west-2",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name="eu-west-2")
    client.create_bucket(Bucket="logs", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    yield client
    server.stop()


def names(bucket: Any) -> list[str]:
    return [found["Key"] for found in bucket.list_objects_v2(Bucket="logs").get("Contents", ())]


@pytest.mark.slow
def test_in_a_bucket_what_a_run_has_printed_is_read_on_another_host(
    bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINERECON_LOGS_URL", "s3://logs/of/runs/")
    with dg.instance_for_test(overrides=OURS) as instance, streams_left_alone():
        prints.execute_in_process(instance=instance)
        assert names(bucket) == [], "of a command it stays where it is printed"
    with dg.instance_for_test(overrides=OURS) as instance:
        run = prints.execute_in_process(instance=instance)
        (key,) = instance.compute_log_manager.get_log_keys_for_log_key_prefix(
            [run.run_id, "compute_logs"], ComputeIOType.STDOUT
        )
    assert all(name.startswith("of/runs/storage/") for name in names(bucket))
    with dg.instance_for_test(overrides=OURS) as elsewhere:
        printed = elsewhere.compute_log_manager.get_log_data(key).stdout
    assert printed == b"what a run has printed\n"


def test_otherwise_it_is_in_a_folder_of_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINERECON_HOME", str(tmp_path))
    logs = ComputeLogs.from_config_value(None, {})
    assert isinstance(logs, ComputeLogs)
    assert logs.get_captured_local_path(["run"], "out").startswith(str(tmp_path))
