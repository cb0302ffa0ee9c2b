"""What a materialization says of its inputs, so that the UI calls it out of date when they change, and only then.

Dagster keeps that by itself only for what a step returns at its end; what is logged partition by partition it compares
by time, and calls it *Unsynced* for as long as a part of it, the price of a day for example, is not there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import dagster as dg
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_TAG,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)

_NO_VERSION = "none"
"""Partitions are compared by the numbers of their events; the entry has to be there."""


def version_of(content: object) -> dict[str, str]:
    """The tag that is the same for the same content: what is made of it is out of date where it has changed.

    Args:
        content: what is told apart by its ``repr``: plain values, exact.
    """
    return {DATA_VERSION_TAG: hashlib.sha256(repr(content).encode()).hexdigest()}


def read_by_now(instance: dg.DagsterInstance, inputs: Iterable[dg.AssetKey]) -> dict[str, str]:
    """The tags of what is made from ``inputs`` as they are now; to be asked for before they are read.

    Args:
        instance: Dagster's instance.
        inputs: assets with partitions.
    """
    newest = str(instance.event_log_storage.get_maximum_record_id() or 0)
    tags = {CODE_VERSION_TAG: _NO_VERSION}
    for key in inputs:
        tags |= {get_input_data_version_tag(key): _NO_VERSION, get_input_event_pointer_tag(key): newest}
    return tags
