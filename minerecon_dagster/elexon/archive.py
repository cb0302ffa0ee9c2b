"""The raw archive: what Elexon answered, byte for byte, in a folder or in an S3 bucket.

One ZIP object holds the answers of a settlement day (or the one of the register of BM units) as they
stood at one time; ``docs/operate/archive.md`` says how it looks and how to open it. Objects are written whole or
not at all and never overwritten. The newest of a day has the greatest name, and is the current one.
"""

from __future__ import annotations

import datetime as dt
import io
import logging
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

import msgspec

from minerecon_dagster.core.answers import Answer, AnswerKey, is_synthetic
from minerecon_dagster.core.calendar import UTC, day_start, rerun_done_at
from minerecon_dagster.core.errors import ArchiveError, DamagedError
from minerecon_dagster.core.repairs import REFETCH, REFRESH_REGISTER
from minerecon_dagster.elexon.datasets import of_the_day, parse_key
from minerecon_dagster.storage import AbsentError, Store, TakenError, open_store

_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError)
"""What msgspec raises of what is no JSON, or no text."""
_MANIFEST = "manifest.json"
_REGISTER_FOLDER = "register"
_REFUSED_FOLDER = "refused-registers"
"""Beside the registers and not below them: what was refused is no version of the register."""
_REGISTER_KEY = "bmunits"
_OBJECT = re.compile(
    r"(?P<folder>(?:days|datasets/[a-z0-9_]+)/\d{4}/(?P<day>\d{4}-\d\d-\d\d)|register|refused-registers)/(?P<stamp>\d{8}T\d{6}\.\d{6}Z)\.zip"
)
_ADDRESS = re.compile(rf"(?:.*/)?(?P<name>{_OBJECT.pattern})")
"""Of an object: whatever stands before its name is where the archive was when the address was written down."""
_LOCAL_HEADER = struct.Struct("<26xHH")
"""Of a member of a ZIP file: the lengths of its name and of its extra field, which follow."""
_STAMP_FORMAT = "%Y%m%dT%H%M%S.%fZ"
_REFUSAL = ".refused.json"
_LOOKS = ".looks.json"
_SILENT = "silent/"
"""Before the name of an answer that came without rows which the one of that name has: it displaces nothing."""
_SETTLED = "settled/"
"""Before the name of an answer in the file of looks: the first look after the re-run that found it to say this."""
_MOST_BYTES_OF_A_MANIFEST = 16 * 1024**2
AHEAD_AT_MOST = dt.timedelta(days=1)
"""How far an object may be ahead of our clock: clocks differ, and one from the future would be current for ever."""
_ATTEMPTS = 5
"""How often to begin again when another process wrote or pruned in between."""

_log = logging.getLogger(__name__)
_Instant = Annotated[dt.datetime, msgspec.Meta(tz=True)]


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why what an object holds was not built from, and who took it all the same.

    Args:
        why: what it would have taken from a final day; of what comes later, what is against it.
        refused_at, run_id: when, and by which Dagster run.
        accepted_at, accepted_by, accepted_run_id: when it was taken, by whom, and by which run; None where nobody did.
    """

    why: str
    refused_at: _Instant
    run_id: str | None = None
    accepted_at: _Instant | None = None
    accepted_by: str | None = None
    accepted_run_id: str | None = None

    @property
    def stands(self) -> bool:
        """Whether nobody has taken it yet."""
        return self.accepted_at is None


@dataclass(frozen=True)
class Refused:
    """An object that was refused: where it is, and why."""

    uri: str
    refusal: Refusal


@dataclass(frozen=True)
class ArchivedDay:
    """A settlement day's answers as they stood at one time.

    Args:
        uri: the object: a path, or an ``s3://`` address.
        day: settlement date.
        answers: every answer; its ``fetched_at`` is the last time that it was seen to say this.
        written_at: when the object was made (UTC).
        silent: answers that came later, and lack rows that those of ``answers`` have.
        refusal: that it was refused, and whether a person took it; None where it was not.
        refused: the newest object that was refused, and is of a later look; None where there is none.
    """

    uri: str
    day: dt.date
    answers: Mapping[AnswerKey, Answer]
    written_at: dt.datetime
    silent: Mapping[AnswerKey, Answer] = field(default_factory=dict)
    refusal: Refusal | None = None
    refused: Refused | None = None

    def earliest_fetched_at(self, keys: Iterable[AnswerKey]) -> dt.datetime:
        """When the answer of ``keys`` that was not looked at for the longest was last seen: what finality counts.

        Raises:
            KeyError: the day has no such answer.
        """
        return min(self.answers[key].fetched_at for key in keys)

    @property
    def is_refused(self) -> bool:
        """Whether it was refused, and nobody has taken it since."""
        return self.refusal is not None and self.refusal.stands

    @cached_property
    def is_synthetic(self) -> bool:
        """Whether the answers are the bundled sample's, and made up."""
        return _all_synthetic(self.answers.values())


@dataclass(frozen=True)
class Sound:
    """A file of the archive that reads as it was written.

    Args:
        uri: the file.
        day: settlement date; None of a register.
        answers: how many answers it holds; 0 of what stands beside an object.
        bytes: its size.
    """

    uri: str
    day: dt.date | None
    answers: int
    bytes: int


@dataclass(frozen=True)
class Damaged:
    """A file of the archive that does not, or that is gone while what stood beside it is there.

    Args:
        uri: the file.
        day: settlement date; None of a register.
        is_current: whether it is read when its day, or the register, is looked at; an older one says what was before.
        problem: what is wrong, in one line.
        remedy: what to do about it, in one line.
    """

    uri: str
    day: dt.date | None
    is_current: bool
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.uri}: {self.problem}; {self.remedy}"


class _Entry(msgspec.Struct, omit_defaults=True):
    url: str
    status: int
    fetched_at: _Instant
    sha256: str
    bytes: int
    settled_at: _Instant | None = None


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
    refusal: Refusal | None = None


@dataclass(frozen=True)
class _Standing:
    """Of a folder: the current object, the refused one that is of a later look, and the name of the newest of all."""

    current: _Object | None
    refused: _Object | None
    last: str | None


class Archive:
    """The raw archive at one place; keeps no state, so any number of processes may use it.

    Every method raises `ArchiveError` where the place cannot be used, or an object in it is damaged or of the future.

    Args:
        store: the place.
        clock: by which an object is of the future (UTC).
    """

    def __init__(self, store: Store, clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(UTC)) -> None:
        self._store = store
        self._clock = clock

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The archive in a folder, or at ``s3://bucket/prefix``. Nothing is read or written yet."""
        return cls(open_store(url))

    def days(self) -> list[dt.date]:
        """The settlement days of which there is something, in order; one listing."""
        return sorted({self._day(match) for match in self._objects("days")})

    def _day(self, match: re.Match[str]) -> dt.date:
        try:
            return dt.date.fromisoformat(match["day"])
        except ValueError:
            raise ArchiveError(f"{self._uri(match['folder'])} is of no day: move it out of the archive") from None

    def versions(self, day: dt.date) -> list[str]:
        """The addresses of all objects of ``day``, oldest first."""
        return [self._uri(match[0]) for match in self._objects(_day_folder(day))]

    def newest(self, day: dt.date) -> ArchivedDay | None:
        """The current object of ``day``, None where there is none: the newest that was not refused."""
        found = self._standing(_day_folder(day))
        return None if found.current is None else self._archived_day(found.current, found.refused)

    def refuse(self, archived: ArchivedDay, why: str, *, now: dt.datetime, run_id: str | None) -> None:
        """Take an object out of what days are built from; it stays in the archive, and ``why`` beside it."""
        self._decide(archived, Refusal(why=why, refused_at=_utc(now), run_id=run_id))

    def accept(
        self, archived: ArchivedDay, why: str, *, accepted_by: str, now: dt.datetime, run_id: str | None
    ) -> ArchivedDay:
        """Let days be built from an object that was refused, or would be; who took it is kept beside it."""
        at = _utc(now)
        refusal = archived.refusal or Refusal(why=why, refused_at=at, run_id=run_id)
        taken = msgspec.structs.replace(refusal, accepted_at=at, accepted_by=accepted_by, accepted_run_id=run_id)
        self._decide(archived, taken)
        return replace(archived, refusal=taken, refused=None)

    def _decide(self, archived: ArchivedDay, refusal: Refusal) -> None:
        name = archived.uri.removeprefix(f"{self._store.root}/")
        self._store.replace(_refusal_name(name), msgspec.json.format(msgspec.json.encode(refusal), indent=1))

    def load(self, uri: str) -> ArchivedDay:
        """The object of a settlement day at ``uri``, as `versions` gives it; or gave it, before the archive moved."""
        match = _ADDRESS.fullmatch(uri)
        if match is None or match["day"] is None:
            raise ArchiveError(f"{uri}: not an object of a settlement day in the archive {self._store.root}")
        try:
            return self._archived_day(self._read(match["name"]))
        except AbsentError:
            day = match["day"]
            raise ArchiveError(
                f"{uri}: not in the archive; restore it, or fetch again: minerecon reingest {day} --force"
            ) from None

    def record(
        self,
        day: dt.date,
        fetched: Mapping[AnswerKey, Answer],
        *,
        now: dt.datetime,
        silent: Mapping[AnswerKey, Answer] | None = None,
    ) -> tuple[ArchivedDay, bool]:
        """Keep what was fetched of ``day``, and say whether that needed a new object.

        A new object carries over every answer of the newest that was not fetched again, with its own time.
        Where every fetched answer says what the newest object says, only the time of the look is kept.
        Of objects written on one (UTC) date while ``day`` was in progress the last one stays. Where a refused object
        says all that a new one would, that one is looked at and returned.

        Args:
            day: settlement date.
            fetched: the answers that came; at least one, or one of ``silent``.
            now: the time of writing.
            silent: answers that came, and lack rows of the ones held, which they do not displace.

        Raises:
            ArchiveError: the answers are synthetic, and those held are real, or some are and some are not.
        """
        named = {str(key): fetched[key] for key in sorted(fetched)}
        named |= {f"{_SILENT}{key}": answer for key, answer in sorted((silent or {}).items())}
        held, is_new = self._record(_day_folder(day), day, named, now)
        if is_new:
            self._prune(day, held.name)
        return self._archived_day(held), is_new

    def newest_refused(self, day: dt.date) -> ArchivedDay | None:
        """The refused object of ``day`` that is of a later look than the current one; None where there is none."""
        found = self._standing(_day_folder(day)).refused
        return None if found is None else self._archived_day(found)

    def newest_of(self, dataset: str, day: dt.date) -> ArchivedDay | None:
        """The current object of ``day`` of a dataset that comes later: the newest that was not refused; or None."""
        found = self._newest(_dataset_folder(dataset, day))
        return None if found is None else self._archived_day(found)

    def newest_refused_of(self, dataset: str, day: dt.date) -> ArchivedDay | None:
        """The refused object of ``day`` of such a dataset that is newer than the current one, or None."""
        found = self._standing(_dataset_folder(dataset, day)).refused
        return None if found is None else self._archived_day(found)

    def record_of(
        self, dataset: str, day: dt.date, answers: Mapping[AnswerKey, Answer], *, now: dt.datetime
    ) -> ArchivedDay:
        """Keep the answers of a dataset that comes later, beside those of its other runs; `record` says how.

        Raises:
            ArchiveError: the answer is synthetic, and those held are real.
        """
        held, _ = self._record(
            _dataset_folder(dataset, day), day, {str(key): answer for key, answer in answers.items()}, now
        )
        return self._archived_day(held)

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

    def files(self, first: dt.date | None = None, last: dt.date | None = None) -> list[str]:
        """The names of all that `verify` looks at, in order: the objects, and what is noted beside them.

        Args:
            first: settlement date to begin with; None: all days, and registers too.
            last: the last one.
        """
        folders = ("days", "datasets") if first else ("days", "datasets", _REGISTER_FOLDER, _REFUSED_FOLDER)
        return [
            name
            for folder in folders
            for name in self._store.names(folder)
            if (match := _OBJECT.fullmatch(_object_beside(name)))
            and (first is None or last is None or first <= dt.date.fromisoformat(match["day"]) <= last)
        ]

    def verify(self, names: Sequence[str]) -> Iterator[Sound | Damaged | None]:
        """Read each of ``names``, as `files` gives them, wholly; every answer is compared with its SHA-256.

        Yields:
            How each file is, in order; None where it was pruned since it was listed.

        Raises:
            ArchiveError: the place cannot be used.
        """
        listed = set(names)
        usable = (name for name in sorted(names) if _OBJECT.fullmatch(name) and _refusal_name(name) not in listed)
        newest = {name.rpartition("/")[0]: name for name in usable}

        def look(name: str) -> Sound | Damaged | None:
            of = _object_beside(name)
            folder = of.rpartition("/")[0]
            # What was refused, and is newer, is read with each look at its day.
            day, is_current = _day_of(of), of >= newest.get(folder, "")
            try:
                if of not in listed and of not in self._store.names(folder):
                    remedy = f"restore it from a backup, or delete {self._uri(name)}"
                    return Damaged(self._uri(of), day, False, "the object is gone that notes stand beside", remedy)
                body = self._store.read(name)
                answers = self._look_into(name, body)
            except AbsentError:
                return None
            except (ArchiveError, *_NO_JSON) as error:
                return Damaged(self._uri(name), day, is_current, *self._what_and_remedy(name, error, is_current))
            return Sound(self._uri(name), day, answers, len(body))

        threads = ThreadPoolExecutor(4, "verify")
        try:
            yield from threads.map(look, names)
        finally:
            threads.shutdown(cancel_futures=True)

    def _look_into(self, name: str, body: bytes) -> int:
        """How many answers are in a file whose content is ``body``. Raises what reading it raises."""
        if name.endswith(_LOOKS):
            msgspec.json.decode(body, type=dict[str, _Instant])
            return 0
        if name.endswith(_REFUSAL):
            msgspec.json.decode(body, type=Refusal)
            return 0
        found = self._opened(name, body, {})
        if found.name.startswith((_REGISTER_FOLDER, _REFUSED_FOLDER)):
            if _REGISTER_KEY not in found.answers:
                raise DamagedError(self._uri(name), f"has no {_REGISTER_KEY}.json", _remedy(name))
        else:
            self._archived_day(found)
        return len(found.answers)

    def _what_and_remedy(self, name: str, error: Exception, is_current: bool) -> tuple[str, str]:
        if isinstance(error, DamagedError):
            if is_current:
                return error.problem, error.remedy
            return error.problem, "restore it from a backup: what was said then cannot be asked for again"
        if isinstance(error, ArchiveError):
            raise error
        if name.endswith(_REFUSAL):
            return f"it is damaged ({error})", "restore it, or delete it to have the object looked at again"
        day = _day_of(_object_beside(name))
        again = f"run {REFRESH_REGISTER if day is None else REFETCH.over(day)}"
        return f"it is damaged ({error})", f"restore it, or {again}: the next look writes it anew"

    def _record(
        self, folder: str, day: dt.date | None, fetched: Mapping[str, Answer], now: dt.datetime
    ) -> tuple[_Object, bool]:
        synthetic = _all_synthetic(fetched.values())
        for _ in range(_ATTEMPTS):
            standing = self._standing(folder)
            newest, refused = standing.current, standing.refused
            held = {} if newest is None else newest.answers
            if newest is not None and _all_synthetic(held.values()) != synthetic:
                if synthetic:
                    raise ArchiveError(
                        f"{self._uri(newest.name)} holds real answers, and synthetic ones never cover them: "
                        "give the sample another MINERECON_ARCHIVE_URL, or another MINERECON_HOME"
                    )
                held, newest, refused = {}, None, None
            # An answer with rows ends the silence that came before it.
            ended = {f"{_SILENT}{key}" for key in fetched}
            if newest is not None and _says(newest, fetched) and not ended & held.keys():
                return self._look(newest, fetched), False
            held = {key: answer for key, answer in held.items() if key not in ended}
            whole = {**held, **_since(day, held, fetched)}
            # All of it: what was not fetched again is not what the refused one has of it.
            if refused is not None and refused.answers.keys() == whole.keys() and _says(refused, whole):
                return self._look(refused, fetched), False
            written_at = _utc(now) if standing.last is None else max(_utc(now), _just_after(standing.last))
            try:
                return self._create(folder, day, whole, written_at), True
            except TakenError:
                # Another process wrote in between, or S3 took our first try and its answer was lost.
                continue
        raise ArchiveError(f"{self._uri(folder)}: other processes keep writing here; try again")

    def _look(self, held: _Object, fetched: Mapping[str, Answer]) -> _Object:
        day = _day_of(held.name)
        answers = dict(held.answers) | _since(
            day, held.answers, {k: a for k, a in fetched.items() if k in held.answers}
        )
        looks = {key: answer.fetched_at for key, answer in answers.items()}
        for key, answer in answers.items():
            if answer.settled_at is not None and answer.settled_at != held.first_fetched_at[key]:
                looks[_SETTLED + key] = answer.settled_at
        self._store.replace(_looks_name(held.name), msgspec.json.format(msgspec.json.encode(looks), indent=1))
        return replace(held, answers=answers)

    def _create(
        self, folder: str, day: dt.date | None, answers: Mapping[str, Answer], written_at: dt.datetime
    ) -> _Object:
        name = f"{folder}/{written_at.strftime(_STAMP_FORMAT)}.zip"
        times = {key: _utc(answer.fetched_at) for key, answer in answers.items()}
        entries = {
            key: _Entry(
                answer.url,
                answer.status,
                times[key],
                answer.sha256,
                len(answer.body),
                None if answer.settled_at == times[key] else answer.settled_at,
            )
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
                    self._store.delete(_refusal_name(match[0]))
                    self._store.delete(match[0])
                except ArchiveError as error:
                    _log.warning("an object that is no longer needed stays: %s", error)

    def _newest(self, folder: str) -> _Object | None:
        return self._standing(folder).current

    def _standing(self, folder: str) -> _Standing:
        for _ in range(_ATTEMPTS):
            objects, decisions = self._objects_and_decisions(folder)
            if not objects:
                return _Standing(None, None, None)
            refusals = [name for name in objects if name in decisions and decisions[name].stands]
            usable = max((name for name in objects if name not in refusals), default=None)
            refused = max((name for name in refusals if usable is None or name > usable), default=None)
            try:
                current = None if usable is None else replace(self._read(usable), refusal=decisions.get(usable))
                beside = None if refused is None else replace(self._read(refused), refusal=decisions[refused])
            except AbsentError:
                # Pruned since it was listed, so there is a newer one now.
                continue
            if current is not None and refused is not None and _seen(current.answers) > decisions[refused].refused_at:
                beside = None  # Elexon says again what is current, all of it
            return _Standing(current, beside, objects[-1])
        raise ArchiveError(f"{self._uri(objects[-1])}: listed, but cannot be found; check the archive's storage")

    def _objects_and_decisions(self, folder: str) -> tuple[list[str], dict[str, Refusal]]:
        """The objects in a folder, oldest first, and those that were refused, and taken since or not."""
        names = self._store.names(folder)
        objects = [name for name in names if _OBJECT.fullmatch(name)]
        decisions = {}
        for name in names:
            if name.endswith(_REFUSAL) and (refusal := self._refusal(name)) is not None:
                decisions[f"{name.removesuffix(_REFUSAL)}.zip"] = refusal
        return objects, decisions

    def _refusal(self, name: str) -> Refusal | None:
        try:
            return msgspec.json.decode(self._store.read(name), type=Refusal)
        except AbsentError:
            return None
        except _NO_JSON as error:
            raise ArchiveError(
                f"{self._uri(name)} is damaged ({error}): whether its object was refused is not known; restore it, or "
                "delete it to have the object looked at again"
            ) from error

    def _read(self, name: str) -> _Object:
        self._refuse_the_future(name)
        looks = self._looks(name)
        return self._opened(name, self._store.read(name), looks)

    def _opened(self, name: str, packed: bytes, looks: Mapping[str, dt.datetime]) -> _Object:
        latest = self._clock() + AHEAD_AT_MOST
        answers: dict[str, Answer] = {}
        member = _MANIFEST
        day = _day_of(name)
        settled_after = None if day is None else rerun_done_at(day)
        try:
            with zipfile.ZipFile(io.BytesIO(packed)) as pack, ThreadPoolExecutor(2, "unpack") as threads:
                if pack.getinfo(_MANIFEST).file_size > _MOST_BYTES_OF_A_MANIFEST:
                    raise ValueError(f"it is larger than {_MOST_BYTES_OF_A_MANIFEST // 1024**2} MB")
                manifest = msgspec.json.decode(pack.read(_MANIFEST), type=_Manifest)
                if manifest.settlement_date != day:
                    raise ValueError(f"holds answers of {manifest.settlement_date}")

                def unpacked(key: str) -> Answer:
                    entry = manifest.answers[key]
                    if entry.fetched_at > latest:
                        raise ValueError(f"it was fetched at {entry.fetched_at:%Y-%m-%d %H:%M} UTC, which is to come")
                    seen_at = max(entry.fetched_at, looks.get(key, entry.fetched_at))
                    settled_at = entry.settled_at or looks.get(_SETTLED + key)
                    if settled_at is None and settled_after is not None and entry.fetched_at > settled_after:
                        settled_at = entry.fetched_at
                    # Before it is unpacked: a member may become a thousand times as large as it is.
                    if (size := pack.getinfo(f"{key}.json").file_size) != entry.bytes:
                        raise ValueError(f"it has {size} bytes, and {entry.bytes} in the manifest")
                    body = _unpacked(pack, packed, f"{key}.json", entry.bytes)
                    answer = Answer(entry.url, entry.status, seen_at, body, settled_at)
                    if answer.sha256 != entry.sha256:
                        raise ValueError("the SHA-256 is not the one in the manifest")
                    return answer

                # In two threads: neither inflating nor hashing keeps the interpreter to itself.
                found = threads.map(unpacked, manifest.answers)
                for key in manifest.answers:
                    member = f"{key}.json"
                    answers[key] = next(found)
        # zipfile and zlib raise a dozen unrelated types on damaged input, and all mean the same.
        except Exception as error:
            raise DamagedError(self._uri(name), f"{member} is damaged ({error})", _remedy(name)) from error
        return _Object(name, answers, {key: entry.fetched_at for key, entry in manifest.answers.items()})

    def _refuse_the_future(self, name: str) -> None:
        try:
            is_ahead = _written_at(name) > self._clock() + AHEAD_AT_MOST
        except ValueError:
            is_ahead = True  # of no time at all
        if is_ahead:
            raise ArchiveError(
                f"{self._uri(name)} is of the future, and whatever is written now would never be current: set the "
                f"clock of this machine, or {_remedy(name)}"
            )

    def _looks(self, name: str) -> dict[str, dt.datetime]:
        looks_name = _looks_name(name)
        try:
            return msgspec.json.decode(self._store.read(looks_name), type=dict[str, _Instant])
        except AbsentError:
            return {}
        except _NO_JSON as error:
            # Without it the day is taken for less final than it is, and the next look writes it anew.
            _log.warning("%s is damaged (%s), so the times of looks are taken as lost", self._uri(looks_name), error)
            return {}

    def _archived_day(self, found: _Object, refused: _Object | None = None) -> ArchivedDay:
        day = _day_of(found.name)
        assert day is not None
        answers, silent = {}, {}
        try:
            for key, answer in found.answers.items():
                if key.startswith(_SILENT):
                    silent[parse_key(key.removeprefix(_SILENT))] = answer
                else:
                    answers[parse_key(key)] = answer
        except ValueError as error:
            raise DamagedError(self._uri(found.name), str(error), _remedy(found.name)) from None
        return ArchivedDay(
            self._uri(found.name),
            day,
            answers,
            _written_at(found.name),
            silent,
            found.refusal,
            None if refused is None or refused.refusal is None else Refused(self._uri(refused.name), refused.refusal),
        )

    def _objects(self, folder: str) -> list[re.Match[str]]:
        return [match for name in self._store.names(folder) if (match := _OBJECT.fullmatch(name))]

    def _uri(self, name: str) -> str:
        return f"{self._store.root}/{name}"


def _day_folder(day: dt.date) -> str:
    return f"days/{day:%Y}/{day}"


def _dataset_folder(dataset: str, day: dt.date) -> str:
    """Apart from the days, whose objects are complete without it."""
    return f"datasets/{dataset}/{day:%Y}/{day}"


def _day_of(name: str) -> dt.date | None:
    match = _OBJECT.fullmatch(name)
    return dt.date.fromisoformat(match["day"]) if match and match["day"] else None


def _written_at(name: str) -> dt.datetime:
    return dt.datetime.strptime(Path(name).stem, _STAMP_FORMAT).replace(tzinfo=UTC)


def _just_after(name: str) -> dt.datetime:
    return _written_at(name) + dt.timedelta(microseconds=1)


def _looks_name(name: str) -> str:
    return f"{name.removesuffix('.zip')}{_LOOKS}"


def _object_beside(name: str) -> str:
    """The object that a file stands beside; itself, if it is none of the two kinds that do."""
    for kind in (_LOOKS, _REFUSAL):
        if name.endswith(kind):
            return f"{name.removesuffix(kind)}.zip"
    return name


def _refusal_name(name: str) -> str:
    return f"{name.removesuffix('.zip')}{_REFUSAL}"


def _seen(answers: Mapping[str, Answer]) -> dt.datetime:
    """When the answer that a day fails without, and that was not looked at for the longest, was last seen."""
    required = tuple(f"{dataset.name}/" for dataset in of_the_day() if dataset.is_required)
    return min(
        (answer.fetched_at for key, answer in answers.items() if key.startswith(required)),
        default=dt.datetime.min.replace(tzinfo=UTC),
    )


def _says(held: _Object, fetched: Mapping[str, Answer]) -> bool:
    return all(key in held.answers and answer.says_the_same_as(held.answers[key]) for key, answer in fetched.items())


def _since(day: dt.date | None, held: Mapping[str, Answer], fetched: Mapping[str, Answer]) -> dict[str, Answer]:
    """The answers that came, each with the first look after the re-run that found it to say this."""
    settled_after = None if day is None else rerun_done_at(day)
    found = {}
    for key, answer in fetched.items():
        at, settled_at = _utc(answer.fetched_at), None
        if (known := held.get(key)) is not None and answer.says_the_same_as(known):
            answer, at, settled_at = known, max(known.fetched_at, at), known.settled_at
        if settled_at is None and settled_after is not None and at > settled_after:
            settled_at = at
        found[key] = replace(answer, fetched_at=at, settled_at=settled_at)
    return found


def _remedy(name: str) -> str:
    day = _day_of(name)
    again = f"run {REFRESH_REGISTER if day is None else REFETCH.over(day)}"
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


def _unpacked(pack: zipfile.ZipFile, packed: bytes, member: str, most_bytes: int) -> bytes:
    """A member of ``packed``, in one piece, and without its CRC-32: the caller compares the SHA-256.

    No more than ``most_bytes`` and one are unpacked: the directory may say less than there is.

    `zipfile` reads a member as a file, in chunks and under a lock: of a day's hundred answers that is a third of the
    time. Its local header, which may be longer than what the directory says, is laid out in APPNOTE.TXT, 4.3.7.
    """
    info = pack.getinfo(member)
    if info.compress_type != zipfile.ZIP_DEFLATED:
        return pack.read(member)
    name_bytes, extra_bytes = _LOCAL_HEADER.unpack_from(packed, info.header_offset)
    begin = info.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
    member_bytes = memoryview(packed)[begin : begin + info.compress_size]
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(member_bytes, most_bytes + 1)


def _add(pack: zipfile.ZipFile, name: str, body: bytes, written_at: dt.datetime) -> None:
    member = zipfile.ZipInfo(name, written_at.timetuple()[:6])
    member.external_attr = 0o644 << 16
    # Level 6 is zlib's own default: on a windy day 9 takes three times as long to save 3 %.
    pack.writestr(member, body, zipfile.ZIP_DEFLATED, 6)
