"""The difficulty table over DynamoDB's wire protocol: both keys, exact digits, and never a default."""

import datetime as dt
import json
import socket
import threading
from decimal import Decimal
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import boto3.session
import pytest
from moto.server import ThreadedMotoServer

from minerecon_dagster.core.difficulty import Retarget, values_by_day
from minerecon_dagster.core.errors import ConfigurationError, DifficultyError
from minerecon_dagster.difficulty import source as difficulty
from minerecon_dagster.difficulty.source import DifficultyTable

DAY = dt.date(2025, 3, 28)
ONE = dt.timedelta(days=1)
TABLE_NUMBER = count()
VALUE = Decimal("113757508810854.0")


@pytest.fixture(scope="module")
def dynamodb():
    """A server that speaks DynamoDB's protocol on a port, and boto3's own view of it."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    yield boto3.session.Session("test", "test", region_name="eu-west-2").resource(
        "dynamodb", endpoint_url="http://{}:{}".format(*server.get_host_and_port())
    )
    server.stop()


@pytest.fixture
def environment(monkeypatch, tmp_path):
    for variable in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return monkeypatch


@pytest.fixture
def make_table(dynamodb, environment, request):
    environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.meta.client.meta.endpoint_url)
    made = []

    def make(*items, key="ID", kind="S"):
        made.append(
            dynamodb.create_table(
                TableName=f"difficulty-{next(TABLE_NUMBER)}",
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind}],
                BillingMode="PAY_PER_REQUEST",
            )
        )
        with made[-1].batch_writer() as writer:
            for item in items:
                writer.put_item(Item=item)
        return made[-1]

    yield make
    for table in made:
        table.delete()


@pytest.fixture(params=["ID", "Date"])
def key(request):
    return request.param


def item(day, value, ident=None, **more):
    return {"ID": ident or f"id of {day}", "Date": str(day), "Difficulty": value, **more}


@cache
def client_of(table):
    """One per table, as one costs more than most of these tests do."""
    return DifficultyTable(table.name, region="eu-west-2")


def everything(table):
    return sorted(table.scan()["Items"], key=lambda found: (found["Date"], found["ID"]))


def test_a_value_is_found_to_the_digit_be_it_a_number_or_a_string(make_table, key):
    digits = "113757508810854.12345678901234567890123456789"
    table = make_table(item(DAY, VALUE), item(DAY + ONE, "113757508810854.25"), item(DAY + 2 * ONE, digits), key=key)
    found = client_of(table).values([DAY, DAY + ONE, DAY + 2 * ONE, DAY + 3 * ONE])
    assert found == {DAY: VALUE, DAY + ONE: Decimal("113757508810854.25"), DAY + 2 * ONE: Decimal(digits)}


def test_a_table_on_this_machine_is_not_asked_for_through_a_proxy(make_table, environment):
    """FR-26: behind a company's proxy the first run works offline."""
    table = make_table(item(DAY, VALUE))
    environment.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    environment.delenv("NO_PROXY", raising=False)
    assert DifficultyTable(table.name, region="eu-west-2").values([DAY]) == {DAY: VALUE}


@pytest.mark.first_quick
def test_a_year_is_found_on_however_many_pages_it_stands(make_table, key):
    days = [DAY + n * ONE for n in range(366)]
    padding = "x" * (20_000 if key == "ID" else 0)
    table = make_table(*(item(day, VALUE + n, padding=padding) for n, day in enumerate(days)), key=key)
    if key == "ID":
        assert "LastEvaluatedKey" in table.scan(), "this needs a table of several pages"
    found = client_of(table).values(days[1:])
    assert found == {day: VALUE + n for n, day in enumerate(days) if n}
    assert client_of(table).last_day() == days[-1]


def test_nothing_asked_is_nothing_found_without_a_call(environment):
    assert DifficultyTable("nowhere", region=None).values([]) == {}


def test_a_value_that_is_no_positive_number_is_refused_naming_date_table_and_value(make_table, key):
    bad = {
        "many": "'many'",
        "": "''",
        None: "None",
        True: "True",
        ("1",): "['1']",
        Decimal(0): "0",
        Decimal(-5): "-5",
        "NaN": "NaN",
        "-Infinity": "-Infinity",
    }
    days = {DAY + n * ONE: value for n, value in enumerate(bad)}
    stored = [item(day, list(value) if isinstance(value, tuple) else value) for day, value in days.items()]
    table = make_table(*stored, item(DAY - ONE, VALUE), key=key)
    for day, value in days.items():
        with pytest.raises(DifficultyError) as caught:
            client_of(table).values([DAY - ONE, day])
        assert f"the difficulty for {day} in DynamoDB table {table.name} is {bad[value]}, not" in str(caught.value)
    assert client_of(table).values([DAY - ONE]) == {DAY - ONE: VALUE}, (
        "a bad value of another day is nothing to this one"
    )


def test_two_items_of_a_day_must_agree(make_table):
    table = make_table(item(DAY, VALUE, "a"), item(DAY, "113757508810854", "b"))
    assert client_of(table).values([DAY]) == {DAY: VALUE}
    table.put_item(Item=item(DAY, VALUE + 1, "c"))
    with pytest.raises(DifficultyError, match=rf"{table.name} has two difficulties for 2025-03-28, .*113757508810855"):
        client_of(table).values([DAY])


def test_items_without_a_readable_date_are_of_no_day(make_table):
    table = make_table({"ID": "1"}, {"ID": "2", "Date": 20250328}, {"ID": "3", "Date": "soon"}, item(DAY, VALUE))
    assert client_of(table).values([DAY, DAY + ONE]) == {DAY: VALUE}
    assert client_of(table).last_day() == DAY


def test_a_required_day_that_is_missing_is_one_clear_line_with_what_to_do(make_table, key):
    table = make_table(item(DAY, VALUE), key=key)
    assert client_of(table).require([DAY]) == {DAY: VALUE}
    with pytest.raises(DifficultyError) as caught:
        client_of(table).require([DAY, DAY + ONE])
    assert str(caught.value) == (
        f"no difficulty for 2025-03-29 in DynamoDB table {table.name}: "
        "load it with `minerecon difficulty load FILE.csv`"
    )


def test_a_required_day_may_be_a_factor_of_four_from_the_day_before_and_no_more(make_table, key):
    # A target is compact whatever the power of two by which it is multiplied.
    factors = [1, 4, 8, 1, Decimal("0.25"), Decimal("0.125")]
    value, items = VALUE, []
    for n, factor in enumerate(factors):
        value *= factor
        items.append(item(DAY + n * ONE, value))
    table = make_table(*items, key=key)
    for n, factor in enumerate(factors):
        day = DAY + n * ONE
        if Decimal("0.25") <= factor <= 4:
            assert list(client_of(table).require([day])) == [day]
        else:
            with pytest.raises(DifficultyError, match=rf"{day} in DynamoDB table {table.name} .* factor of 4"):
                client_of(table).require([day])


@pytest.mark.parametrize("bad", ["108000000000000", Decimal(108 * 10**12), "many", Decimal(-1)])
def test_a_day_with_a_bad_value_is_like_a_missing_one_and_the_days_around_it_are_none_the_worse(make_table, key, bad):
    table = make_table(item(DAY, VALUE), item(DAY + ONE, bad), item(DAY + 2 * ONE, VALUE), key=key)
    found = client_of(table).read([DAY, DAY + ONE, DAY + 2 * ONE, DAY + 3 * ONE])
    assert found.values == {DAY: VALUE, DAY + 2 * ONE: VALUE}
    assert list(found.refused) == [DAY + ONE]
    assert client_of(table).require([DAY, DAY + 2 * ONE]) == {DAY: VALUE, DAY + 2 * ONE: VALUE}
    with pytest.raises(DifficultyError, match=rf"the difficulty for 2025-03-29 in DynamoDB table {table.name} is"):
        client_of(table).require([DAY + ONE])


def test_a_rounded_value_is_told_with_the_date_the_table_and_the_nearest_one(make_table, key):
    table = make_table(item(DAY, 108_000_000_000_000), key=key)
    with pytest.raises(DifficultyError) as caught:
        client_of(table).require([DAY])
    assert str(caught.value) == (
        f"the difficulty for 2025-03-28 in DynamoDB table {table.name} is 108000000000000, no compact target, as every "
        "difficulty of Bitcoin is (the nearest is 107999734186174.79; was it rounded?): load it with `minerecon "
        "difficulty load FILE.csv`"
    )


@pytest.mark.parametrize("value", [113757508810854, Decimal("113757508810853.98"), "113757508810854.0"])
def test_a_difficulty_as_a_whole_number_or_a_double_is_believed(make_table, value):
    assert client_of(make_table(item(DAY, value))).require([DAY]) == {DAY: Decimal(value)}


def test_a_load_writes_what_is_missing_and_says_what_it_changed(make_table, key):
    table = make_table(key=key)
    first = client_of(table).load({DAY: VALUE, DAY + ONE: VALUE})
    assert (first.written, first.unchanged, first.changed) == (2, 0, {})
    assert everything(table) == [{"ID": str(day), "Date": str(day), "Difficulty": VALUE} for day in (DAY, DAY + ONE)]
    again = client_of(table).load({DAY: VALUE, DAY + ONE: VALUE})
    assert (again.written, again.unchanged, again.changed) == (0, 2, {})
    third = client_of(table).load({DAY: VALUE, DAY + ONE: VALUE + 1, DAY + 2 * ONE: VALUE})
    assert (third.written, third.unchanged, third.changed) == (1, 1, {DAY + ONE: (VALUE, VALUE + 1)})
    assert client_of(table).values([DAY + n * ONE for n in range(4)]) == {
        DAY: VALUE,
        DAY + ONE: VALUE + 1,
        DAY + 2 * ONE: VALUE,
    }
    assert client_of(table).last_day() == DAY + 2 * ONE


def test_a_load_corrects_the_items_that_are_there_whatever_their_id_and_keeps_what_else_they_hold(make_table, key):
    items = [item(DAY, "many", "one", note="kept"), item(DAY + ONE, VALUE, "two")]
    if key == "ID":
        items.append(item(DAY, VALUE + 5, "three"))
    table = make_table(*items, key=key)
    report = client_of(table).load({DAY: VALUE})
    assert (report.written, report.unchanged, list(report.changed)) == (0, 0, [DAY])
    assert report.changed[DAY][0] in ("many", VALUE + 5)
    assert everything(table) == sorted(
        ({**one, "Difficulty": VALUE} for one in items), key=lambda found: (found["Date"], found["ID"])
    )
    assert client_of(table).require([DAY]) == {DAY: VALUE}


def test_what_dynamodb_cannot_hold_as_a_number_is_stored_as_a_string_to_the_digit(make_table, key):
    table = make_table(key=key)
    long = Decimal("113757508810854.12345678901234567890123456789")
    client_of(table).load({DAY: long, DAY + ONE: VALUE})
    assert [found["Difficulty"] for found in everything(table)] == [str(long), VALUE]
    assert str(client_of(table).values([DAY])[DAY]) == str(long)
    assert client_of(table).load({DAY: long}).unchanged == 1


def test_a_load_of_a_value_that_is_none_writes_nothing(make_table):
    table = make_table()
    with pytest.raises(DifficultyError, match="2025-03-29 in the values to load is NaN"):
        client_of(table).load({DAY: VALUE, DAY + ONE: Decimal("NaN")})
    assert everything(table) == []


def test_a_table_loaded_from_retargets_ends_fourteen_days_after_the_last(make_table, key):
    table = make_table(key=key)
    retarget = Retarget(889056, dt.datetime(2025, 3, 23, 11, 13, 43, tzinfo=dt.UTC), VALUE)
    assert client_of(table).load(values_by_day([retarget])).written == 14
    assert client_of(table).last_day() == dt.date(2025, 4, 6)
    assert client_of(table).require([dt.date(2025, 4, 6)])
    with pytest.raises(DifficultyError, match="no difficulty for 2025-04-07"):
        client_of(table).require([dt.date(2025, 4, 7)])


def test_the_table_reaches_no_further_than_its_last_believable_value(make_table, key):
    table = make_table(item(DAY, VALUE), item(DAY + ONE, 108_000_000_000_000), item(DAY + 2 * ONE, "soon"), key=key)
    assert client_of(table).last_day() == DAY


def test_an_empty_table_has_no_last_day(make_table, key):
    assert client_of(make_table(key=key)).last_day() is None


def test_a_table_keyed_otherwise_is_read_and_not_written(make_table):
    table = make_table({"ID": 5, "Date": str(DAY), "Difficulty": VALUE}, kind="N")
    assert client_of(table).values([DAY]) == {DAY: VALUE}
    with pytest.raises(ConfigurationError, match=r"has the key ID \(N\); it must be Date or ID alone, a string"):
        client_of(table).load({DAY: VALUE})


@pytest.mark.parametrize("use", [lambda t: t.values([DAY]), lambda t: t.load({DAY: VALUE}), lambda t: t.last_day()])
def test_a_table_that_is_not_there_is_one_clear_line_and_is_not_made(make_table, dynamodb, use):
    make_table()
    with pytest.raises(ConfigurationError) as caught:
        use(DifficultyTable("no-such-table", region="eu-west-2"))
    endpoint = dynamodb.meta.client.meta.endpoint_url
    where = f"DynamoDB table no-such-table (eu-west-2, {endpoint})"
    assert f"{where} is not there; make it by `minerecon difficulty create-table`" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "no-such-table" not in [table.name for table in dynamodb.tables.all()]


class Script(BaseHTTPRequestHandler):
    """A DynamoDB that follows ``server.script``: status and body for the n-th BatchGetItem."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["X-Amz-Target"].endswith("DescribeTable"):
            status, answer = (
                200,
                {
                    "Table": {
                        "KeySchema": [{"AttributeName": "Date", "KeyType": "HASH"}],
                        "AttributeDefinitions": [{"AttributeName": "Date", "AttributeType": "S"}],
                    }
                },
            )
        else:
            keys = [found["Date"]["S"] for found in asked["RequestItems"]["t"]["Keys"]]
            self.server.seen.append(keys)
            status, answer = self.server.script(asked["RequestItems"]["t"], keys)
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def scripted(environment):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Script)
    server.daemon_threads = True
    server.seen = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def answered(keys):
    return [{"Date": {"S": date}, "Difficulty": {"N": "5"}} for date in keys]


def test_keys_left_unprocessed_are_asked_for_again(scripted):
    def sixty_at_most(request, keys):
        cut = 60
        left = {"t": {**request, "Keys": [{"Date": {"S": date}} for date in keys[cut:]]}} if keys[cut:] else {}
        return 200, {"Responses": {"t": answered(keys[:cut])}, "UnprocessedKeys": left}

    scripted.script = sixty_at_most
    days = [DAY + n * ONE for n in range(102)]
    assert DifficultyTable("t", region="eu-west-2").values(days) == dict.fromkeys(days, Decimal(5))
    assert [len(keys) for keys in scripted.seen] == [100, 40, 2]


def test_a_table_at_its_read_capacity_is_given_up_with_one_clear_line(scripted, monkeypatch):
    monkeypatch.setattr(difficulty, "_BATCH_ATTEMPTS", 2)
    scripted.script = lambda request, keys: (200, {"Responses": {"t": []}, "UnprocessedKeys": {"t": request}})
    with pytest.raises(DifficultyError, match=r"table t \(eu-west-2, http://127.*no answer for 1 days in 2 attempts"):
        DifficultyTable("t", region="eu-west-2").values([DAY])
    assert len(scripted.seen) == 2


THROTTLED = {"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "message": "no"}


def test_throttling_is_tried_again(scripted):
    scripted.script = lambda request, keys: (
        (400, THROTTLED) if len(scripted.seen) < 2 else (200, {"Responses": {"t": answered(keys)}})
    )
    assert DifficultyTable("t", region="eu-west-2").values([DAY]) == {DAY: Decimal(5)}


@pytest.mark.slow
def test_throttling_without_end_is_told_in_one_line(scripted):
    scripted.script = lambda request, keys: (400, THROTTLED)
    with pytest.raises(
        DifficultyError, match=r"DynamoDB table t \(eu-west-2, .*ProvisionedThroughputExceeded"
    ) as caught:
        DifficultyTable("t", region="eu-west-2").values([DAY])
    assert len(scripted.seen) == 5
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("code", ["AccessDeniedException", "UnrecognizedClientException", "ValidationException"])
def test_a_refusal_is_a_matter_of_configuration_and_not_tried_again(scripted, code):
    scripted.script = lambda request, keys: (400, {"__type": f"com.amazon.coral.service#{code}", "message": "no"})
    with pytest.raises(ConfigurationError, match=r"table t \(eu-west-2, .*no") as caught:
        DifficultyTable("t", region="eu-west-2").values([DAY])
    assert len(scripted.seen) == 1
    if code != "ValidationException":
        assert "dynamodb:BatchGetItem is refused (no)" in str(caught.value)
        assert "docs/operate/go-live.md" in str(caught.value)


def test_a_table_is_made_keyed_by_date_once_and_can_be_loaded(make_table, dynamodb):
    make_table()
    table = DifficultyTable("made-here", region="eu-west-2")
    try:
        assert table.create()
        assert dynamodb.Table("made-here").key_schema == [{"AttributeName": "Date", "KeyType": "HASH"}]
        table.load({DAY: VALUE})
        assert not table.create()
        assert table.values([DAY]) == {DAY: VALUE}
    finally:
        dynamodb.Table("made-here").delete()


def test_a_table_of_that_name_that_no_difficulty_can_be_loaded_by_is_refused(make_table):
    table = make_table(kind="N")
    with pytest.raises(ConfigurationError, match=r"has the key ID \(N\); it must be Date or ID alone, a string"):
        client_of(table).create()


def test_a_dead_endpoint_is_one_clear_line_that_names_it(environment):
    with socket.socket() as held:
        # Bound and not listening: whoever connects is refused, and nobody else can take the port.
        held.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{held.getsockname()[1]}"
        environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
        with pytest.raises(DifficultyError, match=rf"DynamoDB table t \(eu-west-2, {endpoint}\)") as caught:
            DifficultyTable("t", region="eu-west-2").require([DAY])
    assert "\n" not in str(caught.value)


def test_no_credentials_no_region_and_no_url_are_matters_of_configuration(environment):
    with pytest.raises(ConfigurationError, match=r"DynamoDB table t: .*region"):
        DifficultyTable("t", region=None).values([DAY])
    environment.delenv("AWS_ACCESS_KEY_ID")
    environment.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ConfigurationError, match=r"DynamoDB table t: .*credentials"):
        DifficultyTable("t", region="eu-west-2").values([DAY])
    environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", "localhost")
    with pytest.raises(ConfigurationError, match="AWS_ENDPOINT_URL_DYNAMODB"):
        DifficultyTable("t", region="eu-west-2").values([DAY])
