"""The files of Compose: what each service may reach, read and write; and that Compose itself takes them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import yaml

from minerecon_dagster.settings import declared
from minerecon_dagster_tests.deploy.files import DEPLOY

COMPOSE = Path(sys.executable).with_name("docker-compose")
FILE, HOSTS = DEPLOY / "compose.yaml", DEPLOY / "compose.hosts.yaml"
PROFILES = ("s3", "dynamodb", "backup")
ROLES = ("migrate", "code", "daemon", "webserver", "web")
NETWORK = {"DEPLOY_POSTGRES_BIND": "10.9.0.1", "DEPLOY_CODE_BIND": "10.9.0.2", "DEPLOY_CODE_HOST": "10.9.0.2"}


@cache
def as_written() -> dict[str, Any]:
    """The file with its anchors followed, and its variables left as they are."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return found


@cache
def as_compose_has_it(*files: Path, profiles: tuple[str, ...] = PROFILES) -> dict[str, Any]:
    """What ``docker compose config`` makes of the files and of env.example."""
    if not COMPOSE.is_file():
        pytest.skip("docker-compose is not installed: pip install -e '.[deploy-check]'")
    command = [str(COMPOSE), "--env-file", str(DEPLOY / "env.example")]
    command += [part for file in files for part in ("-f", str(file))]
    command += [part for profile in profiles for part in ("--profile", profile)]
    done = subprocess.run(
        [*command, "config", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **NETWORK},
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(params=["as written", "as Compose has it"])
def stack(request: pytest.FixtureRequest) -> dict[str, Any]:
    return as_written() if request.param == "as written" else as_compose_has_it(FILE)


@pytest.mark.parametrize("profiles", [(), ("s3",), ("dynamodb",), ("backup",), PROFILES])
def test_compose_takes_the_file_with_each_profile(profiles):
    services = as_compose_has_it(FILE, profiles=profiles)["services"]
    assert {*ROLES, "postgres", "proxy"} <= services.keys()
    assert ("minio" in services) == ("s3" in profiles)


def test_every_container_is_read_only_without_rights_and_as_a_user_with_a_number(stack):
    for name, service in stack["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert re.fullmatch(r"[1-9]\d*:\d+", service["user"]), name
        assert not service.get("privileged"), name
        assert service["mem_limit"], name
    assert all(stack["services"][role]["user"] == "10001:0" for role in ROLES)


def test_nobody_has_the_socket_of_docker_or_a_folder_of_this_machine_but_of_deploy(stack):
    text = json.dumps(stack)
    assert "docker.sock" not in text
    assert "network_mode" not in text
    for name, service in stack["services"].items():
        for volume in service.get("volumes", ()):
            source = volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
            if source.startswith((".", "/")):
                assert Path(DEPLOY, source).resolve().is_relative_to(DEPLOY), (name, source)


def test_every_image_is_by_digest_or_built_here(stack):
    for name, service in stack["services"].items():
        assert "build" in service or re.search(r"@sha256:[0-9a-f]{64}$", service["image"]), name


def test_no_secret_stands_in_the_environment_and_each_file_that_is_named_is_given(stack):
    secrets = {variable.name for variable in declared() if variable.kind.is_secret}
    secrets |= {"POSTGRES_PASSWORD", "MINIO_ROOT_PASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"}
    for name, service in stack["services"].items():
        environment = service.get("environment") or {}
        assert not secrets & environment.keys(), name
        given = {s["source"] if isinstance(s, dict) else s for s in service.get("secrets", ())}
        named = {v.rpartition("/")[2] for v in environment.values() if str(v).startswith("/run/secrets/")}
        assert named <= given, name
        assert not re.search(r"://[^/\s:\"]+:[^@\s\"]+@", json.dumps(service)), name


def test_only_who_migrates_and_who_backs_up_has_the_owners_address_and_the_pages_have_none_but_to_read(stack):
    def having(secret: str) -> set[str]:
        return {
            name
            for name, service in stack["services"].items()
            if secret in [s["source"] if isinstance(s, dict) else s for s in service.get("secrets", ())]
        }

    assert having("owner_database_url") == {"migrate", "backup"}
    assert having("database_url") == {"code"}
    assert having("api_database_url") == {"web"}
    assert having("dagster_postgres_url") == {"migrate", "code", "daemon", "webserver", "backup"}


def test_pages_and_databases_have_no_route_out_and_nothing_but_the_proxy_is_published(stack):
    internal = {name for name, network in stack["networks"].items() if network and network.get("internal")}
    assert internal == {"data", "pages"}
    reaching_out = {n for n, s in stack["services"].items() if set(s["networks"]) - internal}
    assert reaching_out == {"code", "proxy"}
    assert [n for n, s in stack["services"].items() if s.get("ports")] == ["proxy"]


def test_the_proxy_leads_to_the_projects_door_and_to_the_dashboard_by_their_own_ports():
    conf = (DEPLOY / "proxy" / "minerecon.conf.template").read_text("utf-8")
    services = as_written()["services"]
    for name, port in re.findall(r"server (\w+):(\d+);", conf):
        assert port in services[name]["command"]
    assert services["webserver"]["command"][0] == "minerecon-webserver"
    assert services["web"]["command"][:2] == ["minerecon", "serve"]


def test_who_waits_for_whom_has_an_end_and_a_probe_where_health_is_waited_for(stack):
    services = stack["services"]
    graph = {name: set(service.get("depends_on", ())) for name, service in services.items()}
    assert list(TopologicalSorter(graph).static_order())
    for service in services.values():
        for other, how in (service.get("depends_on") or {}).items():
            if how["condition"] == "service_healthy":
                assert services[other]["healthcheck"]["test"]
            else:
                assert how["condition"] == "service_completed_successfully"
                assert services[other]["restart"] == "no"


def test_there_is_one_daemon(stack):
    assert stack["services"]["daemon"]["deploy"]["replicas"] == 1


def test_every_variable_that_the_files_ask_for_is_in_the_example_and_no_other():
    asked = set(re.findall(r"\$\{([A-Z_0-9]+)", FILE.read_text("utf-8") + HOSTS.read_text("utf-8")))
    example = set(re.findall(r"^([A-Z_0-9]+)=", (DEPLOY / "env.example").read_text("utf-8"), re.M))
    assert asked == example


def test_every_secret_that_a_service_is_given_is_made_by_the_script(tmp_path):
    script = tmp_path / "secrets.sh"
    script.write_text((DEPLOY / "secrets.sh").read_text("utf-8"))
    for _ in range(2):
        subprocess.run(["sh", str(script)], check=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert {Path(s["file"]).name for s in as_written()["secrets"].values()} == made.keys()
    assert made["owner_password"] in made["owner_database_url"]
    assert len({made[name] for name in made if name.endswith("_password")}) == 6
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    # Whoever owns them copies a certificate over an empty one.
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o644}


def test_a_machine_of_its_own_for_the_runs_opens_two_ports_to_addresses_that_are_named():
    first = as_compose_has_it(FILE, HOSTS, profiles=())["services"]
    assert "code" not in first
    assert {first[name]["environment"]["DEPLOY_CODE_HOST"] for name in ("daemon", "webserver")} == {"10.9.0.2"}
    assert not any("code" in service.get("depends_on", ()) for service in first.values())
    both = as_compose_has_it(FILE, HOSTS, profiles=("worker",))["services"]
    published = {name: service["ports"] for name, service in both.items() if service.get("ports") and name != "proxy"}
    assert {name: [(port["host_ip"], port["target"]) for port in ports] for name, ports in published.items()} == {
        "postgres": [("10.9.0.1", 5432)],
        "code": [("10.9.0.2", 4000)],
    }


def test_podman_is_asked_for_nothing_that_it_has_not_got():
    podman = as_compose_has_it(FILE, HOSTS, DEPLOY / "compose.podman.yaml", profiles=("worker", *PROFILES))["services"]
    for name, service in podman.items():
        assert "start_interval" not in service.get("healthcheck", {}), name
        assert not [mount for mount in service.get("tmpfs", ()) if re.search(r"[ug]id=", mount)], name
        assert not [part for part in service.get("healthcheck", {}).get("test", ()) if " " in part], name
    docker = as_compose_has_it(FILE)["services"]
    quick = {name for name, service in docker.items() if "start_interval" in service.get("healthcheck", {})}
    assert quick == {"code", "daemon", "webserver", "web"}


def test_the_database_has_one_name_for_the_secrets_of_all_machines_and_only_who_gets_out_is_sent_to_an_address():
    services = as_compose_has_it(FILE, HOSTS, profiles=("worker", "backup"))["services"]
    assert {name: s["extra_hosts"] for name, s in services.items() if s.get("extra_hosts")} == {
        "code": ["postgres=10.9.0.1"]
    }
    assert "outside" in services["code"]["networks"]
    script = (DEPLOY / "secrets.sh").read_text("utf-8")
    assert len(re.findall(r"made \w+_url .*@postgres:5432/", script)) == 4
