"""Dagster's own daemon, looking at the clock every second or two instead of every minute.

Between two looks it sleeps in real seconds, in which a moved clock does not pass: without this each step of the
clock would cost a minute. What it does at a look, and how often a sensor may tick by the clock, is unchanged.
"""

from __future__ import annotations

from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator
from dagster._daemon import asset_daemon, controller, sensor
from dagster._daemon.cli import main
from dagster._scheduler import scheduler

LOOK_EVERY_S = 1


def _hurry() -> None:
    scheduler._get_next_scheduler_iteration_time = lambda started: started + LOOK_EVERY_S
    sensor.MIN_INTERVAL_LOOP_TIME = LOOK_EVERY_S
    asset_daemon.MIN_INTERVAL_LOOP_SECONDS = LOOK_EVERY_S
    # The code does not change meanwhile, and each step of the clock would have it asked for again several times.
    controller.RELOAD_WORKSPACE_INTERVAL = 86_400
    QueuedRunCoordinator.dequeue_interval_seconds = property(lambda _: LOOK_EVERY_S)


if __name__ == "__main__":
    _hurry()
    main()
