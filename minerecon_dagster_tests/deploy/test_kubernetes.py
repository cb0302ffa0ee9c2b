"""Kubernetes: what kustomize makes and the jobs that runs are, valid and as restricted as they can be."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest
import yaml

from minerecon_dagster.settings import declared
from minerecon_dagster_tests.deploy.files import DEPLOY

FOLDER = DEPLOY / "kubernetes"
VERSIONS = ("1.32", "1.36")
ROLES = {"code", "daemon", "webserver", "web", "migrate"}


@cache
def made(name: str) -> tuple[dict[str, Any], ...]:
    """What ``kubectl kustomize`` makes of a folder; offline."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed, which has kustomize in it")
    done = subprocess.run([kubectl, "kustomize", str(FOLDER / name)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(*kinds: str, name: str = "whole") -> list[dict[str, Any]]:
    return [resource for resource in made(name) if resource["kind"] in kinds]


def pods(name: str = "whole") -> dict[str, dict[str, Any]]:
    """The specification of each pod, by its component."""
    templates = [resource["spec"]["template"] for resource in of_kind("Deployment", "Job", name=name)]
    return {t["metadata"]["labels"]["app.kubernetes.io/component"]: t["spec"] for t in templates}


def restricted(pod: dict[str, Any]) -> list[str]:
    """What of a pod Pod Security's level "restricted" refuses; and two things more that we want."""
    of_pod = pod.get("securityContext") or {}
    wrong = [name for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name)]
    allowed = {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
    wrong += [f"volume {v['name']}" for v in pod.get("volumes") or () if not {k for k in v if k != "name"} <= allowed]
    for container in [*(pod.get("initContainers") or ()), *pod["containers"]]:
        of = container.get("securityContext") or {}
        both = {**of_pod, **of}
        wrong += ["escalation"] * (of.get("allowPrivilegeEscalation") is not False)
        wrong += ["capabilities"] * ("ALL" not in ((of.get("capabilities") or {}).get("drop") or ()))
        wrong += ["capabilities added"] * bool((of.get("capabilities") or {}).get("add"))
        wrong += ["root"] * (both.get("runAsNonRoot") is not True or not both.get("runAsUser"))
        wrong += ["seccomp"] * ((both.get("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"))
        wrong += ["privileged"] * bool(of.get("privileged"))
        wrong += ["host ports"] * any(port.get("hostPort") for port in container.get("ports") or ())
        wrong += ["writable root"] * (of.get("readOnlyRootFilesystem") is not True)
        wrong += ["no limit of memory"] * ("memory" not in ((container.get("resources") or {}).get("limits") or {}))
    return wrong


def validate(resource: dict[str, Any], version: str) -> None:
    kubernetes_validate = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed: pip install -e '.[deploy-check]'"
    )
    kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_resource_is_what_the_schema_of_kubernetes_says_and_has_nothing_else(version):
    assert len(made("whole")) > 25
    for resource in made("whole"):
        validate(resource, version)


def test_what_goes_beside_the_chart_is_a_part_of_the_whole_without_code_daemon_or_instance():
    def names(of: str) -> set[tuple[str, str]]:
        return {(resource["kind"], resource["metadata"]["name"]) for resource in made(of)}

    assert names("base") < names("whole")
    assert {name for kind, name in names("whole") - names("base") if kind in ("Deployment", "ConfigMap")} == {
        *("minerecon-code", "minerecon-daemon", "minerecon-instance", "minerecon-image"),
    }


def test_a_typing_error_would_be_seen():
    deployment = json.loads(json.dumps(of_kind("Deployment")[0]))
    deployment["spec"]["template"]["spec"]["securitycontext"] = {}
    with pytest.raises(Exception, match="securitycontext"):
        validate(deployment, VERSIONS[0])


def test_every_pod_is_restricted_and_the_namespace_enforces_it():
    assert pods().keys() == ROLES
    assert {name: wrong for name, pod in pods().items() if (wrong := restricted(pod))} == {}
    [namespace] = of_kind("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_each_pod_has_the_secrets_that_it_needs_and_none_stands_in_a_file():
    secrets = {
        role: {f["secretRef"]["name"] for c in pod["containers"] for f in c["envFrom"] if "secretRef" in f}
        for role, pod in pods().items()
    }
    assert secrets == {
        "migrate": {"minerecon-owner"},
        "code": {"minerecon-run", "minerecon-alerts"},
        "daemon": {"minerecon-dagster"},
        "webserver": {"minerecon-dagster"},
        "web": {"minerecon-web"},
    }
    assert of_kind("Secret") == []
    forbidden = {variable.name for variable in declared() if variable.kind.is_secret}
    for settings in of_kind("ConfigMap"):
        assert not forbidden & settings["data"].keys()


def test_only_the_daemon_has_a_right_in_the_cluster_and_none_on_secrets():
    assert {role for role, pod in pods().items() if pod["automountServiceAccountToken"]} == {"daemon"}
    [role] = of_kind("Role")
    assert of_kind("ClusterRole", "ClusterRoleBinding") == []
    granted = {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    assert ("jobs", "create") in granted
    assert not {resource for resource, _ in granted} & {"secrets", "configmaps", "pods/exec", "*"}
    assert "*" not in {verb for _, verb in granted}


def test_the_dashboard_reaches_its_database_and_nothing_else_and_the_ingress_leads_to_it_alone():
    def selects(policy: dict[str, Any], component: str) -> bool:
        selector = policy["spec"]["podSelector"]
        if wanted := selector.get("matchLabels"):
            return bool(wanted.get("app.kubernetes.io/component", component) == component)
        return all(component in e["values"] for e in selector.get("matchExpressions", ()))

    def ports_out(component: str) -> set[int]:
        return {
            port["port"]
            for policy in of_kind("NetworkPolicy")
            if selects(policy, component)
            for rule in policy["spec"].get("egress", ())
            for port in rule["ports"]
        }

    assert ports_out("web") == {53, 5432}
    assert ports_out("webserver") == {53, 5432, 4000}
    assert ports_out("run") == {53, 5432, 443}
    assert 443 in ports_out("daemon")
    closed = [p for p in of_kind("NetworkPolicy") if p["spec"]["podSelector"] == {} and "egress" not in p["spec"]]
    assert closed[0]["spec"]["policyTypes"] == ["Ingress", "Egress"]
    [ingress] = of_kind("Ingress")
    backends = {p["backend"]["service"]["name"] for r in ingress["spec"]["rules"] for p in r["http"]["paths"]}
    assert backends == {"minerecon-web"}


def test_there_is_never_a_second_daemon():
    [daemon] = [d for d in of_kind("Deployment") if d["metadata"]["name"] == "minerecon-daemon"]
    assert (daemon["spec"]["replicas"], daemon["spec"]["strategy"]["type"]) == (1, "Recreate")


def test_every_role_is_probed_as_it_is_alive():
    for role, pod in pods().items():
        if role != "migrate":
            [container] = pod["containers"]
            assert {"startupProbe", "livenessProbe"} <= container.keys(), role
    web = pods()["web"]["containers"][0]
    assert web["readinessProbe"]["httpGet"]["path"] == "/readyz"


@pytest.fixture
def job() -> dict[str, Any]:
    """The job that Dagster makes of a run, by the instance that is deployed."""
    if find_spec("dagster_k8s") is None:
        pytest.skip("dagster-k8s is not installed: pip install -e '.[k8s]'")
    from dagster import DagsterRun
    from dagster._serdes import ConfigurableClassData
    from dagster_k8s import K8sRunLauncher
    from dagster_k8s.container_context import K8sContainerContext
    from dagster_k8s.job import construct_dagster_k8s_job

    config = yaml.safe_load((FOLDER / "whole" / "dagster.yaml").read_text("utf-8"))["run_launcher"]
    here = {**config["config"], "load_incluster_config": False, "kubeconfig_file": _kubeconfig()}
    launcher = ConfigurableClassData(config["module"], config["class"], yaml.safe_dump(here)).rehydrate(
        as_type=K8sRunLauncher
    )
    context = K8sContainerContext.create_for_run(DagsterRun(job_name="ingest"), launcher, include_run_tags=False)
    made_job = construct_dagster_k8s_job(
        context.get_k8s_job_config("minerecon@sha256:0", launcher),
        args=["dagster", "api", "execute_run", "{}"],
        job_name="dagster-run-1",
        pod_name="dagster-run-1",
        component="run_worker",
        user_defined_k8s_config=context.run_k8s_config,
    )
    from kubernetes.client import ApiClient

    found: dict[str, Any] = ApiClient().sanitize_for_serialization(made_job)
    return found


def _kubeconfig() -> str:
    import tempfile
    from pathlib import Path

    user = {"name": "u", "user": {}}
    cluster = {"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}
    context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
    path = Path(tempfile.mkdtemp()) / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [cluster],
                "users": [user],
                "contexts": [context],
                "current-context": "x",
            }
        )
    )
    return str(path)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_job_of_a_run_is_valid_restricted_and_goes_away(job, version):
    validate(job, version)
    pod = job["spec"]["template"]["spec"]
    assert restricted(pod) == []
    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["ttlSecondsAfterFinished"] == 3600
    assert pod["automountServiceAccountToken"] is False
    assert pod["priorityClassName"] == "minerecon-run"
    assert job["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"] == "run"
    [container] = pod["containers"]
    assert {"mountPath": "/tmp", "name": "tmp"} in [
        {k: m[k] for k in ("mountPath", "name")} for m in container["volumeMounts"]
    ]
    given = {f["secretRef"]["name"] for f in container["envFrom"] if "secretRef" in f}
    assert given == {"minerecon-run"}
    assert {"configMapRef": {"name": "minerecon-settings"}} in container["envFrom"]


@pytest.mark.parametrize("file", ["dagster.yaml", "kubernetes/whole/dagster.yaml", "ecs/dagster.yaml"])
def test_the_instances_differ_in_who_launches_runs_and_in_nothing_else(file):
    wanted = yaml.safe_load((DEPLOY / "dagster.yaml").read_text("utf-8"))
    found = yaml.safe_load((DEPLOY / file).read_text("utf-8"))
    on_one_host, launcher = wanted.pop("run_launcher"), found.pop("run_launcher")
    assert found == wanted
    assert (launcher == on_one_host) == (file == "dagster.yaml")
    assert wanted["run_monitoring"] == {
        "enabled": True,
        "poll_interval_seconds": 10,
        "start_timeout_seconds": 600,
        "cancel_timeout_seconds": 180,
        "max_resume_run_attempts": 0,
        "free_slots_after_run_end_seconds": 60,
        "max_runtime_seconds": 21600,
    }
    ours = yaml.safe_load((DEPLOY.parent / "dagster.yaml").read_text("utf-8"))
    assert ours.pop("run_launcher") == on_one_host
    of_deployment = {"run_monitoring", "code_servers"}
    assert {k: v for k, v in found.items() if k not in of_deployment} == {
        k: v for k, v in ours.items() if k not in of_deployment
    }


def test_dagster_takes_the_instance_of_the_deployment(kept_instance_config):
    assert kept_instance_config["run_monitoring"]["max_resume_run_attempts"] == 0


@pytest.fixture
def kept_instance_config(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    from dagster._core.instance.config import dagster_instance_config

    monkeypatch.setenv("DAGSTER_POSTGRES_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    config, _ = dagster_instance_config(str(DEPLOY))
    return dict(config)


def test_the_values_of_the_chart_say_what_the_instance_without_it_says():
    values = yaml.safe_load((FOLDER / "values.yaml").read_text("utf-8"))
    instance = yaml.safe_load((FOLDER / "whole" / "dagster.yaml").read_text("utf-8"))
    launcher = values["runLauncher"]["config"]["customRunLauncher"]
    wanted = instance["run_launcher"]
    assert (launcher["module"], launcher["class"]) == (wanted["module"], wanted["class"])
    where = ("dagster_home", "instance_config_map", "postgres_password_secret")
    assert {k: v for k, v in launcher["config"].items() if k not in where} == {
        k: v for k, v in wanted["config"].items() if k not in where
    }
    assert values["dagsterDaemon"]["runCoordinator"]["config"]["customRunCoordinator"] == instance["run_coordinator"]
    assert values["additionalInstanceConfig"] == {"backfills": instance["backfills"]}
    monitoring = snake(values["dagsterDaemon"]["runMonitoring"])
    assert {k: v for k, v in instance["run_monitoring"].items() if k in monitoring} == monitoring
    assert values["dagsterWebserver"]["replicaCount"] == 0
    for part in (values["dagsterDaemon"], values["dagster-user-deployments"]["deployments"][0]):
        container = {key: part[key] for key in ("securityContext", "resources")}
        assert restricted({"securityContext": part["podSecurityContext"], "containers": [container]}) == []


def snake(value: Any) -> Any:
    """A value of Kubernetes with its keys as Dagster has them; labels stay as they are."""
    if isinstance(value, dict):
        return {k if "/" in k else re.sub("(?<!^)([A-Z])", r"_\1", k).lower(): snake(v) for k, v in value.items()}
    return [snake(entry) for entry in value] if isinstance(value, list) else value
