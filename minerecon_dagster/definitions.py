"""Build and wire: what Dagster loads. Of the environment it reads MINERECON_START_DATE, and what `places` checks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from minerecon_dagster import places
from minerecon_dagster.defs.assets import build_assets
from minerecon_dagster.defs.jobs import build_jobs
from minerecon_dagster.defs.resources import PLACES, PlacesResource, build_resources
from minerecon_dagster.defs.schedules import build_schedules
from minerecon_dagster.defs.sensors import build_sensors
from minerecon_dagster.settings import start_date


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The whole project, with resources swapped where a test asks for it."""
    first_day = start_date()
    return dg.Definitions.merge(
        build_assets(first_day),
        build_jobs(first_day),
        build_schedules(first_day),
        build_sensors(),
        build_resources(resource_overrides or {}),
        # One process a run: days share a step, so a process per step would only add start-up time.
        dg.Definitions(executor=dg.in_process_executor),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What a code location loads, if it uses the addresses that were set; it says which, by their fingerprints.

    Raises:
        MisplacedError: it would use others.
    """
    places.check(os.environ, Path.cwd())
    places.require_dagster_yaml(os.environ)
    used = places.fingerprints(os.environ)
    return build_defs({PLACES: PlacesResource(fingerprints=used)} if used else None)
