"""The raw archive: what Elexon answered, byte for byte, in a folder or in an S3 bucket.

One ZIP object holds the answers of a settlement day (or the one of the register of BM units) as they
stood at one time; ``docs/archive.md`` says how it looks and how to open it. Objects are written whole or
not at all and never overwritten. The newest of a day has the greatest name, and is the current one.
"""

from __future__ import annotations

import datetime as dt
import io
import logging
import os
import re
import time
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Self
from urllib.parse import urlsplit

import boto3.session
import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from minerecon_dagster.core.answers import Answer, AnswerKey, is_synthetic
from minerecon_dagster.core.calendar import UTC, day_start
from minerecon_dagster.core.errors import ArchiveError

_MANIFEST = "manifest.json"
_REGISTER_FOLDER = "register"
_REFUSED_FOLDER = "refused-registers"
"""Beside the registers and not below them: what was refused is no version of the register."""
_REGISTER_KEY = "bmunits"
_OBJECT = re.compile(
    r"(?P<folder>days/\d{4}/(?P<day>\d{4}-\d\d-\d\d)|register|refused-registers)/(?P<stamp>\d{8}T\d{6}\.\d{6}Z)\.zip"
)
_STAMP_FORMAT = "%Y%m%dT%H%M%S.%fZ"
_TEMPORARY_PREFIX = ".writing-"
_TEMPORARY_KEPT_S = 3600
_ATTEMPTS = 5
"""How often to begin again when another process wrote or pruned in between."""

_log = logging.getLogger(__name__)
_Instant = Annotated[dt.datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True)
class ArchivedDay:
    """A settlement day's answers as they stood at one time.

    Args:
        uri: the object: a path, or an ``s3://`` address.
        day: settlement date.
        answers: every answer; its ``fetched_at`` is the last time that it was seen to say this.
        written_at: when the object was made (UTC).
    """

    uri: str
    day: dt.date
    answers: Mapping[AnswerKey, Answer]
    written_at: dt.datetime

    def earliest_fetched_at(self, keys: Iterable[AnswerKey]) -> dt.datetime:
        """When the answer of ``keys`` that was not looked at for the longest was last seen: what finality counts.

        Raises:
            KeyError: the day has no such answer.
        """
        return min(self.answers[key].fetched_at for key in keys)

    @cached_property
    def is_synthetic(self) -> bool:
        """Whether the answers are the bundled sample's, and made up."""
        return _all_synthetic(self.answers.values())


class _Entry(msgspec.Struct):
    url: str
    status: int
    fetched_at: _Instant
    sha256: str
    bytes: int


class _Manifest(msgspec.Struct):
    format: Literal["minerecon-archive/1"]
    settlement_date: dt.date | None
    made_at: _Instant
    answers: dict[str, _Entry]


@dataclass(frozen=True)
class _Object:
    """An object as read: ``answers`` by member name without ``.json``, at the time of the last look."""

    name: str
    answers: Mapping[str, Answer]
    first_fetched_at: Mapping[str, dt.datetime]


class _AbsentError(Exception):
    """There is nothing of this name."""


class _TakenError(Exception):
    """There is something of this name already."""


class Store(Protocol):
    """Where the bytes are. Names are relative, with slashes; other failures are `ArchiveError`."""

    root: str

    def names(self, folder: str) -> list[str]:
        """All names under ``folder``, at any depth, in ascending order."""

    def read(self, name: str) -> bytes:
        """The whole content. Raises _AbsentError."""

    def create(self, name: str, body: bytes) -> None:
        """Write whole, or not at all. Raises _TakenError."""

    def replace(self, name: str, body: bytes) -> None:
        """Write whole, or leave what was there."""

    def delete(self, name: str) -> None:
        """Remove; nothing happens where nothing is there."""


def open_store(url: str) -> Store:
    """The bytes in a folder, or at ``s3://bucket/prefix``: of the archive, and of what is kept beside it.

    Nothing is read or written yet.
    """
    return _S3Store(url) if url.startswith("s3://") else _FolderStore(Path(url))


class Archive:
    """The raw archive at one place; keeps no state, so any number of processes may use it.

    Every method raises `ArchiveError` where the place cannot be used, or an object in it is damaged.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The archive in a folder, or at ``s3://bucket/prefix``. Nothing is read or written yet."""
        return cls(open_store(url))

    def days(self) -> list[dt.date]:
        """The settlement days of which there is something, in order; one listing."""
        return sorted({dt.date.fromisoformat(match["day"]) for match in self._objects("days")})

    def versions(self, day: dt.date) -> list[str]:
        """The addresses of all objects of ``day``, oldest first."""
        return [self._uri(match[0]) for match in self._objects(_day_folder(day))]

    def newest(self, day: dt.date) -> ArchivedDay | None:
        """The current object of ``day``, None where there is none."""
        found = self._newest(_day_folder(day))
        return None if found is None else self._archived_day(found)

    def load(self, uri: str) -> ArchivedDay:
        """The object of a settlement day at ``uri``, as `versions` gives it."""
        name = uri.removeprefix(f"{self._store.root}/")
        match = _OBJECT.fullmatch(name)
        if match is None or match["day"] is None:
            raise ArchiveError(f"{uri}: not an object of a settlement day in the archive {self._store.root}")
        try:
            return self._archived_day(self._read(name))
        except _AbsentError:
            day = match["day"]
            raise ArchiveError(
                f"{uri}: not in the archive; restore it, or fetch again: minerecon reingest {day} --force"
            ) from None

    def record(
        self, day: dt.date, fetched: Mapping[AnswerKey, Answer], *, now: dt.datetime
    ) -> tuple[ArchivedDay, bool]:
        """Keep what was fetched of ``day``, and say whether that needed a new object.

        A new object carries over every answer of the newest that was not fetched again, with its own time.
        Where every fetched answer says what the newest object says, only the time of the look is kept.
        Of objects written on one (UTC) date while ``day`` was in progress the last one stays.

        Args:
            day: settlement date.
            fetched: the answers that came; at least one.
            now: the time of writing.

        Raises:
            ArchiveError: the answers are synthetic, and those held are real, or some are and some are not.
        """
        held, is_new = self._record(_day_folder(day), day, {str(key): fetched[key] for key in sorted(fetched)}, now)
        if is_new:
            self._prune(day, held.name)
        return self._archived_day(held), is_new

    def record_register(self, answer: Answer, now: dt.datetime) -> tuple[str, bool]:
        """Keep an answer of the register of BM units: the address of its object, and whether that is new.

        Raises:
            ArchiveError: the answer is synthetic, and the newest one held is real.
        """
        held, is_new = self._record(_REGISTER_FOLDER, None, {_REGISTER_KEY: answer}, now)
        return self._uri(held.name), is_new

    def record_refused_register(self, answer: Answer, now: dt.datetime) -> str:
        """Keep an answer of the register that is not believed, apart from the others: the address of its object.

        Raises:
            ArchiveError: the answer is synthetic, and the newest one refused is real.
        """
        held, _ = self._record(_REFUSED_FOLDER, None, {_REGISTER_KEY: answer}, now)
        return self._uri(held.name)

    def refused_register(self, sha256: str) -> Answer | None:
        """The newest refused answer of the register with that SHA-256, None where there is none."""
        for match in reversed(self._objects(_REFUSED_FOLDER)):
            answer = self._read(match[0]).answers[_REGISTER_KEY]
            if answer.sha256 == sha256:
                return answer
        return None

    def registers(self) -> Iterator[tuple[str, Answer]]:
        """Every version of the register, oldest first, with its address and the time when it was first seen.

        Once the newest is a real one, the synthetic ones before it are left out.
        """
        newest = self._newest(_REGISTER_FOLDER)
        for match in self._objects(_REGISTER_FOLDER):
            found = self._read(match[0])
            answer = found.answers[_REGISTER_KEY]
            if newest is not None and _all_synthetic([answer]) == _all_synthetic(newest.answers.values()):
                yield self._uri(found.name), answer.at(found.first_fetched_at[_REGISTER_KEY])

    def newest_register(self) -> tuple[str, Answer] | None:
        """The current register, with its address and the time when it was last seen to say this."""
        found = self._newest(_REGISTER_FOLDER)
        return None if found is None else (self._uri(found.name), found.answers[_REGISTER_KEY])

    def _record(
        self, folder: str, day: dt.date | None, fetched: Mapping[str, Answer], now: dt.datetime
    ) -> tuple[_Object, bool]:
        synthetic = _all_synthetic(fetched.values())
        for _ in range(_ATTEMPTS):
            newest = self._newest(folder)
            held = {} if newest is None else newest.answers
            if newest is not None and _all_synthetic(held.values()) != synthetic:
                if synthetic:
                    raise ArchiveError(
                        f"{self._uri(newest.name)} holds real answers, and synthetic ones never cover them: "
                        "give the sample another MINERECON_ARCHIVE_URL, or another MINERECON_HOME"
                    )
                held = {}
            if newest is not None and all(
                key in held and answer.says_the_same_as(held[key]) for key, answer in fetched.items()
            ):
                return self._look(newest, fetched), False
            written_at = _utc(now) if newest is None else max(_utc(now), _just_after(newest.name))
            try:
                return self._create(folder, day, {**held, **fetched}, written_at), True
            except _TakenError:
                # Another process wrote in between, or S3 took our first try and its answer was lost.
                continue
        raise ArchiveError(f"{self._uri(folder)}: other processes keep writing here; try again")

    def _look(self, held: _Object, fetched: Mapping[str, Answer]) -> _Object:
        answers = {
            key: answer.at(max(answer.fetched_at, _utc(fetched[key].fetched_at))) if key in fetched else answer
            for key, answer in held.answers.items()
        }
        looks = {key: answer.fetched_at for key, answer in answers.items()}
        self._store.replace(_looks_name(held.name), msgspec.json.format(msgspec.json.encode(looks), indent=1))
        return _Object(held.name, answers, held.first_fetched_at)

    def _create(
        self, folder: str, day: dt.date | None, answers: Mapping[str, Answer], written_at: dt.datetime
    ) -> _Object:
        name = f"{folder}/{written_at.strftime(_STAMP_FORMAT)}.zip"
        times = {key: _utc(answer.fetched_at) for key, answer in answers.items()}
        entries = {
            key: _Entry(answer.url, answer.status, times[key], answer.sha256, len(answer.body))
            for key, answer in answers.items()
        }
        manifest = _Manifest("minerecon-archive/1", day, written_at, entries)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as pack:
            _add(pack, _MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1), written_at)
            for key, answer in answers.items():
                _add(pack, f"{key}.json", answer.body, written_at)
        self._store.create(name, buffer.getvalue())
        return _Object(name, answers, times)

    def _prune(self, day: dt.date, newest: str) -> None:
        day_end = day_start(day + dt.timedelta(days=1))
        for match in self._objects(_day_folder(day)):
            written_at = _written_at(match[0])
            if match[0] < newest and written_at < day_end and written_at.date() == _written_at(newest).date():
                try:
                    # The times of looks first: an object without them is only taken for less final than it is.
                    self._store.delete(_looks_name(match[0]))
                    self._store.delete(match[0])
                except ArchiveError as error:
                    _log.warning("an object that is no longer needed stays: %s", error)

    def _newest(self, folder: str) -> _Object | None:
        for _ in range(_ATTEMPTS):
            matches = self._objects(folder)
            if not matches:
                return None
            try:
                return self._read(matches[-1][0])
            except _AbsentError:
                # Pruned since it was listed, so there is a newer one now.
                continue
        raise ArchiveError(f"{self._uri(matches[-1][0])}: listed, but cannot be found; check the archive's storage")

    def _read(self, name: str) -> _Object:
        looks = self._looks(name)
        body = self._store.read(name)
        answers: dict[str, Answer] = {}
        member = _MANIFEST
        try:
            with zipfile.ZipFile(io.BytesIO(body)) as pack:
                manifest = msgspec.json.decode(pack.read(_MANIFEST), type=_Manifest)
                if manifest.settlement_date != _day_of(name):
                    raise ValueError(f"holds answers of {manifest.settlement_date}")
                for key, entry in manifest.answers.items():
                    member = f"{key}.json"
                    seen_at = max(entry.fetched_at, looks.get(key, entry.fetched_at))
                    answers[key] = Answer(entry.url, entry.status, seen_at, pack.read(member))
                    if answers[key].sha256 != entry.sha256:
                        raise ValueError("the SHA-256 is not the one in the manifest")
        # zipfile and zlib raise a dozen unrelated types on damaged input, and all mean the same.
        except Exception as error:
            raise ArchiveError(f"{self._uri(name)}: {member} is damaged ({error}); {_remedy(name)}") from error
        return _Object(name, answers, {key: entry.fetched_at for key, entry in manifest.answers.items()})

    def _looks(self, name: str) -> dict[str, dt.datetime]:
        looks_name = _looks_name(name)
        try:
            return msgspec.json.decode(self._store.read(looks_name), type=dict[str, _Instant])
        except _AbsentError:
            return {}
        except msgspec.DecodeError as error:
            # Without it the day is taken for less final than it is, and the next look writes it anew.
            _log.warning("%s is damaged (%s), so the times of looks are taken as lost", self._uri(looks_name), error)
            return {}

    def _archived_day(self, found: _Object) -> ArchivedDay:
        day = _day_of(found.name)
        assert day is not None
        try:
            answers = {AnswerKey.parse(key): answer for key, answer in found.answers.items()}
        except ValueError as error:
            raise ArchiveError(f"{self._uri(found.name)}: {error}; {_remedy(found.name)}") from None
        return ArchivedDay(self._uri(found.name), day, answers, _written_at(found.name))

    def _objects(self, folder: str) -> list[re.Match[str]]:
        return [match for name in self._store.names(folder) if (match := _OBJECT.fullmatch(name))]

    def _uri(self, name: str) -> str:
        return f"{self._store.root}/{name}"


def _day_folder(day: dt.date) -> str:
    return f"days/{day:%Y}/{day}"


def _day_of(name: str) -> dt.date | None:
    match = _OBJECT.fullmatch(name)
    return dt.date.fromisoformat(match["day"]) if match and match["day"] else None


def _written_at(name: str) -> dt.datetime:
    return dt.datetime.strptime(Path(name).stem, _STAMP_FORMAT).replace(tzinfo=UTC)


def _just_after(name: str) -> dt.datetime:
    return _written_at(name) + dt.timedelta(microseconds=1)


def _looks_name(name: str) -> str:
    return f"{name.removesuffix('.zip')}.looks.json"


def _remedy(name: str) -> str:
    day = _day_of(name)
    again = "materialise the asset bm_units" if day is None else f"run minerecon reingest {day} --force"
    return f"restore it from a backup, or delete it and {again}"


def _utc(instant: dt.datetime) -> dt.datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant without a time zone cannot be archived")
    return instant.astimezone(UTC)


def _all_synthetic(answers: Iterable[Answer]) -> bool:
    kinds = {is_synthetic(answer.url) for answer in answers}
    if len(kinds) != 1:
        raise ArchiveError("synthetic and real answers, or none at all, cannot be archived together")
    return kinds.pop()


def _add(pack: zipfile.ZipFile, name: str, body: bytes, written_at: dt.datetime) -> None:
    member = zipfile.ZipInfo(name, written_at.timetuple()[:6])
    member.external_attr = 0o644 << 16
    # Level 6 is zlib's own default: on a windy day 9 takes three times as long to save 3 %.
    pack.writestr(member, body, zipfile.ZIP_DEFLATED, 6)


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
                raise _AbsentError(name) from None

    def create(self, name: str, body: bytes) -> None:
        path = self._root / name
        with _folder_errors(path), self._written(path.parent, body) as temporary:
            try:
                os.link(temporary, path)
            except FileExistsError:
                raise _TakenError(name) from None

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
                region_name=os.environ.get("AWS_REGION") or None,
                config=Config(
                    connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 5}
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
                raise _AbsentError(name) from None
            if code in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise _TakenError(name) from None
            raise ArchiveError(f"{self.root}/{name}: S3 says {' '.join(str(error).split())}; {check}") from error
        # ValueError is boto3's for an endpoint that is no URL.
        except (BotoCoreError, ValueError) as error:
            raise ArchiveError(f"{self.root}/{name}: {' '.join(str(error).split())}; {check}") from error
