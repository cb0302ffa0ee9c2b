"""Where bytes are kept, in a folder or in an S3 bucket: by it the archive, the exports and the reports are written."""

from __future__ import annotations

import base64
import hashlib
import os
import re
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
from minerecon_dagster.core.errors import ArchiveError, ArchiveSetupError
from minerecon_dagster.settings import Settings

_TEMPORARY_PREFIX = ".writing-"
_TEMPORARY_KEPT_S = 3600
_DENIED = (401, 403)
_NOT_IMPLEMENTED = 501
_RIGHTS = {
    "DeleteObject": "s3:DeleteObject",
    "GetObject": "s3:GetObject",
    "ListObjectsV2": "s3:ListBucket",
    "PutObject": "s3:PutObject",
}
"""Which right an operation needs; docs/operate/go-live.md has them as a policy."""


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


def months_in(store: Store, folder: str, ending: str) -> list[str]:
    """The months, as in ``2025-03``, of which something is kept as ``FOLDER/MONTH`` with ``ending`` behind it."""
    name = re.compile(rf"{re.escape(folder)}/([0-9]{{4}}-(?:0[1-9]|1[0-2])){re.escape(ending)}")
    return [found[1] for kept in store.names(folder) if (found := name.fullmatch(kept))]


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

    The region is ``AWS_REGION``; credentials and endpoint are found by boto3's own chain. What AWS has and others lack
    is done without: a body has its MD5 in the header, and no checksum behind it.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._bucket, prefix = parts.netloc, parts.path.strip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self.root = f"s3://{self._bucket}/{self._prefix}".rstrip("/")
        self._is_known_to_keep = False
        with self._errors(""):
            self._client: Any = boto3.session.Session().client(
                "s3",
                region_name=Settings.from_environ(only=["aws_region"]).aws_region,
                config=Config(
                    proxies=aws_proxies(os.environ.get("AWS_ENDPOINT_URL_S3"), os.environ.get("AWS_ENDPOINT_URL")),
                    connect_timeout=5,
                    read_timeout=60,
                    retries={"mode": "standard", "total_max_attempts": 5},
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
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
            try:
                body: bytes = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)["Body"].read()
            except ClientError as error:
                if _status(error) in _DENIED and not self._is_there(name):
                    raise AbsentError(name) from None
                raise
            return body

    def create(self, name: str, body: bytes) -> None:
        with self._errors(name):
            self._put(name, body, IfNoneMatch="*")
        if not self._is_known_to_keep:
            self._see_that_it_keeps(name, body)

    def replace(self, name: str, body: bytes) -> None:
        with self._errors(name):
            self._put(name, body)

    def delete(self, name: str) -> None:
        with self._errors(name):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name)

    def _put(self, name: str, body: bytes, **conditions: str) -> None:
        md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=body, ContentMD5=md5, **conditions)

    def _is_there(self, name: str) -> bool:
        """Whether the bucket lists an object: without the right to list all of it, one that is absent is forbidden."""
        key = self._prefix + name
        listed = self._client.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1).get("Contents", ())
        return any(found["Key"] == key for found in listed)

    def _see_that_it_keeps(self, name: str, body: bytes) -> None:
        """Once per process: a store that ignores the condition would let two writers overwrite each other unseen."""
        try:
            with self._errors(name):
                self._put(name, body, IfNoneMatch="*")  # of what is there now: no harm is done where it is taken
        except TakenError:
            self._is_known_to_keep = True
            return
        raise ArchiveSetupError(
            f"{self.root}: this store ignores If-None-Match and overwrites what is there, and the archive needs "
            "conditional writes; take another store, or a folder, by MINERECON_ARCHIVE_URL"
        )

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        check = "check MINERECON_ARCHIVE_URL and the AWS_ variables"
        where = f"{self.root}/{name}".rstrip("/")
        try:
            yield
        except ClientError as error:
            code, says = error.response["Error"]["Code"], _what_s3_says(error)
            if code == "NoSuchKey":
                raise AbsentError(name) from None
            if _is_taken(error):
                raise TakenError(name) from None
            if code == "NoSuchBucket":
                raise ArchiveSetupError(
                    f"{where}: there is no bucket {self._bucket}; make it (aws s3api create-bucket --bucket "
                    f"{self._bucket}), or correct MINERECON_ARCHIVE_URL"
                ) from error
            if error.operation_name == "PutObject" and (_status(error) == _NOT_IMPLEMENTED or code == "NotImplemented"):
                raise ArchiveSetupError(
                    f"{where}: this store lacks conditional writes (If-None-Match), which the archive needs ({says}); "
                    "take another store, or a folder, by MINERECON_ARCHIVE_URL"
                ) from error
            if _status(error) in _DENIED:
                right = _RIGHTS.get(error.operation_name, error.operation_name)
                raise ArchiveSetupError(
                    f"{where}: {right} is refused ({says}); give the credentials that right "
                    "(docs/operate/go-live.md has the policy), or correct the AWS_ variables"
                ) from error
            raise ArchiveError(f"{where}: S3 says {says}; {check}") from error
        # ValueError is boto3's for an endpoint that is no URL.
        except (BotoCoreError, ValueError) as error:
            raise ArchiveError(f"{where}: {' '.join(str(error).split())}; {check}") from error


def _status(error: ClientError) -> int | None:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")


def _is_taken(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict")


def _what_s3_says(error: ClientError) -> str:
    """In the store's own words; a store without any has a code."""
    said = error.response["Error"]
    return " ".join((said.get("Message") or said["Code"]).split()).rstrip(".")
