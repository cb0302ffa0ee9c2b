"""By what the stack's check runs its containers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from minerecon_dagster_tests.deploy.files import module

stack = module("test/stack.py")


def test_bubblewrap_takes_over_in_the_same_folder_where_podman_was_tried_and_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cannot(_: object) -> None:
        raise stack.Skipped("no cgroups")

    monkeypatch.setattr(stack.Podman, "works", cannot)
    monkeypatch.setattr(os, "chown", lambda *_: None)
    chosen = stack.engine(tmp_path / "root", tmp_path, {}, {}, changed={}, prefix={})
    assert chosen.name == "bubblewrap"
    assert "stack: bubblewrap, since no cgroups" in capsys.readouterr().err
