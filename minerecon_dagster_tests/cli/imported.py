"""What the process that commands are forked from has imported and read. Nobody else imports this."""

from __future__ import annotations

import gc

import boto3.session
import upath.implementations.local

import minerecon_dagster.cli.dagster_run
import minerecon_dagster.cli.main
import minerecon_dagster.cli.render
import minerecon_dagster.definitions
import minerecon_dagster.elexon.archive
import minerecon_dagster.elexon.client
from minerecon_dagster_tests import aws_files
from minerecon_dagster_tests.cli import forked

__all__ = ["forked", "minerecon_dagster", "upath"]

aws_files.read_once()
boto3.session.Session("a", "client", region_name="eu-west-2").resource("dynamodb")
gc.freeze()  # what all of them share is in no search for garbage
