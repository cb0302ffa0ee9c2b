"""All that is asked of the outside over HTTP is asked by one function."""

from __future__ import annotations

import re
from pathlib import Path

import minerecon_dagster

PACKAGE = Path(minerecon_dagster.__file__).parent
_CAN_ASK = re.compile(r"^\s*(?:import|from) (?:requests|urllib3|urllib\.request|http\.client|httpx)\b", re.M)
KNOW_HOW = {
    "http/attempt.py": "it is that function",
    "http/client.py": "hands sessions and answers on",
    "http/line.py": "cuts a connection that takes too long",
    "elexon/client.py": "names the library's version to Elexon",
    "cli/dashboard.py": "asks our own dashboard on this machine, past every proxy",
    "cli/served.py": "asks our own webserver on this machine, past every proxy",
}


def test_nothing_but_what_is_listed_with_its_reason_knows_how_to_ask_over_http() -> None:
    found = {str(f.relative_to(PACKAGE)) for f in PACKAGE.rglob("*.py") if _CAN_ASK.search(f.read_text("utf-8"))}
    assert found == set(KNOW_HOW)
