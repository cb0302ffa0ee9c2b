"""What Dagster loads, by name: assets, checks, jobs, schedules and sensors, as a file and the pages have them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import dagster as dg
import pytest

from minerecon_dagster.definitions import build_defs
from minerecon_dagster.defs.schedules import in_words
from minerecon_dagster.defs.tables import TABLES

ROOT = Path(__file__).parents[2]
SNAPSHOT = Path(__file__).with_name("definitions.txt")
UPDATE = "UPDATE_DOCS=1 .venv/bin/python -m pytest minerecon_dagster_tests/defs/test_definitions.py"


def snapshot(defs: dg.Definitions) -> str:
    """Every name that users and operators rely on, and what belongs to it; a line each."""
    graph = defs.resolve_asset_graph()
    lines = [f"asset {key.to_user_string()}" for key in graph.get_all_asset_keys()]
    lines += [f"check {key.asset_key.to_user_string()}:{key.name}" for key in graph.asset_check_keys]
    for job in defs.resolve_all_job_defs():
        if job.name.startswith("__"):
            continue
        partitions = job.partitions_def.__class__.__name__ if job.partitions_def else "no partitions"
        lines.append(f"job {job.name} | {partitions} | {dict(job.tags)} | {job.description}")
        layer = job.asset_layer
        made = sorted(key.to_user_string() for key in layer.executable_asset_keys or layer.asset_graph.asset_check_keys)
        lines.append(f"job {job.name} runs {sorted(node.name for node in job.nodes)} for {made}")
    for schedule in defs.schedules or []:
        assert isinstance(schedule, dg.ScheduleDefinition)
        lines.append(
            f"schedule {schedule.name} | {schedule.cron_schedule} | {schedule.execution_timezone} | "
            f"{schedule.default_status.name} | job {schedule.job_name} | {dict(schedule.tags)} | {schedule.description}"
        )
    for sensor in defs.sensors or []:
        lines.append(
            f"sensor {sensor.name} | {sensor.minimum_interval_seconds} s | {sensor.default_status.name} | "
            f"{sensor.sensor_type.name} | {sensor.description}"
        )
    return "\n".join(sorted(lines)) + "\n"


def test_what_dagster_loads_is_what_the_file_says() -> None:
    made = snapshot(build_defs())
    if os.environ.get("UPDATE_DOCS"):
        SNAPSHOT.write_text(made, "utf-8")
    assert SNAPSHOT.read_text("utf-8") == made, f"if that is meant, write it anew: {UPDATE}"


MADE = re.compile(r"(?<=<!-- made: )(\w+)( -->\n)((?:\|.*\n)*)")


@pytest.mark.parametrize(("page", "folder", "tables"), [
    ("README.md", ".", ["what_runs"]),
    ("docs/operate/operations.md", "docs/operate", ["schedules", "sensors", "jobs"]),
])  # fmt: skip
def test_the_tables_of_what_runs_are_made_from_the_definitions(page: str, folder: str, tables: list[str]) -> None:
    path = ROOT / page
    written = path.read_text("utf-8")
    made = MADE.sub(lambda found: f"{found[1]}{found[2]}{TABLES[found[1]](folder)}\n", written)
    if os.environ.get("UPDATE_DOCS"):
        path.write_text(made, "utf-8")
    assert [found[1] for found in MADE.finditer(written)] == tables
    assert path.read_text("utf-8") == made, f"{page} is not what the definitions say; write it anew: {UPDATE}"


def test_a_time_is_written_as_a_reader_writes_it() -> None:
    assert in_words("*/30 * * * *") == "Every 30 minutes"
    assert in_words("5 9 * * *") == "09:05"
    assert in_words(["5 9 * * *", "5 12 * * *"]) == "09:05 and 12:05"
    assert in_words("15 4 * * 0") == "Sunday 04:15"
    assert [in_words(f"30 8 {day} * *")[-3:] for day in (1, 2, 3, 4)] == ["1st", "2nd", "3rd", "4th"]
