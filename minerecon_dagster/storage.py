"""Where bytes are kept, in a folder or in an S3 bucket: by it the archive, the exports and the reports are written."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import boto3.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from minerecon_dagster.core.addresses import aws_proxies
from minerecon_dagster.core.errors import ArchiveError
from minerecon_dagster.settings import Settings

_TEMPORARY_PREFIX = ".writing-"
_TEMPORARY_KEPT_S = 3600


class AbsentError(Exception):
    """There is nothing of this name."""


class TakenError(Exception):
    """There is something of this name already."""


class Store(Protocol):
    """Where the bytes are. Names are relative, with slashes; other failures are `ArchiveError`."""

    root: str

    def names(self, folder: str) -> list[str]:
        """All names under ``folder``, at any depth, in ascending order."""

    def read(self, name: str) -> bytes:
        """The whole content. Raises AbsentError."""

    def create(self, name: str, body: bytes) -> None:
        """Write whole, or not at all. Raises TakenError."""

    def replace(self, name: str, body: bytes) -> None:
        """Write whole, or leave what was there."""

    def delete(self, name: str) -> None:
        """Remove; nothing happens where nothing is there."""


def open_store(url: str) -> Store:
    """The bytes in a folder, or at ``s3://bucket/prefix``: of the archive, and of what is kept beside it.

    Nothing is read or written yet.
    """
    return _FolderStore(Path(url)) if is_folder(url) else _S3Store(url)


def is_folder(url: str) -> bool:
    """Whether ``url`` is a folder's path, and no ``s3://bucket/prefix``."""
    return not url.startswith("s3://")


class _FolderStore:
    """Files in a folder. A file appears under its name only when all of it is on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self.root = str(self._root)

    def names(self, folder: str) -> list[str]:
        found: list[str] = []

        def stop(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                raise error

        with _folder_errors(self._root):
            for parent, _, files in os.walk(self._root / folder, onerror=stop):
                below = Path(parent).relative_to(self._root).as_posix()
                found += [f"{below}/{file}" for file in files]
        return sorted(found)

    def read(self, name: str) -> bytes:
        with _folder_errors(self._root / name):
            try:
                return (self._root / name).read_bytes()
            except FileNotFoundError:
                raise AbsentError(name) from None

    def create(self, name: str, body: bytes) -> None:
        path = self._root / name
        with _folder_errors(path), self._written(path.parent, body) as temporary:
            try:
                os.link(temporary, path)
            except FileExistsError:
                raise TakenError(name) from None

    def replace(self, name: str, body: bytes) -> None:
        path = self._root / name
        with _folder_errors(path), self._written(path.parent, body) as temporary:
            temporary.replace(path)

    def delete(self, name: str) -> None:
        with _folder_errors(self._root / name):
            (self._root / name).unlink(missing_ok=True)

    @contextmanager
    def _written(self, folder: Path, body: bytes) -> Iterator[Path]:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            for parent in folder.parents:
                _sync_folder(parent)
                if parent == self._root:
                    break
        for left in folder.glob(f"{_TEMPORARY_PREFIX}*"):
            # Left by a process that was killed; a younger one may still be written.
            with suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > _TEMPORARY_KEPT_S:
                    left.unlink()
        temporary = folder / f"{_TEMPORARY_PREFIX}{uuid.uuid4().hex}"
        try:
            with temporary.open("xb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _folder_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArchiveError(
            f"{error.filename or path}: {error.strerror}; check the folder that MINERECON_ARCHIVE_URL names"
        ) from error


class _S3Store:
    """Objects in an S3 bucket, which appear whole by themselves; ``If-None-Match`` keeps them from being overwritten.

    The region is ``AWS_REGION``; credentials and endpoint are found by boto3's own chain.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._bucket, prefix = parts.netloc, parts.path.strip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self.root = f"s3://{self._bucket}/{self._prefix}".rstrip("/")
        with self._errors(""):
            self._client: Any = boto3.session.Session().client(
                "s3",
                region_name=Settings.from_environ(only=["aws_region"]).aws_region,
                config=Config(
                    proxies=aws_proxies(os.environ.get("AWS_ENDPOINT_URL_S3"), os.environ.get("AWS_ENDPOINT_URL")),
                    connect_timeout=5,
                    read_timeout=60,
                    retries={"mode": "standard", "total_max_attempts": 5},
                ),
            )

    def names(self, folder: str) -> list[str]:
        with self._errors(folder):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=f"{self._prefix}{folder}/"
            )
            keys = [found["Key"] for page in pages for found in page.get("Contents", ())]
        return sorted(key.removeprefix(self._prefix) for key in keys)

    def read(self, name: str) -> bytes:
        with self._errors(name):
            body: bytes = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)["Body"].read()
            return body

    def create(self, name: str, body: bytes) -> None:
        with self._errors(name):
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=body, IfNoneMatch="*")

    def replace(self, name: str, body: bytes) -> None:
        with self._errors(name):
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=body)

    def delete(self, name: str) -> None:
        with self._errors(name):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name)

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        check = "check MINERECON_ARCHIVE_URL and the AWS_ variables"
        try:
            yield
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "NoSuchKey":
                raise AbsentError(name) from None
            if code in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise TakenError(name) from None
            raise ArchiveError(f"{self.root}/{name}: S3 says {' '.join(str(error).split())}; {check}") from error
        # ValueError is boto3's for an endpoint that is no URL.
        except (BotoCoreError, ValueError) as error:
            raise ArchiveError(f"{self.root}/{name}: {' '.join(str(error).split())}; {check}") from error
