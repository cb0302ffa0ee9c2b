"""What Dagster loads, by name: assets, checks, jobs, schedules and sensors, as ``definitions.txt`` has them."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

SNAPSHOT = Path(__file__).with_name("definitions.txt")


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
