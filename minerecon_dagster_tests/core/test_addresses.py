"""Which addresses are this machine's own, and how soon the death of the other side of a session is noticed."""

from __future__ import annotations

import pytest

from minerecon_dagster.core.addresses import (
    aws_proxies,
    client_parameters,
    is_this_machine,
    session_ends,
    with_client_parameters,
)

NOTICES = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    "client_encoding": "utf8",
}
"""A minute, whichever of the two has died."""


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("LOCALHOST.", True),
     ("a.localhost", True), ("localhost.example", False), ("10.0.0.1", False), ("", False),
     ("127.0.0.1.example", False)],
)  # fmt: skip
def test_which_addresses_are_this_machine(host: str, is_ours: bool) -> None:
    assert is_this_machine(host) is is_ours
    url = f"http://[{host}]:1/x" if ":" in host else f"http://{host}:1/x"
    assert aws_proxies(None, url) == ({} if is_ours else None)
    assert aws_proxies("https://dynamodb.example", url) is None


@pytest.mark.parametrize("endpoints", [(), (None, None), ("",), ("http://[",), ("localhost",)])
def test_without_an_address_of_this_machine_the_environments_proxies_are_asked(endpoints: tuple[str | None]) -> None:
    assert aws_proxies(*endpoints) is None


def test_a_session_ends_a_minute_after_the_host_of_its_client() -> None:
    assert session_ends() == [
        ("tcp_keepalives_idle", 30),
        ("tcp_keepalives_interval", 10),
        ("tcp_keepalives_count", 3),
        ("tcp_user_timeout", 60_000),
    ]


def test_a_client_notices_a_dead_server_as_soon_and_speaks_utf8_but_for_what_its_address_says_itself() -> None:
    assert client_parameters("postgresql://h/d") == NOTICES
    assert client_parameters("postgresql://[/d") == NOTICES, "no URL: whoever connects says so"
    given = "postgresql://u:p@h:5432/d?keepalives_idle=5&connect_timeout="
    lacking = {n: v for n, v in NOTICES.items() if n not in ("keepalives_idle", "connect_timeout")}
    assert client_parameters(given) == lacking
    rest = "keepalives_interval=10&keepalives_count=3&tcp_user_timeout=60000&client_encoding=utf8"
    assert with_client_parameters(given) == f"{given}&{rest}"
    whole = f"connect_timeout=10&keepalives_idle=30&{rest}"
    assert with_client_parameters("postgresql://h/d") == f"postgresql://h/d?{whole}"
    assert with_client_parameters(f"postgresql://h/d?{whole}") == f"postgresql://h/d?{whole}"
