"""Take secrets out of a text before anybody else reads it.

Two ways, because each misses what the other finds: the values that this process knows to be secret, from its
environment, wherever and however they are quoted; and what looks like a secret by its form, whoever's it is.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.settings import secrets_in_files

HIDDEN = "[hidden]"
_SECRET_NAME = re.compile(
    r"PASS(WORD|WD|PHRASE)?(_|$)|PASSWORD|SECRET|TOKEN|KEY|CREDENTIAL|SIGNATURE|WEBHOOK|HEARTBEAT", re.I
)
_PUBLIC_VALUES = frozenset({"embedded", "minerecon", "dagster", "postgres"})
"""What stands in for a password in this repository for all to read; hiding it would garble every command."""
_LEAST_LENGTH = 4
"""A shorter value is in every text by chance."""
_SURE_LENGTH = 8
"""A shorter value is hidden where it stands alone, and not inside a word or a number."""

_NAMES = (
    r"pass(?:word|wd|phrase)|pgpassword|secret|token|credentials?|signature|authorization"
    r"|api[_-]?key|access[_-]?key(?:[_-]?id)?|private[_-]?key"
)
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    # The user information of a URL; the second takes a password with a stroke in it, which is not allowed and happens.
    (re.compile(r"(?<=://)[^\s/@'\"]+@"), f"{HIDDEN}@"),
    (re.compile(r"(?<=://)[^\s/@:'\"]*:[^\s'\"]*@"), f"{HIDDEN}@"),
    (re.compile(r"https?://hooks\.slack\.com/[^\s'\"<>]*", re.I), HIDDEN),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}", re.I), rf"\1 {HIDDEN}"),
    # name=value, name: value, "name": "value"; the name may be the end of a longer one.
    (
        re.compile(rf"((?:{_NAMES})[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s&,;)\]}}]+)", re.I),
        rf"\1{HIDDEN}",
    ),
    # Ids of AWS access keys, and what has the form of their secrets.
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), HIDDEN),
    (
        re.compile(
            r"(?<![A-Za-z0-9/+=_.-])(?=[A-Za-z0-9/+]*[A-Z])(?=[A-Za-z0-9/+]*[a-z])(?=[A-Za-z0-9/+]*\d)"
            r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_.-])"
        ),
        HIDDEN,
    ),
)


def redact(text: str, environ: Mapping[str, str] | None = None) -> str:
    """``text`` with ``[hidden]`` in place of every secret in it.

    Args:
        text: anything that is to be sent, logged or stored.
        environ: environment variables; by default this process's. The values of those whose name says that they
            are secret are hidden (…PASSWORD, …SECRET…, …TOKEN…, …KEY…, …WEBHOOK…, …HEARTBEAT…), and so are the
            passwords and the secret parameters in any of them that is a URL, and what the files of secrets hold.
    """
    known = set(_known(os.environ if environ is None else environ))
    # A secret may be part of another: the longer one goes first.
    for value in sorted(known, key=len, reverse=True):
        if len(value) >= _SURE_LENGTH:
            text = text.replace(value, HIDDEN)
        else:
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", HIDDEN, text)
    for form, replacement in _FORMS:
        text = form.sub(replacement, text)
    return text


def _known(environ: Mapping[str, str]) -> Iterator[str]:
    try:
        in_files = secrets_in_files(environ)
    except ConfigurationError:  # a file that cannot be read now: whoever needs the secret is told
        in_files = {}
    for name, value in (*environ.items(), *in_files.items()):
        whole = value.strip()
        secrets = [*_in_url(whole)]
        if _SECRET_NAME.search(name) and not name.endswith("_FILE"):
            secrets += [whole, *_parts_of_url(whole)]
        for secret in secrets:
            if len(secret) >= _LEAST_LENGTH and secret not in _PUBLIC_VALUES:
                yield from (secret, quote(secret, safe=""), quote(secret), quote_plus(secret), unquote(secret))
                # As a log or an error quotes it.
                yield json.dumps(secret)[1:-1]
                yield repr(secret)[1:-1]


def _in_url(text: str) -> Iterator[str]:
    """The password and the secret parameters of a URL; nothing of a text that is none."""
    try:
        parts = urlsplit(text)
        password = parts.password
    except ValueError:
        return
    if not parts.scheme or "://" not in text:
        return
    if password:
        yield password
    for name, value in parse_qsl(parts.query):
        if _SECRET_NAME.search(name):
            yield value


def _parts_of_url(text: str) -> Iterator[str]:
    """Of a URL that is secret as a whole, what libraries name without the host: its path, and that without its head."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return
    if parts.scheme in ("http", "https"):
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        yield from (part for part in (path, path.strip("/")) if len(part) >= _SURE_LENGTH)
        yield from (part for part in parts.path.split("/") if len(part) >= 2 * _SURE_LENGTH)
