"""Which addresses a process uses: what was set, and nothing that a file or another stack has brought."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from minerecon_dagster import places
from minerecon_dagster.cli.served import compare_places
from minerecon_dagster.core.errors import ConfigurationError

SET = {"DATABASE_URL": "postgresql://u:hush@h/d", "ELEXON_BASE_URL": "http://h/x"}


def another_process(environ: dict[str, str]) -> dict[str, str]:
    """The environment of a process that was started with what ``environ`` seals."""
    return environ | {places.SEAL: places.seal(environ).replace(str(os.getpid()), "1", 1)}


def test_a_process_that_has_what_was_set_may_go_on(tmp_path: Path) -> None:
    places.check(another_process(SET), tmp_path)
    places.check(SET, tmp_path)


@pytest.mark.parametrize("variable", places.addresses())
@pytest.mark.parametrize("value", ["http://elsewhere", ""])
def test_an_address_that_is_not_what_was_set_is_one_line_that_names_it_and_shows_none(
    variable: str, value: str, tmp_path: Path
) -> None:
    given = another_process(dict.fromkeys(places.addresses(), "http://hush"))
    with pytest.raises(places.MisplacedError, match=f"^{variable} is not what minerecon has set") as caught:
        places.check(given | {variable: value}, tmp_path)
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_seal_shows_no_address_and_is_another_each_time() -> None:
    first, second = places.seal(SET), places.seal(SET)
    assert "hush" not in first
    assert set(first.split()[2:]).isdisjoint(second.split()[2:])


def test_a_file_that_agrees_with_the_environment_does_no_harm_and_one_that_does_not_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=postgresql://u:hush@h/d\nUNRELATED=1\n")
    loaded = {"DATABASE_URL": "postgresql://u:hush@h/d", "UNRELATED": "1"}
    assert places.brought_by_file(loaded, tmp_path, begun_with=loaded) == []
    assert places.brought_by_file(loaded, tmp_path, begun_with={}) == ["DATABASE_URL"]
    # It is there, and has not arrived.
    assert places.brought_by_file({"DATABASE_URL": "other"}, tmp_path, begun_with={}) == []
    with pytest.raises(places.MisplacedError, match=r"\.env sets DATABASE_URL .*minerecon\.env") as caught:
        places.check(loaded, tmp_path)
    assert "hush" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_dagster_home_must_be_one_that_keeps_its_storage_in_postgres(tmp_path: Path) -> None:
    environ = {"DAGSTER_HOME": str(tmp_path)}
    for content, problem in (
        (None, "has no dagster.yaml"),
        ("telemetry: {enabled: false}", "storage is not the PostgreSQL"),
        ("storage: {sqlite: {base_dir: /tmp/x}}", "storage is not the PostgreSQL"),
        ("storage: {postgres: {postgres_url: {env: ANOTHER}}}", "storage is not the PostgreSQL"),
        ("- a list", "storage is not the PostgreSQL"),
        ("{", "storage is not the PostgreSQL"),
    ):
        if content is not None:
            (tmp_path / "dagster.yaml").write_text(content)
        with pytest.raises(places.MisplacedError, match=f"DAGSTER_HOME: .*{problem}.*: unset it, or set it to"):
            places.dagster_home(environ)
    for content in (
        (Path(__file__).parents[1] / "dagster.yaml").read_text("utf-8"),
        "storage: {postgres: {postgres_url: {env: DAGSTER_POSTGRES_URL}}}",
    ):
        (tmp_path / "dagster.yaml").write_text(content)
        assert places.dagster_home(environ) == tmp_path
    with pytest.raises(places.MisplacedError, match="is no absolute path"):
        places.dagster_home({"DAGSTER_HOME": "here"})


def test_definitions_load_on_an_instance_that_somebody_has_described_and_on_no_other(tmp_path: Path) -> None:
    places.require_dagster_yaml({})
    with pytest.raises(places.MisplacedError, match=r"has no dagster\.yaml"):
        places.require_dagster_yaml({"DAGSTER_HOME": str(tmp_path)})
    (tmp_path / "dagster.yaml").write_text("storage: {sqlite: {base_dir: /tmp/x}}")
    places.require_dagster_yaml({"DAGSTER_HOME": str(tmp_path)})


@contextmanager
def answering(*locations: dict[str, Any]) -> Iterator[str]:
    """A server whose code location is first this, then that; the last for good."""
    answers = list(locations)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            entry = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"data": {"workspaceOrError": {"locationEntries": [entry]}}}).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/graphql"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def location(environ: dict[str, str]) -> dict[str, Any]:
    value = json.dumps(places.fingerprints(environ))
    resource = {"name": "places", "configuredValues": [{"key": "fingerprints", "value": value}]}
    loaded = {"repositories": [{"allTopLevelResourceDetails": [{"name": "clock", "configuredValues": []}, resource]}]}
    return {"name": "x", "loadStatus": "LOADED", "locationOrLoadError": loaded}


def test_what_is_served_is_asked_until_it_has_loaded_and_compared_with_what_was_set() -> None:
    environ = another_process(SET)
    loading = {"name": "x", "loadStatus": "LOADING", "locationOrLoadError": None}
    with answering(loading, location(environ)) as url:
        assert compare_places(url, environ[places.SEAL], lambda: True)
        assert not compare_places(url, environ[places.SEAL], lambda: False)
    with (
        answering(location(environ | {"ELEXON_BASE_URL": "http://h/other"})) as url,
        pytest.raises(places.MisplacedError, match=r"^ELEXON_BASE_URL is not what minerecon has set"),
    ):
        compare_places(url, environ[places.SEAL], lambda: True)


@pytest.mark.slow
def test_a_code_location_that_says_nothing_or_does_not_load_is_not_served() -> None:
    environ = another_process(SET)
    with answering(location({})) as url, pytest.raises(places.MisplacedError, match=r"^DATABASE_URL"):
        compare_places(url, environ[places.SEAL], lambda: True)
    broken = location({}) | {"locationOrLoadError": {"message": "Traceback\n  x.py\nValueError: bad\n"}}
    with answering(broken) as url, pytest.raises(ConfigurationError, match=r"does not load: ValueError: bad$"):
        compare_places(url, environ[places.SEAL], lambda: True)
