"""The raw archive, in a folder and over S3's wire protocol: nothing is lost, covered or half written."""

import datetime as dt
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import boto3.session
import pytest
from moto.server import ThreadedMotoServer

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.errors import ArchiveError
from minerecon_dagster.core.repairs import REFRESH_REGISTER
from minerecon_dagster.elexon.archive import AHEAD_AT_MOST, Archive, Damaged, Sound
from minerecon_dagster.elexon.datasets import parse_key
from minerecon_dagster.storage import open_store

DAY = dt.date(2025, 3, 28)
BID_1, BID_2, OFFER_1 = AnswerKey("stack", "bid", 1), AnswerKey("stack", "bid", 2), AnswerKey("stack", "offer", 1)
BOAV = AnswerKey("boav", "bid")
BASE = "http://elexon.test/bmrs/api/v1"
SAMPLE = "http://127.0.0.1:8000/synthetic/bmrs/api/v1"
NOW = dt.datetime(2025, 4, 2, 9, 0, 0, 123456, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)


def answer(body=b'{"data": []}', at=NOW, status=200, base=BASE):
    return Answer(f"{base}/some/call", status, at, body)


def day_of_answers(at=NOW, base=BASE):
    return {
        BID_1: answer(b'{"data": [1.10]}', at, base=base),
        BID_2: answer(b'{"data": [2]}', at, base=base),
        BOAV: answer(b'{"data": [3]}', at, base=base),
    }


class FolderPlace:
    def __init__(self, folder):
        self.url = str(folder)

    def files(self):
        return sorted(str(path) for path in Path(self.url).rglob("*") if path.is_file())

    def read(self, uri):
        return Path(uri).read_bytes()

    def write(self, uri, body):
        Path(uri).write_bytes(body)

    def remove(self, uri):
        Path(uri).unlink()


class S3Place:
    def __init__(self, url, client):
        self.url = url
        self.bucket, self.prefix = url.removeprefix("s3://").split("/", 1)
        self.client = client
        client.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})

    def _at(self, uri):
        return {"Bucket": self.bucket, "Key": uri.removeprefix(f"s3://{self.bucket}/")}

    def files(self):
        found = self.client.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix + "/").get("Contents", [])
        return sorted(f"s3://{self.bucket}/{item['Key']}" for item in found)

    def read(self, uri):
        return self.client.get_object(**self._at(uri))["Body"].read()

    def write(self, uri, body):
        self.client.put_object(**self._at(uri), Body=body)

    def remove(self, uri):
        self.client.delete_object(**self._at(uri))


@pytest.fixture(scope="module")
def s3_client():
    """A real S3 server's protocol on a port, and boto3's client of it."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    yield boto3.session.Session("test", "test", region_name="eu-west-2").client(
        "s3", endpoint_url="http://{}:{}".format(*server.get_host_and_port())
    )
    server.stop()


@pytest.fixture
def s3(s3_client, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_client.meta.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    return s3_client


@pytest.fixture(params=["folder", "s3"])
def place(request, tmp_path):
    if request.param == "folder":
        return FolderPlace(tmp_path / "an archive")
    bucket = "b" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:20]
    return S3Place(f"s3://{bucket}/some prefix/archive", request.getfixturevalue("s3"))


@pytest.fixture
def archive(place):
    return Archive.from_url(place.url)


def same(one, other):
    return {key: (a.url, a.status, a.fetched_at, a.body) for key, a in one.items()} == {
        key: (a.url, a.status, a.fetched_at, a.body) for key, a in other.items()
    }


def test_an_empty_archive_has_nothing(archive, place):
    assert archive.newest(DAY) is None
    assert archive.versions(DAY) == []
    assert archive.days() == []
    assert archive.newest_register() is None
    assert list(archive.registers()) == []
    assert place.files() == []


def test_what_was_answered_comes_back_byte_for_byte_with_status_and_time(archive, place):
    fetched = {
        BID_1: answer('{"data": [{"leadPartyName": "Mor\u00e9 \u2013 Wind", "volume": -0.10}]}\r\n'.encode()),
        BID_2: answer(bytes(range(256)), at=NOW + dt.timedelta(microseconds=1)),
        OFFER_1: answer(b"", status=404, at=NOW.astimezone(dt.timezone(HOUR))),
    }
    recorded, is_new = archive.record(DAY, fetched, now=NOW)
    assert is_new
    found = archive.newest(DAY)
    assert same(found.answers, fetched)
    assert (found.uri, found.day, found.written_at, found.is_synthetic) == (recorded.uri, DAY, NOW, False)
    assert same(archive.load(found.uri).answers, recorded.answers)
    assert all(a.fetched_at.tzinfo == dt.UTC for a in found.answers.values())
    assert place.files() == [f"{place.url}/days/2025/2025-03-28/20250402T090000.123456Z.zip"] == archive.versions(DAY)


def test_an_object_opens_with_common_tools_and_says_what_was_asked_and_when(archive, place):
    uri = archive.record(DAY, day_of_answers(), now=NOW)[0].uri
    with zipfile.ZipFile(io.BytesIO(place.read(uri))) as pack:
        assert pack.namelist() == ["manifest.json", "boav/bid.json", "stack/bid/01.json", "stack/bid/02.json"]
        manifest = json.loads(pack.read("manifest.json"))
        body = pack.read("stack/bid/01.json")
    assert body == b'{"data": [1.10]}'
    assert manifest["settlement_date"] == "2025-03-28"
    assert manifest["made_at"] == "2025-04-02T09:00:00.123456Z"
    assert manifest["answers"]["stack/bid/01"] == {
        "url": f"{BASE}/some/call",
        "status": 200,
        "fetched_at": "2025-04-02T09:00:00.123456Z",
        "sha256": hashlib.sha256(body).hexdigest(),
        "bytes": len(body),
    }


def test_every_kind_of_answer_has_a_member_of_its_name_and_is_found_by_it(archive, place):
    keys = [
        AnswerKey("agws"),
        *(AnswerKey(kind, side) for kind in ("boav", "cashflows") for side in ("bid", "offer")),
        AnswerKey("stack", "offer", 48),
    ]
    uri = archive.record(DAY, {key: answer(str(key).encode()) for key in keys}, now=NOW)[0].uri
    with zipfile.ZipFile(io.BytesIO(place.read(uri))) as pack:
        assert pack.namelist()[1:] == [
            "agws.json", "boav/bid.json", "boav/offer.json", "cashflows/bid.json", "cashflows/offer.json",
            "stack/offer/48.json",
        ]  # fmt: skip
    assert {key: a.body for key, a in archive.newest(DAY).answers.items()} == {key: str(key).encode() for key in keys}


@pytest.mark.parametrize(
    "name", ["cashflows", "cashflows/both", "cashflows/bid/1", "boav/Bid", "agws/bid", "stack/bid"]
)
def test_what_is_not_the_name_of_an_answer_is_refused(name):
    with pytest.raises(ValueError, match="not the name of an answer"):
        parse_key(name)


def test_something_new_makes_a_new_object_and_leaves_the_old_one_as_it_was(archive, place):
    first, _ = archive.record(DAY, day_of_answers(), now=NOW)
    before = place.read(first.uri)
    changed = day_of_answers(NOW + HOUR) | {BID_2: answer(b'{"data": [2, 2]}', NOW + HOUR)}
    second, is_new = archive.record(DAY, changed, now=NOW + HOUR)
    assert is_new
    assert archive.versions(DAY) == [first.uri, second.uri]
    assert place.read(first.uri) == before
    assert same(archive.newest(DAY).answers, changed)
    assert same(archive.load(first.uri).answers, first.answers)


def test_a_status_that_changed_is_something_new(archive):
    archive.record(DAY, {BID_1: answer(b"[]", status=200)}, now=NOW)
    assert archive.record(DAY, {BID_1: answer(b"[]", status=404)}, now=NOW + HOUR)[1]


def test_the_newest_has_the_greatest_name_even_if_the_clock_stands_or_goes_back(archive):
    uris = [archive.record(DAY, {BID_1: answer(str(n).encode())}, now=NOW - n * HOUR)[0].uri for n in range(3)]
    assert archive.versions(DAY) == uris == sorted(set(uris))
    assert archive.newest(DAY).answers[BID_1].body == b"2"


def test_a_look_that_brings_nothing_new_writes_no_object_and_keeps_the_time_of_the_look(archive, place):
    first, _ = archive.record(DAY, day_of_answers(), now=NOW)
    looked, is_new = archive.record(DAY, day_of_answers(NOW + HOUR), now=NOW + HOUR + MINUTE)
    assert not is_new
    assert looked.uri == first.uri
    assert archive.versions(DAY) == [first.uri]
    for found in (looked, archive.newest(DAY), archive.load(first.uri)):
        assert found.earliest_fetched_at([BID_1, BID_2, BOAV]) == NOW + HOUR
        assert found.written_at == NOW
    assert place.files() == [first.uri.removesuffix(".zip") + ".looks.json", first.uri]


def test_looks_at_some_answers_add_up_and_finality_counts_the_earliest(archive):
    archive.record(DAY, day_of_answers(), now=NOW)
    archive.record(DAY, {BID_1: answer(b'{"data": [1.10]}', NOW + HOUR)}, now=NOW + HOUR)
    archive.record(DAY, {BID_2: answer(b'{"data": [2]}', NOW + 2 * HOUR)}, now=NOW + 2 * HOUR)
    found = archive.newest(DAY)
    assert [found.answers[key].fetched_at - NOW for key in (BID_1, BID_2, BOAV)] == [HOUR, 2 * HOUR, 0 * HOUR]
    assert found.earliest_fetched_at([BID_1, BID_2]) == NOW + HOUR
    assert found.earliest_fetched_at(found.answers) == NOW


def test_an_answer_that_came_late_from_before_the_last_look_does_not_turn_its_time_back(archive):
    archive.record(DAY, {BID_1: answer(at=NOW)}, now=NOW)
    assert archive.record(DAY, {BID_1: answer(at=NOW - HOUR)}, now=NOW)[0].answers[BID_1].fetched_at == NOW
    assert archive.newest(DAY).answers[BID_1].fetched_at == NOW


def test_answers_that_were_not_fetched_again_are_carried_over_with_their_own_times(archive):
    archive.record(DAY, day_of_answers(), now=NOW)
    archive.record(DAY, {BOAV: answer(b'{"data": [3]}', NOW + HOUR)}, now=NOW + HOUR)
    later = NOW + 5 * HOUR
    recorded, is_new = archive.record(DAY, {BID_2: answer(b'{"data": [9]}', later)}, now=later)
    assert is_new
    found = archive.newest(DAY)
    assert same(found.answers, recorded.answers)
    assert {key: a.fetched_at - NOW for key, a in found.answers.items()} == {
        BID_1: 0 * HOUR,
        BID_2: 5 * HOUR,
        BOAV: HOUR,
    }
    assert [found.answers[key].body for key in (BID_1, BID_2)] == [b'{"data": [1.10]}', b'{"data": [9]}']
    assert found.earliest_fetched_at(found.answers) == NOW


def test_of_a_day_in_progress_the_last_object_of_each_date_of_writing_stays(archive, place):
    in_progress = [
        dt.datetime(2025, 3, 27, 23, 59, tzinfo=dt.UTC),
        dt.datetime(2025, 3, 28, 6, tzinfo=dt.UTC),
        dt.datetime(2025, 3, 28, 12, tzinfo=dt.UTC),
        dt.datetime(2025, 3, 28, 23, 59, tzinfo=dt.UTC),
    ]
    after_the_end = [dt.datetime(2025, 3, 29, hour, tzinfo=dt.UTC) for hour in (0, 6, 12)]
    uris = []
    for n, at in enumerate(in_progress + after_the_end):
        uris.append(archive.record(DAY, {BID_1: answer(str(n).encode(), at)}, now=at)[0].uri)
        archive.record(DAY, {BID_1: answer(str(n).encode(), at + MINUTE)}, now=at + MINUTE)
    assert archive.versions(DAY) == [uris[0], *uris[3:]]
    assert len(place.files()) == 2 * len(archive.versions(DAY)), "the looks go with their object"


def test_a_summer_day_is_over_at_23_utc_and_what_was_written_then_stays(archive):
    day = dt.date(2025, 7, 1)
    times = [dt.datetime(2025, 7, 1, 22, 59, tzinfo=dt.UTC), dt.datetime(2025, 7, 1, 23, 0, tzinfo=dt.UTC)]
    times.append(times[-1] + 30 * MINUTE)
    uris = [archive.record(day, {BID_1: answer(str(at).encode(), at)}, now=at)[0].uri for at in times]
    assert archive.versions(day) == uris[1:]


@pytest.mark.parametrize(
    "damage", ["cut", "flipped", "empty", "no manifest", "member gone", "other day", "other format"]
)
def test_a_damaged_object_is_refused_with_its_name_and_what_to_do(tmp_path, damage):
    place = FolderPlace(tmp_path / "an archive")
    archive = Archive.from_url(place.url)
    uri = archive.record(DAY, day_of_answers(), now=NOW)[0].uri
    whole = place.read(uri)
    if damage == "cut":
        body = whole[: len(whole) // 2]
    elif damage == "flipped":
        at = whole.index(b"stack/bid/02.json") + len(b"stack/bid/02.json") + 3
        body = whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]
    elif damage == "empty":
        body = b""
    else:
        body = repacked(whole, damage)
    place.write(uri, body)
    for read in (lambda: archive.newest(DAY), lambda: archive.load(uri)):
        with pytest.raises(ArchiveError) as caught:
            read()
        says = str(caught.value)
        assert uri in says
        assert "restore it from a backup, or delete it and run minerecon reingest 2025-03-28 --force" in says
        assert "\n" not in says
        if damage in ("flipped", "member gone"):
            assert "stack/bid/02.json" in says


def repacked(whole, damage):
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            body = old.read(name)
            if name == "manifest.json":
                if damage == "no manifest":
                    continue
                if damage == "other day":
                    body = body.replace(b"2025-03-28", b"2025-03-29")
                if damage == "other format":
                    body = body.replace(b"minerecon-archive/1", b"minerecon-archive/2")
            if not (damage == "member gone" and name == "stack/bid/02.json"):
                new.writestr(name, body)
    return buffer.getvalue()


def test_a_member_that_zip_finds_sound_but_is_not_what_was_answered_is_refused(archive, place):
    uri = archive.record(DAY, day_of_answers(), now=NOW)[0].uri
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(place.read(uri))) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"[2]", b"[7]"))
    place.write(uri, buffer.getvalue())
    with pytest.raises(ArchiveError, match=r"stack/bid/02\.json is damaged \(the SHA-256 is not the one"):
        archive.newest(DAY)


def test_a_member_of_another_size_than_the_manifest_says_is_refused_before_it_is_unpacked(archive, place, monkeypatch):
    uri = archive.record(DAY, day_of_answers(), now=NOW)[0].uri
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(place.read(uri))) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, b" " * 50_000_000 if name == "stack/bid/02.json" else old.read(name))
    place.write(uri, buffer.getvalue())
    taken, read = [], zipfile.ZipFile.read
    monkeypatch.setattr(
        zipfile.ZipFile, "read", lambda pack, name, *rest: (taken.append(name), read(pack, name, *rest))[1]
    )
    with pytest.raises(
        ArchiveError, match=r"stack/bid/02\.json is damaged \(it has 50000000 bytes, and \d+ in the man"
    ):
        archive.newest(DAY)
    assert "stack/bid/02.json" not in taken


def test_whatever_byte_is_damaged_the_object_is_refused_or_reads_as_it_was(tmp_path):
    archive = Archive.from_url(str(tmp_path))
    recorded, _ = archive.record(DAY, {BID_1: answer(b'{"data": [1, 2, 3]}' * 3)}, now=NOW)
    path = Path(recorded.uri)
    whole = path.read_bytes()
    refused = 0
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            assert same(archive.load(recorded.uri).answers, recorded.answers)
        except ArchiveError:
            refused += 1
    assert refused > len(whole) // 2


@pytest.mark.parametrize(
    "torn", [b"", b'{"stack/bid/01": "2025-04', b"\xff\x00", b"[]", b'{"stack/bid/01": "2025-04-02T10:00:00"}']
)
def test_torn_looks_are_reported_and_cost_only_the_times(tmp_path, caplog, torn):
    place = FolderPlace(tmp_path / "an archive")
    archive = Archive.from_url(place.url)
    uri = archive.record(DAY, day_of_answers(), now=NOW)[0].uri
    archive.record(DAY, day_of_answers(NOW + HOUR), now=NOW + HOUR)
    place.write(uri.removesuffix(".zip") + ".looks.json", torn)
    assert same(archive.newest(DAY).answers, day_of_answers(NOW))
    assert "looks.json is damaged" in caplog.text
    archive.record(DAY, day_of_answers(NOW + 2 * HOUR), now=NOW + 2 * HOUR)
    assert same(archive.newest(DAY).answers, day_of_answers(NOW + 2 * HOUR))


def test_synthetic_answers_never_cover_real_ones(archive, place):
    archive.record(DAY, day_of_answers(), now=NOW)
    before = place.files()
    for synthetic in (day_of_answers(base=SAMPLE), {BID_1: answer(b"other", base=SAMPLE)}):
        with pytest.raises(ArchiveError, match="synthetic ones never cover them: give the sample another"):
            archive.record(DAY, synthetic, now=NOW + HOUR)
    assert place.files() == before


def test_real_answers_replace_synthetic_ones_and_take_nothing_over_from_them(archive):
    sample, _ = archive.record(DAY, day_of_answers(base=SAMPLE), now=NOW)
    assert sample.is_synthetic
    real, is_new = archive.record(DAY, {BID_1: answer(b'{"data": [1.10]}', NOW + HOUR)}, now=NOW + HOUR)
    assert is_new, "that both say the same counts for nothing"
    assert not real.is_synthetic
    assert list(archive.newest(DAY).answers) == [BID_1]


def test_real_and_synthetic_answers_cannot_come_together(archive, place):
    with pytest.raises(ArchiveError, match="cannot be archived together"):
        archive.record(DAY, {BID_1: answer(), BID_2: answer(base=SAMPLE)}, now=NOW)
    assert place.files() == []


def test_the_days_held_are_listed_in_order(archive):
    days = [dt.date(2025, 3, 30), dt.date(2024, 12, 31), DAY]
    for day in days:
        archive.record(day, {BID_1: answer()}, now=NOW)
    archive.record(DAY, {BID_1: answer(b"2")}, now=NOW + HOUR)
    archive.record_register(answer(b"[]"), now=NOW)
    assert archive.days() == sorted(days)


def test_an_object_that_is_not_there_is_refused_with_what_to_do(archive, place):
    recorded, _ = archive.record(DAY, {BID_1: answer()}, now=NOW)
    place.remove(recorded.uri)
    with pytest.raises(
        ArchiveError, match=r"not in the archive; restore it, or fetch again: minerecon reingest 2025-03-28"
    ):
        archive.load(recorded.uri)
    with pytest.raises(ArchiveError, match="not an object of a settlement day in the archive"):
        archive.load(place.url + "/register/20250402T090000.123456Z.zip")


def test_an_object_is_found_by_its_name_wherever_the_archive_was_when_it_was_told_of(archive):
    recorded, _ = archive.record(DAY, {BID_1: answer()}, now=NOW)
    _, _, name = recorded.uri.rpartition("/days/")
    for before in ("s3://another-bucket/archive/", "/another/folder/", ""):
        assert archive.load(f"{before}days/{name}").uri == recorded.uri
    for other in (f"s3://another-bucket/olddays/{name}", f"/another/folder/days/{name}.bak"):
        with pytest.raises(ArchiveError, match="not an object of a settlement day in the archive"):
            archive.load(other)


def test_files_of_other_names_are_left_alone(archive, place):
    recorded, _ = archive.record(DAY, {BID_1: answer()}, now=NOW)
    place.write(f"{place.url}/days/2025/2025-03-28/zzz.zip", b"not ours")
    assert archive.versions(DAY) == [recorded.uri]
    assert archive.newest(DAY).uri == recorded.uri
    assert archive.days() == [DAY]


def test_a_register_that_changed_is_kept_beside_the_older_ones(archive):
    first, new_1 = archive.record_register(answer(b"[1]", NOW), now=NOW)
    again, new_2 = archive.record_register(answer(b"[1]", NOW + HOUR), now=NOW + HOUR)
    second, new_3 = archive.record_register(answer(b"[2]", NOW + 2 * HOUR), now=NOW + 2 * HOUR)
    archive.record_register(answer(b"[2]", NOW + 3 * HOUR), now=NOW + 3 * HOUR)
    assert (new_1, new_2, new_3) == (True, False, True)
    assert again == first
    assert [(uri, a.body, a.fetched_at - NOW) for uri, a in archive.registers()] == [
        (first, b"[1]", 0 * HOUR),
        (second, b"[2]", 2 * HOUR),
    ], "a version begins when it was first seen"
    uri, newest = archive.newest_register()
    assert (uri, newest.body, newest.fetched_at) == (second, b"[2]", NOW + 3 * HOUR)


def test_a_synthetic_register_never_covers_a_real_one_and_is_forgotten_after_it(archive):
    archive.record_register(answer(b"[1]", base=SAMPLE), now=NOW)
    assert len(list(archive.registers())) == 1
    real, is_new = archive.record_register(answer(b"[1]"), now=NOW + HOUR)
    assert is_new
    assert [uri for uri, _ in archive.registers()] == [real]
    with pytest.raises(ArchiveError, match="never cover"):
        archive.record_register(answer(b"[3]", base=SAMPLE), now=NOW + 2 * HOUR)


def test_a_time_without_a_zone_is_a_mistake(archive):
    with pytest.raises(ValueError, match="without a time zone"):
        archive.record(DAY, {BID_1: answer()}, now=NOW.replace(tzinfo=None))


def run_until_killed(url, sabotage):
    """Record something new in another process, which is killed by ``sabotage`` on the way."""
    script = f"""
        import datetime as dt, os, pathlib, signal
        from minerecon_dagster.core.answers import Answer, AnswerKey
        from minerecon_dagster.elexon.archive import Archive, Damaged, Sound
        def die(*_, **__):
            os.kill(os.getpid(), signal.SIGKILL)
        {sabotage}
        now = dt.datetime.fromisoformat("{NOW.isoformat()}")
        answer = Answer("{BASE}/x", 200, now, b"new")
        Archive.from_url({url!r}).record(dt.date(2025, 3, 28), {{AnswerKey("stack", "bid", 1): answer}}, now=now)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.first_quick
@pytest.mark.parametrize("sabotage", ["os.fsync = die", "os.link = die"])
def test_a_process_killed_while_writing_leaves_nothing_visible_and_no_rubbish_for_long(tmp_path, sabotage):
    place = FolderPlace(tmp_path / "an archive")
    archive = Archive.from_url(place.url)
    first, _ = archive.record(DAY, {BID_1: answer(b"old")}, now=NOW)
    run_until_killed(place.url, sabotage)
    assert archive.versions(DAY) == [first.uri]
    assert archive.newest(DAY).answers[BID_1].body == b"old"
    (left,) = set(place.files()) - {first.uri}
    archive.record(DAY, {BID_1: answer(b"third")}, now=NOW + HOUR)
    assert left in place.files(), "a young one may be another process's that still writes"
    os.utime(left, (0, 0))
    archive.record(DAY, {BID_1: answer(b"fourth")}, now=NOW + 2 * HOUR)
    assert place.files() == archive.versions(DAY)


@pytest.mark.slow
def test_a_process_killed_while_noting_a_look_leaves_the_looks_before(tmp_path):
    place = FolderPlace(tmp_path / "an archive")
    archive = Archive.from_url(place.url)
    archive.record(DAY, {BID_1: answer(b"new", NOW - 2 * HOUR)}, now=NOW - 2 * HOUR)
    archive.record(DAY, {BID_1: answer(b"new", NOW - HOUR)}, now=NOW - HOUR)
    run_until_killed(place.url, "pathlib.Path.replace = die")
    assert archive.newest(DAY).answers[BID_1].fetched_at == NOW - HOUR


@pytest.mark.slow
def test_two_processes_that_write_at_the_same_instant_both_keep_what_they_brought(tmp_path):
    url = str(tmp_path)
    Archive.from_url(url).record(DAY, {BOAV: answer(b"old")}, now=NOW - HOUR)
    script = f"""
        import datetime as dt, sys
        from minerecon_dagster.core.answers import Answer, AnswerKey
        from minerecon_dagster.elexon.archive import Archive, Damaged, Sound
        now = dt.datetime.fromisoformat("{NOW.isoformat()}")
        archive = Archive.from_url({url!r})
        print("ready", flush=True)
        sys.stdin.readline()
        for n in range(20):
            answer = Answer("{BASE}/x", 200, now, f"{{n}} of {{sys.argv[1]}}".encode())
            archive.record(dt.date(2025, 3, 28), {{AnswerKey("stack", "bid", int(sys.argv[1])): answer}}, now=now)
    """
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for n in (1, 2)
    ]
    for worker in workers:
        worker.stdout.readline()
    for worker in workers:
        worker.communicate(b"go\n", timeout=60)
    assert [worker.returncode for worker in workers] == [0, 0]
    archive = Archive.from_url(url)
    bodies = {archive.load(uri).answers[key].body for uri in archive.versions(DAY) for key in archive.load(uri).answers}
    assert bodies == {b"old"} | {f"{n} of {worker}".encode() for n in range(20) for worker in (1, 2)}
    assert len(archive.versions(DAY)) == 41


def test_an_object_that_was_pruned_after_the_listing_is_looked_for_again(archive):
    during = dt.datetime(2025, 3, 28, 12, tzinfo=dt.UTC)
    archive.record(DAY, {BID_1: answer(b"1")}, now=during)
    listing = archive._store.names

    def stale(folder):
        names = listing(folder)
        archive._store.names = listing
        archive.record(DAY, {BID_1: answer(b"2")}, now=during + HOUR)
        return names

    archive._store.names = stale
    assert archive.newest(DAY).answers[BID_1].body == b"2"


def test_what_cannot_be_pruned_is_reported_and_stays(archive, caplog, monkeypatch):
    def refuse(name):
        raise ArchiveError(f"{name}: no right to delete")

    monkeypatch.setattr(archive._store, "delete", refuse)
    for hour in (1, 2):
        at = dt.datetime(2025, 3, 28, hour, tzinfo=dt.UTC)
        assert archive.record(DAY, {BID_1: answer(str(hour).encode())}, now=at)[1]
    assert len(archive.versions(DAY)) == 2
    assert "no longer needed stays: days/2025/2025-03-28/20250328T010000" in caplog.text


def test_a_folder_that_cannot_be_used_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    archive = Archive.from_url(str(tmp_path / "file"))
    with pytest.raises(ArchiveError, match="MINERECON_ARCHIVE_URL") as caught:
        archive.record(DAY, {BID_1: answer()}, now=NOW)
    assert str(tmp_path / "file") in str(caught.value)


def test_a_bucket_that_is_not_there_is_one_clear_line(s3):
    archive = Archive.from_url("s3://no-such-bucket/x")
    for use in (archive.days, lambda: archive.record(DAY, {BID_1: answer()}, now=NOW)):
        with pytest.raises(
            ArchiveError, match=r"s3://no-such-bucket/x/.*no bucket no-such-bucket.*MINERECON_ARCHIVE_URL"
        ):
            use()


def test_a_bucket_without_a_prefix_holds_an_archive_too(s3):
    s3.create_bucket(Bucket="whole-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    archive = Archive.from_url("s3://whole-bucket")
    recorded, _ = archive.record(DAY, day_of_answers(), now=NOW)
    assert recorded.uri == "s3://whole-bucket/days/2025/2025-03-28/20250402T090000.123456Z.zip"
    assert same(archive.load(recorded.uri).answers, day_of_answers())


def test_an_object_that_appeared_in_s3_after_the_listing_is_not_overwritten(s3):
    place = S3Place("s3://race-bucket/a", s3)
    archive = Archive.from_url(place.url)
    other = Archive.from_url(place.url)
    create = archive._store.create

    def late(name, body):
        archive._store.create = create
        other.record(DAY, {BID_2: answer(b"theirs")}, now=NOW)
        create(name, body)

    archive._store.create = late
    mine, is_new = archive.record(DAY, {BID_1: answer(b"mine")}, now=NOW)
    assert is_new
    assert {key: a.body for key, a in archive.newest(DAY).answers.items()} == {BID_1: b"mine", BID_2: b"theirs"}
    assert len(archive.versions(DAY)) == 2
    assert archive.versions(DAY)[1] == mine.uri


def test_s3_without_an_answer_is_one_clear_line(monkeypatch, s3, unused_endpoint):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", unused_endpoint)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(ArchiveError, match="Could not connect"):
        Archive.from_url("s3://bucket/x").days()


@pytest.fixture
def unused_endpoint():
    import socket

    with socket.socket() as held:
        # Bound and not listening: whoever connects is refused, and nobody else can take the port.
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def looked_at(archive, first=None, last=None):
    return list(archive.verify(archive.files(first, last)))


def damaged(archive):
    return [look for look in looked_at(archive) if isinstance(look, Damaged)]


def test_an_archive_as_it_was_written_is_sound_with_all_its_objects_notes_and_answers(archive, place):
    archive.record(DAY, day_of_answers(), now=NOW)
    archive.record(DAY, {BOAV: answer(b'{"data": [4]}', NOW + HOUR)}, now=NOW + HOUR)
    archive.record(DAY, {BOAV: answer(b'{"data": [4]}', NOW + 2 * HOUR)}, now=NOW + 2 * HOUR)
    archive.record_register(answer(b"[1]"), NOW)
    looks = looked_at(archive)
    assert all(isinstance(look, Sound) for look in looks)
    assert sorted(look.uri for look in looks) == place.files()
    assert [look.answers for look in looks] == [3, 3, 0, 1] if looks[1].answers else [3, 0, 3, 1]
    assert sum(look.bytes for look in looks) == sum(len(place.read(uri)) for uri in place.files())


def test_a_flipped_byte_in_any_object_is_named_with_what_mends_it_and_the_others_are_sound(archive, place):
    old = archive.record(DAY, day_of_answers(), now=NOW)[0].uri
    new = archive.record(DAY, {BOAV: answer(b'{"data": [4]}', NOW + HOUR)}, now=NOW + HOUR)[0].uri
    register, _ = archive.record_register(answer(b"[1]"), NOW)
    assert damaged(archive) == []
    for uri in (old, new, register):
        whole = place.read(uri)
        at = whole.index(b".json", whole.index(b".json") + 200) + len(b".json") + 3
        place.write(uri, whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
    found = {look.uri: look for look in damaged(archive)}
    assert list(found) == [old, new, register]
    assert [look.is_current for look in found.values()] == [False, True, True]
    assert "cannot be asked for again" in found[old].remedy
    assert found[new].remedy == "restore it from a backup, or delete it and run minerecon reingest 2025-03-28 --force"
    assert str(REFRESH_REGISTER) in found[register].remedy
    assert found[new].day == DAY
    assert all("damaged" in look.problem for look in found.values())


def test_what_a_damaged_refusal_or_damaged_looks_cost_is_said(archive, place):
    archived, _ = archive.record(DAY, day_of_answers(), now=NOW)
    archive.record(DAY, day_of_answers(NOW + HOUR), now=NOW + HOUR)
    archive.refuse(archived, "too little", now=NOW, run_id=None)
    assert damaged(archive) == []
    beside = [uri for uri in place.files() if uri.endswith(".json")]
    for uri in beside:
        place.write(uri, b"{")
    found = {look.uri.rpartition("Z.")[2]: look.remedy for look in damaged(archive)}
    assert found.keys() == {"looks.json", "refused.json"}
    assert "the next look writes it anew" in found["looks.json"]
    assert "delete it to have the object looked at again" in found["refused.json"]


def test_a_refused_object_of_what_comes_later_is_none_to_build_from_until_a_newer_one_or_its_taking(archive):
    key = AnswerKey("pn")
    kept = [
        archive.record_of("pn", DAY, {key: answer(body, NOW + n * HOUR)}, now=NOW + n * HOUR)
        for n, body in enumerate((b"[1]", b"[2]"))
    ]
    assert archive.newest_refused_of("pn", DAY) is None
    archive.refuse(kept[1], "too little", now=NOW, run_id="a run")
    assert archive.newest_of("pn", DAY).uri == kept[0].uri
    refused = archive.newest_refused_of("pn", DAY)
    assert (refused.uri, refused.refusal.why, refused.refusal.run_id) == (kept[1].uri, "too little", "a run")
    again = archive.record_of("pn", DAY, {key: answer(b"[2]", NOW + 3 * HOUR)}, now=NOW + 3 * HOUR)
    assert (again.uri, again.refusal.stands) == (kept[1].uri, True)
    other = archive.record_of("pn", DAY, {AnswerKey("pn", part=1): answer(b"[3]", NOW + 4 * HOUR)}, now=NOW + 4 * HOUR)
    assert other.answers[key].body == b"[1]", "what was refused is not carried on"
    assert archive.newest_of("pn", DAY) == other
    assert archive.newest_refused_of("pn", DAY) is None


def test_what_is_a_part_of_a_refused_object_is_kept_beside_what_is_held_and_not_as_that_object(archive):
    held = archive.record(DAY, day_of_answers(), now=NOW)[0]
    other = {BID_1: answer(b"[9]", NOW + HOUR), BID_2: answer(b"[8]", NOW + HOUR)}
    refused = archive.record(DAY, other, now=NOW + HOUR)[0]
    archive.refuse(refused, "too little", now=NOW + HOUR, run_id=None)
    assert archive.record(DAY, other, now=NOW + 2 * HOUR)[0].uri == refused.uri, "all of it"
    part, is_new = archive.record(DAY, {BID_1: answer(b"[9]", NOW + 3 * HOUR)}, now=NOW + 3 * HOUR)
    assert is_new
    assert (part.is_refused, part.answers[BID_1].body) == (False, b"[9]")
    assert part.answers[BID_2].body == held.answers[BID_2].body
    assert archive.newest(DAY) == part


def test_an_object_that_is_gone_while_its_notes_stay_is_missed(archive, place):
    uri = archive.record(DAY, day_of_answers(), now=NOW)[0].uri
    archive.record(DAY, day_of_answers(NOW + HOUR), now=NOW + HOUR)
    place.remove(uri)
    [gone] = damaged(archive)
    assert (gone.uri, gone.day) == (uri, DAY)
    assert "gone" in gone.problem


def test_only_the_days_asked_for_are_verified_and_the_register_with_all(archive):
    for n in range(3):
        archive.record(DAY + n * dt.timedelta(days=1), day_of_answers(), now=NOW)
    archive.record_register(answer(b"[1]"), NOW)
    assert [look.day for look in looked_at(archive, DAY, DAY + dt.timedelta(days=1))] == [
        DAY,
        DAY + dt.timedelta(days=1),
    ]
    assert len(looked_at(archive)) == 4


def test_an_object_that_is_pruned_while_the_archive_is_verified_is_no_damage(archive, place):
    uri = archive.record(DAY, day_of_answers(), now=NOW)[0].uri
    names = archive.files()
    place.remove(uri)
    assert list(archive.verify(names)) == [None]


def test_a_place_that_cannot_be_read_is_no_damage_but_an_error(s3):
    archive = Archive.from_url("s3://no-such-bucket/x")
    with pytest.raises(ArchiveError, match="there is no bucket no-such-bucket"):
        list(archive.verify(["days/2025/2025-03-28/20250402T090000.123456Z.zip"]))


def test_an_object_of_the_future_is_refused_and_named(tmp_path):
    """It would be current for ever, since it has the greatest name."""
    store = open_store(str(tmp_path))
    ahead = dt.datetime.now(dt.UTC) + AHEAD_AT_MOST + dt.timedelta(hours=1)
    other = Archive(store, clock=lambda: ahead)
    held, _ = other.record(DAY, fetched(DAY, at=ahead), now=ahead)
    assert other.newest(DAY).uri == held.uri
    with pytest.raises(ArchiveError, match=rf"{held.uri} is of the future.*minerecon reingest {DAY} --force"):
        Archive(store).newest(DAY)
    with pytest.raises(ArchiveError, match="is of the future"):
        Archive(store).record(DAY, fetched(DAY, body=b"[1]"), now=dt.datetime.now(dt.UTC))


def test_an_answer_that_was_fetched_in_the_future_is_damage(tmp_path):
    """It would be final for ever, whatever it says."""
    store = open_store(str(tmp_path))
    now = dt.datetime.now(dt.UTC)
    Archive(store).record(DAY, fetched(DAY, at=now + dt.timedelta(days=365)), now=now)
    with pytest.raises(ArchiveError, match="which is to come"):
        Archive(store).newest(DAY)


@pytest.mark.parametrize("folder", ["2025-99-99", "2025-02-30"])
def test_a_folder_of_no_day_is_named_where_days_are_listed(tmp_path, folder):
    path = tmp_path / "days" / "2025" / folder / "20250328T000000.000000Z.zip"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    with pytest.raises(ArchiveError, match=f"{folder} is of no day"):
        Archive.from_url(str(tmp_path)).days()


def fetched(day, *, at=None, body=b"[]"):
    at = at or dt.datetime.now(dt.UTC)
    return {AnswerKey("boav", "bid"): Answer("https://example.com/boav", 200, at, body)}
