"""Ask a Dagster UI that has just begun to serve which addresses its code location uses, and compare them."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from minerecon_dagster import places
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.defs.resources import PLACES

_POLL_SECONDS = 0.1
_ANSWER_SECONDS = 60.0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""What is on this machine is never asked through a proxy."""
_QUERY = """
{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError {
    ... on RepositoryLocation { repositories { allTopLevelResourceDetails { name configuredValues { key value } } } }
    ... on PythonError { message }
} } } } }
"""


def compare_places(graphql_url: str, sealed: str, is_running: Callable[[], bool]) -> bool:
    """Wait until the server answers, and compare the addresses of its code location with those that were sealed.

    Args:
        graphql_url: where the server answers questions.
        sealed: the value of `places.SEAL` with which it was started.
        is_running: whether the server's process is still there.

    Returns:
        True if they agree; False if the server has ended before it answered.

    Raises:
        MisplacedError: they do not; the message names the variable.
        ConfigurationError: the code location does not load.
    """
    while is_running():
        found = _ask(graphql_url)
        if found is None:
            time.sleep(_POLL_SECONDS)  # nothing else says when a server of another process listens
            continue
        if name := places.difference(sealed, found):
            raise places.MisplacedError(f"{name} is not what minerecon has set for what it serves: it was stopped")
        return True
    return False


def require_door(ui_url: str) -> None:
    """Make sure that `launchers/door.py` stands before the UI that has begun to serve.

    Raises:
        ConfigurationError: it answers under a name that is not its own, so any web page could use it.
    """
    request = urllib.request.Request(f"{ui_url}/server_info", headers={"Host": "elsewhere.invalid"})  # noqa: S310 - ours
    try:
        _OPENER.open(request, timeout=_ANSWER_SECONDS).close()
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.FORBIDDEN:
            return
        raise
    raise ConfigurationError("the UI lets in the pages of other sites: it was stopped. This Dagster is not supported")


def _ask(url: str) -> dict[str, str] | None:
    """The fingerprints of the one code location; None: it does not answer yet."""
    request = urllib.request.Request(  # noqa: S310 - our own server, on this machine
        url, json.dumps({"query": _QUERY}).encode(), {"Content-Type": "application/json"}
    )
    try:
        with _OPENER.open(request, timeout=_ANSWER_SECONDS) as answer:
            entries = json.load(answer)["data"]["workspaceOrError"]["locationEntries"]
    except OSError:
        return None
    found: dict[str, str] = {}
    for entry in entries:
        location = entry["locationOrLoadError"]
        if entry["loadStatus"] != "LOADED" or location is None:
            return None
        if "message" in location:
            lines = [line for line in location["message"].splitlines() if line.strip()]
            raise ConfigurationError(f"what is to be served does not load: {lines[-1].strip()}")
        found |= _fingerprints(location)
    return found


def _fingerprints(location: dict[str, Any]) -> dict[str, str]:
    return {
        name: value
        for repository in location["repositories"]
        for resource in repository["allTopLevelResourceDetails"]
        if resource["name"] == PLACES
        for field in resource["configuredValues"]
        for name, value in json.loads(field["value"]).items()
    }
