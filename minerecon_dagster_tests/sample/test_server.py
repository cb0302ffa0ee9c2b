"""The sample over real HTTP, as any client meets it."""

import http.client
import json
import re
import subprocess
import sys
from datetime import date
from urllib.parse import urlsplit

import pytest
import requests
from click.testing import CliRunner

from minerecon_dagster.core.answers import is_synthetic
from minerecon_dagster.sample import SAMPLE_DAYS
from minerecon_dagster.sample.generate import SampleWorld
from minerecon_dagster.sample.server import main, serve_sample

BOAV = "/balancing/settlement/acceptance/volumes/all"
EBOCF = "/balancing/settlement/indicative/cashflows/all"
STACK = "/balancing/settlement/stack/all"
AGWS = "/generation/actual/per-type/wind-and-solar"


@pytest.fixture(scope="module")
def base_url():
    with serve_sample() as url:
        yield url


@pytest.fixture(scope="module")
def get(base_url):
    with requests.Session() as session:
        yield lambda path, **params: session.get(base_url + path, params=params, timeout=10)


def test_the_url_and_every_answer_say_that_the_data_are_synthetic(base_url, get):
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/synthetic/bmrs/api/v1", base_url)
    for path in (f"{STACK}/bid/2025-03-28/1", "/reference/bmunits/all", "/nothing"):
        answer = get(path)
        assert is_synthetic(answer.url)
        assert answer.headers["X-Synthetic-Data"] == "true"


@pytest.mark.parametrize(
    ("path", "dataset", "rows"),
    [
        (f"{STACK}/bid/2025-10-26/50", "ISPSTACK", lambda world: world.stack(date(2025, 10, 26), "bid", 50)),
        (f"{STACK}/offer/2025-03-28/1", "ISPSTACK", lambda world: world.stack(date(2025, 3, 28), "offer", 1)),
        (f"{BOAV}/bid/2025-03-30", "BOAV", lambda world: world.volumes(date(2025, 3, 30), "bid")),
        (f"{EBOCF}/offer/2025-03-30", "EBOCF", lambda world: world.cashflows(date(2025, 3, 30), "offer")),
    ],
)
def test_each_report_is_json_with_its_rows_and_no_field_that_elexon_has_not(get, path, dataset, rows):
    answer = get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.json() == {"data": rows(SampleWorld()), "metadata": {"datasets": [dataset]}}


def test_the_register_is_a_bare_array(get):
    assert get("/reference/bmunits/all").json() == SampleWorld().register()


def test_wind_and_solar_answers_for_the_periods_that_start_in_the_range(get):
    answer = get(AGWS, **{"from": "2025-03-30T00:00:00Z", "to": "2025-03-30T22:30:00Z"}).json()
    assert answer["metadata"] == {"datasets": ["AGWS"]}
    periods = [(row["settlementPeriod"], row["psrType"]) for row in answer["data"]]
    assert len(periods) == len(set(periods)) == 46 * 3
    assert {psr_type for _, psr_type in periods} == {"Wind Onshore", "Wind Offshore", "Solar"}


def test_wind_and_solar_answers_for_seven_days_and_no_more(get):
    week = {"from": "2025-03-25T00:00:00Z", "to": "2025-04-01T00:00:00Z"}
    assert len(get(AGWS, **week).json()["data"]) == (48 + 46) * 3
    assert get(AGWS, **{**week, "to": "2025-04-01T00:00:01Z"}).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        f"{STACK}/bid/2025-01-01/1",
        f"{BOAV}/offer/2025-01-01",
        f"{EBOCF}/bid/2025-01-01",
        f"{AGWS}?from=2025-01-01T00:00:00Z&to=2025-01-02T00:00:00Z",
    ],
)
def test_a_day_outside_the_sample_is_404_and_says_which_days_there_are(get, path):
    answer = get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["status"] == 404
    assert "has only these days: " + ", ".join(map(str, SAMPLE_DAYS)) in problem["detail"]


@pytest.mark.parametrize(("day", "beyond"), [("2025-03-28", 49), ("2025-03-30", 47), ("2025-06-15", 50)])
def test_a_period_that_the_day_has_not_got_is_404(get, day, beyond):
    assert get(f"{STACK}/bid/{day}/{beyond - 1}").status_code == (200 if beyond < 50 else 404)
    assert get(f"{STACK}/bid/{day}/{beyond}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        f"{STACK}/bid/2025-02-30/1",
        f"{STACK}/bid/20250328/1",
        f"{STACK}/bid/yesterday/1",
        f"{STACK}/bid/2025-03-28/0",
        f"{STACK}/bid/2025-03-28/51",
        f"{STACK}/bid/2025-03-28/one",
        f"{STACK}/both/2025-03-28/1",
        f"{BOAV}/bid/2025-3-28",
        AGWS,
        f"{AGWS}?from=2025-03-28T00:00:00Z",
        f"{AGWS}?from=monday&to=tuesday",
        f"{AGWS}?from=2025-03-29T00:00:00Z&to=2025-03-28T00:00:00Z",
    ],
)
def test_what_is_badly_asked_is_400_with_the_reason(get, path):
    answer = get(path)
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_an_unknown_path_is_404(get, base_url):
    assert get("/balancing/other").status_code == 404
    assert requests.get(base_url.replace("/synthetic", ""), timeout=10).status_code == 404


def test_answers_are_compressed_only_for_clients_that_take_it(get, base_url):
    url = f"{base_url}{BOAV}/bid/2025-03-28"
    zipped = requests.get(url, headers={"Accept-Encoding": "gzip"}, timeout=10)
    plain = requests.get(url, headers={"Accept-Encoding": "identity"}, timeout=10)
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert zipped.content == plain.content
    assert int(zipped.headers["Content-Length"]) * 4 < len(plain.content)


def test_a_connection_is_kept_for_many_requests_and_hung_up_when_the_server_stops():
    with serve_sample() as url:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        connection.connect()
        connection.auto_open = False
        for _ in range(3):
            connection.request("GET", f"{parts.path}{STACK}/bid/2025-03-28/1")
            assert json.load(connection.getresponse())["data"]
    with pytest.raises((http.client.HTTPException, OSError)):
        connection.request("GET", f"{parts.path}{STACK}/bid/2025-03-28/1")
        connection.getresponse()
    connection.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=10)


def test_a_port_that_is_taken_is_an_error(base_url):
    port = urlsplit(base_url).port
    with pytest.raises(OSError), serve_sample(port=port):
        pass
    program = CliRunner().invoke(main, ["--port", str(port)])
    assert program.exit_code == 2
    assert f"port {port} cannot be had" in program.output


def test_run_as_a_program_it_prints_its_url_and_serves():
    command = [sys.executable, "-m", "minerecon_dagster.sample.server", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            url = program.stdout.readline().strip()
            assert requests.get(f"{url}{STACK}/bid/2025-03-28/1", timeout=10).json()["data"]
        finally:
            program.kill()  # a child of a process that ignores SIGTERM ignores it too
