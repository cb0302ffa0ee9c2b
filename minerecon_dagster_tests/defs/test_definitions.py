"""What Dagster loads is in ``definitions.txt`` and in the pages (``docs/test_made.py``); and how a time is written.

Whoever may launch a run may configure it: what would change the figures of a day is no configuration.
"""

from __future__ import annotations

import dagster as dg
import pytest

from minerecon_dagster.definitions import build_defs
from minerecon_dagster.defs.schedules import in_words


@pytest.mark.parametrize("cron", ["15 * * * *", "0 6 * * 1-5", "0 */2 * * *", "0 6 1 1 *", "0 6 3 * 1"])
def test_a_time_for_which_there_are_no_words_is_refused(cron: str) -> None:
    with pytest.raises(ValueError, match="in_words has no words"):
        in_words(cron)


def test_a_time_is_written_as_a_reader_writes_it() -> None:
    assert in_words("*/30 * * * *") == "Every 30 minutes"
    assert in_words("5 9 * * *") == "09:05"
    assert in_words(["5 9 * * *", "5 12 * * *"]) == "09:05 and 12:05"
    assert in_words("15 4 * * 0") == "Sunday 04:15"
    assert [in_words(f"30 8 {day} * *")[-3:] for day in (1, 2, 3, 4)] == ["1st", "2nd", "3rd", "4th"]


def test_whoever_launches_a_run_cannot_set_its_clock() -> None:
    job = build_defs().resolve_job_def("ingest")
    assert dg.validate_run_config(job, {})
    with pytest.raises(dg.DagsterInvalidConfigError, match="clock"):
        dg.validate_run_config(job, {"resources": {"clock": {"config": {"stopped_at": "2025-04-01T00:00:00+00:00"}}}})
