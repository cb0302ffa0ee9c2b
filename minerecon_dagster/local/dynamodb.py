"""DynamoDB's wire protocol on a port, by ``moto``, with a journal that makes it durable.

``moto`` keeps everything in memory. Each request that changed something is written to
``requests.jsonl`` and synced before it is answered, and the file is replayed at the next start.

Every user of the machine reaches the port. So a request must have the key of this start, which the supervisor tells its
clients alone, before any of it is read; and only what is used is answered, so that nobody writes into the journal what
cannot be replayed.
"""

from __future__ import annotations

import errno
import hmac
import io
import json
import os
import re
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minerecon_dagster.core.errors import MinereconError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

DIFFICULTY_TABLE = "minerecon-bitcoin-difficulty"
_API = "DynamoDB_20120810"
_READS = {"BatchGetItem", "DescribeTable", "GetItem", "ListTables", "Query", "Scan"}
_WRITES = {"BatchWriteItem", "CreateTable", "DeleteItem", "DeleteTable", "PutItem", "UpdateItem"}
"""What is answered: moto knows more, some of which it cannot do again when the journal is replayed."""
_ITEM_WRITES = {
    "BatchExecuteStatement",
    "BatchWriteItem",
    "DeleteItem",
    "ExecuteStatement",
    "ExecuteTransaction",
    "PutItem",
    "TransactWriteItems",
    "UpdateItem",
}
"""Those that a journal may hold, of earlier versions too."""
_COMPACT_ABOVE = 400
"""Item writes in the journal: replaying so many takes less than half a second."""
_BATCH = 25
"""The most items that DynamoDB takes in one BatchWriteItem."""
_MOST_BYTES = 16 * 1024**2
"""Of a request: what DynamoDB takes in one BatchWriteItem."""
_KEY = re.compile(r"Credential=([^/\s]+)/")
"""The access key in the header of a signed request: it is what a client must know."""
_AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=embedded/20200101/eu-west-2/dynamodb/aws4_request, SignedHeaders=host, Signature=0"
)
"""Put in place of each client's own: moto keeps a separate world per region and account."""


def serve(folder: Path, key: str) -> str:
    """Serve the tables kept in ``folder`` on a free port of 127.0.0.1, until the process ends.

    Makes the difficulty table (key ``Date``, a string) if it is not there, empty.

    Args:
        folder: made if it is not there.
        key: the access key that a request must have.

    Returns:
        The endpoint, as in ``http://127.0.0.1:1234``.

    Raises:
        MinereconError: the journal is damaged before its last line.
    """
    from werkzeug.serving import WSGIRequestHandler, make_server

    class QuietHandler(WSGIRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """One line a request would fill the log."""

    folder.mkdir(mode=0o700, exist_ok=True)
    app = JournalledDynamoDB(folder / "requests.jsonl", key)
    status, _ = app.call("DescribeTable", {"TableName": DIFFICULTY_TABLE})
    if status != 200:
        app.call(
            "CreateTable",
            {
                "TableName": DIFFICULTY_TABLE,
                "KeySchema": [{"AttributeName": "Date", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "Date", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
        )
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


Entry = dict[str, Any]
"""A line of the journal: ``operation``, and ``body``, as the client sent it."""


class JournalledDynamoDB:
    """A WSGI application: moto's DynamoDB, whose changes are durable before they are answered.

    Args:
        journal: a file of one JSON object a line, ``{"operation", "body"}``; made if it is not there.
        key: the access key that a request must have.
    """

    def __init__(self, journal: Path, key: str) -> None:
        from moto.moto_server.werkzeug_app import create_backend_app

        self._key = key

        self._app: WSGIApplication = create_backend_app("dynamodb")
        # moto's models are not made for threads, and the journal has to have the order of the changes.
        self._lock = threading.Lock()
        entries = self._replay(journal)
        if sum(entry["operation"] in _ITEM_WRITES for entry in entries) > _COMPACT_ABOVE:
            self._compact(journal, entries)
        self._journal = journal.open("ab", buffering=0)
        journal.chmod(0o600)
        _sync_folder(journal.parent)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; one without the key is not read."""
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        length = environ.get("CONTENT_LENGTH") or "0"
        given = _KEY.search(environ.get("HTTP_AUTHORIZATION", ""))
        if not given or not hmac.compare_digest(given[1].encode("latin-1"), self._key.encode()):
            return _refuse(start_response, "403 Forbidden", "UnrecognizedClientException", "the access key is wrong")
        if environ["REQUEST_METHOD"] != "POST" or operation not in _READS | _WRITES:
            return _refuse(start_response, "400 Bad Request", "UnknownOperationException", "this is not answered here")
        if not length.isascii() or not length.isdigit() or int(length) > _MOST_BYTES:
            said = f"a request has at most {_MOST_BYTES} bytes, and says how many"
            return _refuse(start_response, "413 Content Too Large", "ValidationException", said)
        body = environ["wsgi.input"].read(int(length))
        with self._lock:
            status, headers, answer = self._ask(environ, body)
            if status.startswith("200") and operation in _WRITES:
                self._append({"operation": operation, "body": json.loads(body)})
        # moto lets every page of a browser read its answers.
        start_response(status, [(n, v) for n, v in headers if not n.lower().startswith("access-control-")])
        return [answer]

    def call(self, operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """One operation of the API, from within: HTTP status and answer."""
        from werkzeug.test import Client

        headers = {"X-Amz-Target": f"{_API}.{operation}", "Authorization": f"Credential={self._key}/"}
        response = Client(self).post("/", data=json.dumps(body), headers=headers)
        return response.status_code, json.loads(response.get_data())

    def _append(self, entry: Entry) -> None:
        end = self._journal.seek(0, os.SEEK_END)
        try:
            line = _line(entry)
            if self._journal.write(line) != len(line):
                raise OSError(errno.ENOSPC, "the journal could not be written whole")
            os.fsync(self._journal.fileno())
        except OSError:
            self._journal.truncate(end)  # or the next line would follow half of this one
            raise

    def _ask(self, environ: WSGIEnvironment, body: bytes) -> tuple[str, list[tuple[str, str]], bytes]:
        """Status line, headers and body of moto's answer."""
        from werkzeug.test import run_wsgi_app

        chunks, status, headers = run_wsgi_app(
            self._app,
            {
                **environ,
                "wsgi.input": io.BytesIO(body),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_AUTHORIZATION": _AUTHORIZATION,
            },
            buffered=True,
        )
        return status, headers.to_wsgi_list(), b"".join(chunks)

    def _replay(self, journal: Path) -> list[Entry]:
        """Do again all that the journal holds; a last line that a killed writer left torn is cut off."""
        from werkzeug.test import create_environ

        data = journal.read_bytes() if journal.exists() else b""
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            with journal.open("r+b") as file:
                file.truncate(whole)
        entries: list[Entry] = []
        for number, line in enumerate(data[:whole].splitlines(), start=1):
            try:
                entry: Entry = json.loads(line)
                headers = {"X-Amz-Target": f"{_API}.{entry['operation']}"}
                status, _, answer = self._ask(
                    create_environ(method="POST", headers=headers), json.dumps(entry["body"]).encode()
                )
            except (ValueError, KeyError) as error:
                raise _damaged(journal, number, repr(error)) from error
            if not status.startswith("200"):
                raise _damaged(journal, number, answer.decode())
            entries.append(entry)
        return entries

    def _compact(self, journal: Path, entries: list[Entry]) -> None:
        """Replace the writes of items by the items that there are; what was done to tables is kept as it was."""
        kept = [entry for entry in entries if entry["operation"] not in _ITEM_WRITES]
        for table in self.call("ListTables", {})[1]["TableNames"]:
            puts = [{"PutRequest": {"Item": item}} for item in self._items(table)]
            for start in range(0, len(puts), _BATCH):
                items = {"RequestItems": {table: puts[start : start + _BATCH]}}
                kept.append({"operation": "BatchWriteItem", "body": items})
        new = journal.with_suffix(".new")
        with new.open("wb") as file:
            file.writelines(map(_line, kept))
            file.flush()
            os.fsync(file.fileno())
        new.replace(journal)

    def _items(self, table: str) -> Iterator[dict[str, Any]]:
        request = {"TableName": table}
        while True:
            page = self.call("Scan", request)[1]
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _refuse(start_response: StartResponse, status: str, kind: str, says: str) -> Iterable[bytes]:
    body = json.dumps({"__type": f"com.amazon.coral.service#{kind}", "message": says}).encode()
    headers = [("Content-Type", "application/x-amz-json-1.0"), ("Content-Length", str(len(body)))]
    start_response(status, [*headers, ("Connection", "close")])
    return [body]


def _line(entry: Entry) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def _damaged(journal: Path, line: int, problem: str) -> MinereconError:
    return MinereconError(
        f"line {line} of {journal} is damaged ({problem}); remove the file and load the difficulty again"
    )


def _sync_folder(folder: Path) -> None:
    """Make a file that was made or renamed in ``folder`` survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
