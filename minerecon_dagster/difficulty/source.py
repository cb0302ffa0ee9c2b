"""The DynamoDB table with Bitcoin's network difficulty: one value a day, and no default.

Items are ``{ID, Date: "YYYY-MM-DD", Difficulty}``, the difficulty a number or a string. A table whose key
is ``Date`` is asked for the days directly; in any other (the usual one is keyed by ``ID``) a day can only
be found by reading all of it. Credentials and endpoint (``AWS_ENDPOINT_URL_DYNAMODB``) are found by
boto3's own chain.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal, DecimalException, InvalidOperation
from functools import cache, cached_property
from typing import Any

import boto3.session
from boto3.dynamodb.types import DYNAMODB_CONTEXT
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)

from minerecon_dagster.core.addresses import aws_proxies
from minerecon_dagster.core.difficulty import LOAD_REMEDY, validate_difficulty, why_unbelievable
from minerecon_dagster.core.errors import ConfigurationError, DifficultyError, NoDifficultyError

_LARGEST_BATCH = 100
"""Keys in one BatchGetItem (DynamoDB's limit)."""

_BATCH_ATTEMPTS = 8
_LONGEST_WAIT_S = 5.0
_LOOK_EVERY_S = 2
_LOOKS = 60
"""How often, and how many times, a new table is looked at until it can be used."""
_ONE_DAY = dt.timedelta(days=1)
_DENIED = (
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
)
_UNUSABLE = (NoCredentialsError, NoRegionError, PartialCredentialsError, ProfileNotFound)

_Item = Mapping[str, Any]


@dataclass(frozen=True)
class LoadReport:
    """What a load did.

    Args:
        written: how many days the table had not.
        unchanged: how many days it had, with this value.
        changed: what it had for a day, as it was (a number or a string), and what it has now.
    """

    written: int
    unchanged: int
    changed: Mapping[dt.date, tuple[Decimal | str, Decimal]]


@dataclass(frozen=True)
class DayDifficulties:
    """What the table has of some days: the believable values, and why each other one is refused."""

    values: Mapping[dt.date, Decimal]
    refused: Mapping[dt.date, str]


class DifficultyTable:
    """The network difficulty of days, in a DynamoDB table. Nothing is asked before a method is called.

    Every method raises `ConfigurationError` where there is no such table, no region or no right to use
    it, and `DifficultyError` where DynamoDB does not answer.

    Args:
        table_name: the table.
        region: its AWS region; None for the one that boto3 finds.
    """

    def __init__(self, table_name: str, *, region: str | None) -> None:
        self.name = table_name
        self._region = region
        self._where = f"DynamoDB table {table_name}"

    def read(self, days: Collection[dt.date]) -> DayDifficulties:
        """The difficulty of those of ``days`` that the table has, each judged by itself.

        A value is refused that is no positive number or no compact target, and a day that has two different ones.
        """
        wanted = {day.isoformat(): day for day in days}
        found: dict[dt.date, Decimal] = {}
        refused: dict[dt.date, str] = {}
        for item in self._items(wanted, ("Date", "Difficulty")):
            day = wanted[item["Date"]]
            try:
                value = self._value(day, item.get("Difficulty"))
            except DifficultyError as error:
                # One bad value is of its own day: the others are none the worse for it.
                refused[day] = str(error)
                continue
            if found.setdefault(day, value) != value:
                refused[day] = f"{self._where} has two difficulties for {day}, {found[day]} and {value}: {LOAD_REMEDY}"
        return DayDifficulties({day: value for day, value in found.items() if day not in refused}, refused)

    def values(self, days: Collection[dt.date]) -> Mapping[dt.date, Decimal]:
        """The difficulty of those of ``days`` that the table has.

        Raises:
            DifficultyError: a value is not believable; the first such.
        """
        found = self.read(days)
        for day in sorted(found.refused):
            raise DifficultyError(found.refused[day])
        return found.values

    def require(self, days: Collection[dt.date]) -> dict[dt.date, Decimal]:
        """The difficulty of every one of ``days``, each compared with the day before where the table has that.

        Raises:
            DifficultyError: one is missing or not believable; names the date and the table.
        """
        found = self.read(with_days_before(days))
        return {day: self.of(day, found) for day in sorted(set(days))}

    def of(self, day: dt.date, found: DayDifficulties) -> Decimal:
        """The difficulty of ``day`` among what was read with `read`, compared with that of the day before.

        Raises:
            DifficultyError: it is missing or not believable; names the date and the table.
        """
        if day in found.refused:
            raise DifficultyError(found.refused[day])
        if day not in found.values:
            raise NoDifficultyError(f"no difficulty for {day} in {self._where}: {LOAD_REMEDY}")
        return validate_difficulty(day, found.values[day], found.values.get(day - _ONE_DAY), self._where)

    def load(self, values: Mapping[dt.date, Decimal]) -> LoadReport:
        """Put a value a day into the table; what it holds of other days, and other attributes, stay.

        Raises:
            DifficultyError: a value is no positive number; nothing was written.
            ConfigurationError: the table's key is neither ``Date`` nor ``ID``, as a string.
        """
        self._require_a_key_to_load_by()
        for day, value in values.items():
            validate_difficulty(day, value, None, "the values to load")
        held: dict[str, list[_Item]] = defaultdict(list)
        for item in self._items({day.isoformat() for day in values}, ()):
            held[item["Date"]].append(item)
        puts: list[_Item] = []
        written = unchanged = 0
        changed: dict[dt.date, tuple[Decimal | str, Decimal]] = {}
        for day, value in sorted(values.items()):
            iso = day.isoformat()
            other = [item for item in held[iso] if _number(item.get("Difficulty")) != value]
            if other:
                old = other[0].get("Difficulty")
                changed[day] = (old if isinstance(old, Decimal) else str(old), value)
                puts += [{**item, "Difficulty": _stored(value)} for item in other]
            elif held[iso]:
                unchanged += 1
            else:
                written += 1
                puts.append({"ID": iso, "Date": iso, "Difficulty": _stored(value)})
        with self._calls(), self._resource.Table(self.name).batch_writer() as writer:
            for item in puts:
                writer.put_item(Item=item)
        return LoadReport(written, unchanged, changed)

    def create(self) -> bool:
        """Make the table, keyed by ``Date`` and paid by the request, and wait until it can be used.

        Returns:
            Whether it was made; it may be there already.

        Raises:
            ConfigurationError: also where one is there whose key no difficulty can be loaded by.
        """
        client = self._client
        with self._calls():
            try:
                client.create_table(
                    TableName=self.name,
                    AttributeDefinitions=[{"AttributeName": "Date", "AttributeType": "S"}],
                    KeySchema=[{"AttributeName": "Date", "KeyType": "HASH"}],
                    BillingMode="PAY_PER_REQUEST",
                )
            except client.exceptions.ResourceInUseException:
                self._require_a_key_to_load_by()
                return False
            client.get_waiter("table_exists").wait(
                TableName=self.name, WaiterConfig={"Delay": _LOOK_EVERY_S, "MaxAttempts": _LOOKS}
            )
        return True

    def _require_a_key_to_load_by(self) -> None:
        if self._key not in ((("Date", "S"),), (("ID", "S"),)):
            key = ", ".join(f"{name} ({kind})" for name, kind in self._key)
            raise ConfigurationError(f"{self._where} has the key {key}; it must be Date or ID alone, a string (S)")

    def last_day(self) -> dt.date | None:
        """The last date that the table has a believable value for, None where there is none. Reads all of it."""
        is_believable = cache(lambda digits: why_unbelievable(Decimal(digits)) is None)  # by digits: sNaN has no hash
        dated = (
            (_date(item.get("Date")), _number(item.get("Difficulty"))) for item in self._scan(("Date", "Difficulty"))
        )
        return max(
            (day for day, value in dated if day and value is not None and is_believable(str(value))), default=None
        )

    @cached_property
    def _resource(self) -> Any:
        try:
            with self._calls():
                return _session().resource(
                    "dynamodb",
                    region_name=self._region,
                    config=Config(
                        proxies=aws_proxies(
                            os.environ.get("AWS_ENDPOINT_URL_DYNAMODB"), os.environ.get("AWS_ENDPOINT_URL")
                        ),
                        connect_timeout=5,
                        read_timeout=20,
                        retries={"mode": "standard", "total_max_attempts": 5},
                    ),
                )
        # boto3's for an endpoint that is no URL.
        except ValueError as error:
            raise ConfigurationError(f"{self._where}: {error}; correct AWS_ENDPOINT_URL_DYNAMODB") from error

    @property
    def _client(self) -> Any:
        return self._resource.meta.client

    @cached_property
    def _key(self) -> tuple[tuple[str, str], ...]:
        """Name and type of each attribute of the table's key."""
        client = self._client
        with self._calls():
            table = client.describe_table(TableName=self.name)["Table"]
        kinds = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in table["AttributeDefinitions"]}
        return tuple((part["AttributeName"], kinds[part["AttributeName"]]) for part in table["KeySchema"])

    def _items(self, dates: Collection[str], attributes: Sequence[str]) -> Iterator[_Item]:
        """The items of ``dates``; all their attributes where none is named."""
        if not dates:
            return
        if self._key == (("Date", "S"),):
            in_order = sorted(dates)
            for start in range(0, len(in_order), _LARGEST_BATCH):
                yield from self._batch_get(in_order[start : start + _LARGEST_BATCH], attributes)
        else:
            for item in self._scan(attributes):
                if isinstance(item.get("Date"), str) and item["Date"] in dates:
                    yield item

    def _batch_get(self, dates: Sequence[str], attributes: Sequence[str]) -> Iterator[_Item]:
        keys = [{"Date": date} for date in dates]
        asked: dict[str, Any] = {self.name: {"Keys": keys, "ConsistentRead": True, **_projection(attributes)}}
        client = self._client
        for attempt in range(_BATCH_ATTEMPTS):
            if attempt:
                time.sleep(min(_LONGEST_WAIT_S, 0.05 * 2**attempt))
            with self._calls():
                answer = client.batch_get_item(RequestItems=asked)
            yield from answer["Responses"].get(self.name, ())
            # DynamoDB answers for a part of the keys when the table is at its read capacity.
            asked = answer.get("UnprocessedKeys") or {}
            if not asked:
                return
        raise DifficultyError(
            f"{self._place}: no answer for {len(asked[self.name]['Keys'])} days in {_BATCH_ATTEMPTS} attempts, "
            "the table is at its read capacity; try again later"
        )

    def _scan(self, attributes: Sequence[str]) -> Iterator[_Item]:
        client = self._client
        with self._calls():
            pages = client.get_paginator("scan").paginate(
                TableName=self.name, ConsistentRead=True, **_projection(attributes)
            )
            for page in pages:
                yield from page["Items"]

    def _value(self, day: dt.date, stored: object) -> Decimal:
        value = _number(stored)
        if value is None:
            raise DifficultyError(
                f"the difficulty for {day} in {self._where} is {stored!r}, not a positive number: {LOAD_REMEDY}"
            )
        return validate_difficulty(day, value, None, self._where)

    @property
    def _place(self) -> str:
        meta = self._client.meta
        return f"{self._where} ({meta.region_name}, {meta.endpoint_url})"

    @contextmanager
    def _calls(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code = error.response["Error"]["Code"]
            says = " ".join((error.response["Error"].get("Message") or code).split()).rstrip(".")
            if code == "ResourceNotFoundException":
                raise ConfigurationError(
                    f"{self._place} is not there; make it by `minerecon difficulty create-table`, or correct "
                    "DYNAMODB_DIFFICULTY_TABLE and AWS_REGION"
                ) from error
            if code in _DENIED:
                raise ConfigurationError(
                    f"{self._place}: dynamodb:{error.operation_name} is refused ({says}); check the AWS credentials "
                    "and their rights (docs/operate/go-live.md has the policy)"
                ) from error
            if code == "ValidationException":
                raise ConfigurationError(f"{self._place}: {says}; check DYNAMODB_DIFFICULTY_TABLE") from error
            # With how often it was tried, which only botocore knows.
            raise DifficultyError(f"{self._place}: {' '.join(str(error).split())}; try again later") from error
        except _UNUSABLE as error:
            raise ConfigurationError(f"{self._where}: {error}; set AWS_REGION and AWS credentials") from error
        except BotoCoreError as error:
            says = " ".join(str(error).split())
            raise DifficultyError(f"{self._place}: {says}; check that it can be reached, and try again") from error


def _session() -> boto3.session.Session:
    """boto3's own chain; for the embedded DynamoDB its key, whatever credentials there are for an archive in S3."""
    key = os.environ.get("MINERECON_EMBEDDED_DYNAMODB_KEY")
    if key and aws_proxies(os.environ.get("AWS_ENDPOINT_URL_DYNAMODB")) is not None:  # it is this machine's
        return boto3.session.Session(aws_access_key_id=key, aws_secret_access_key=key)
    return boto3.session.Session()


def with_days_before(days: Collection[dt.date]) -> set[dt.date]:
    """``days``, and the day before each, with which its value is compared."""
    return {day - n * _ONE_DAY for day in days for n in (0, 1)}


def _projection(attributes: Sequence[str]) -> dict[str, Any]:
    if not attributes:
        return {}
    # Through placeholders: Date is a reserved word of DynamoDB.
    return {
        "ProjectionExpression": ", ".join(f"#{name}" for name in attributes),
        "ExpressionAttributeNames": {f"#{name}": name for name in attributes},
    }


def _number(stored: object) -> Decimal | None:
    if isinstance(stored, Decimal):
        return stored
    try:
        return Decimal(stored) if isinstance(stored, str) else None
    except InvalidOperation:
        return None


def _stored(value: Decimal) -> Decimal | str:
    """``value`` as a number where DynamoDB's 38 digits hold all of it, else as a string."""
    try:
        return DYNAMODB_CONTEXT.create_decimal(value)
    except DecimalException:
        return str(value)


def _date(stored: object) -> dt.date | None:
    try:
        return dt.date.fromisoformat(stored) if isinstance(stored, str) else None
    except ValueError:
        return None
