"""ECS: the definitions are what AWS' own model says, and nobody has a right or a secret that it does not need."""

from __future__ import annotations

import json
import re
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from minerecon_dagster.settings import declared
from minerecon_dagster_tests.deploy.files import DEPLOY

FOLDER = DEPLOY / "ecs"
TASKS = ("migrate", "code", "run", "daemon", "webserver", "web")
SERVICES = ("code", "daemon", "webserver", "web")


def read(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def container(task: str) -> dict[str, Any]:
    [found] = read(f"task-{task}")["containerDefinitions"]
    return dict(found)


def problems(operation: str, parameters: dict[str, Any]) -> str:
    """What botocore's model of ECS says against a call; empty: nothing."""
    shape = botocore.session.get_session().get_service_model("ecs").operation_model(operation).input_shape
    return str(ParamValidator().validate(parameters, shape).generate_report())


@pytest.mark.parametrize(
    ("operation", "name"),
    [("RegisterTaskDefinition", f"task-{t}") for t in TASKS] + [("CreateService", f"service-{s}") for s in SERVICES],
)
def test_a_definition_is_what_the_call_takes(operation, name):
    assert problems(operation, read(name)) == ""


def test_a_typing_error_would_be_seen():
    definition = read("task-run")
    definition["containerDefinitions"][0]["readOnlyRootFilesystem"] = True
    assert "readOnlyRootFilesystem" in problems("RegisterTaskDefinition", definition)


@pytest.mark.parametrize("task", TASKS)
def test_a_container_is_read_only_by_digest_and_ends_in_time(task):
    of = container(task)
    assert of["readonlyRootFilesystem"] is True
    assert of["user"] == "10001:0"
    assert of["linuxParameters"]["initProcessEnabled"] is True
    assert of["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    assert re.search(r"@sha256:[0-9a-f]{64}$", of["image"])
    assert 30 <= of["stopTimeout"] <= 120
    assert [m["containerPath"] for m in of["mountPoints"]] == ["/tmp"]
    assert ("healthCheck" in of) == (task in SERVICES)


@pytest.mark.parametrize("task", TASKS)
def test_secrets_are_named_by_arn_and_none_stands_in_a_definition(task):
    of = container(task)
    secret = {variable.name for variable in declared() if variable.kind.is_secret}
    assert not secret & {entry["name"] for entry in of["environment"]}
    assert all(entry["valueFrom"].startswith("arn:aws:secretsmanager:") for entry in of["secrets"])


def test_each_task_can_read_its_own_secrets_and_no_other():
    for task in TASKS:
        granted = {
            resource.removesuffix("-??????")
            for statement in read(f"iam-execution-{task}")["Statement"]
            if "secretsmanager:GetSecretValue" in statement["Action"]
            for resource in statement["Resource"]
        }
        assert granted == {entry["valueFrom"] for entry in container(task)["secrets"]}, task
        assert read(f"task-{task}")["executionRoleArn"].endswith(f"/minerecon-execution-{task}")
    owners = [t for t in TASKS if any("owner" in e["valueFrom"] for e in container(t)["secrets"])]
    assert owners == ["migrate"]


@pytest.mark.parametrize("file", sorted(path.stem for path in FOLDER.glob("iam-*.json")))
def test_no_right_is_on_everything_but_where_aws_knows_no_less(file):
    for statement in read(file)["Statement"]:
        assert statement["Effect"] == "Allow"
        assert not any("*" in action for action in statement["Action"])
        if "*" in statement["Resource"]:
            assert statement["Action"] in (["ecr:GetAuthorizationToken"], ["ecs:DescribeTaskDefinition"])


def test_who_computes_has_exactly_the_archive_and_the_table_and_the_pages_have_no_role_with_rights():
    for role in ("run", "code"):
        actions = {action for statement in read(f"iam-{role}")["Statement"] for action in statement["Action"]}
        assert actions == {
            *("s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
            *("dynamodb:BatchGetItem", "dynamodb:DescribeTable", "dynamodb:Scan"),
        }
    assert not [role for role in ("web", "webserver", "migrate") if (FOLDER / f"iam-{role}.json").exists()]


def test_the_daemon_starts_the_one_definition_and_gives_away_two_roles():
    by_sid = {statement["Sid"]: statement for statement in read("iam-daemon")["Statement"]}
    run = read("task-run")
    assert by_sid["GiveThemTheirRoles"]["Resource"] == [run["taskRoleArn"], run["executionRoleArn"]]
    assert by_sid["RunsAreTasks"]["Resource"][0].endswith(f"/{run['family']}:*")
    assert "ecs:RegisterTaskDefinition" not in json.dumps(by_sid)


def test_a_roll_never_has_two_daemons():
    deployment = read("service-daemon")["deploymentConfiguration"]
    assert (deployment["minimumHealthyPercent"], deployment["maximumPercent"]) == (0, 100)
    assert read("service-daemon")["desiredCount"] == 1


def test_the_launcher_uses_the_definition_that_is_registered_and_takes_no_secret_by_a_tag():
    import yaml
    from dagster._config import process_config, resolve_to_config_type

    from minerecon_dagster.launchers.ecs import EcsRunLauncher

    launcher = yaml.safe_load((FOLDER / "dagster.yaml").read_text("utf-8"))["run_launcher"]
    assert (launcher["module"], launcher["class"]) == (EcsRunLauncher.__module__, EcsRunLauncher.__name__)
    config = launcher["config"]
    done = process_config(resolve_to_config_type(EcsRunLauncher.config_type()), config)
    assert done.success, done.errors
    assert config["task_definition"] == read("task-run")["family"]
    assert config["container_name"] == container("run")["name"]
    assert config["secrets_tag"] is None
    assert config["use_current_ecs_task_config"] is False
