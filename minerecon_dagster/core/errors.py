"""The errors that users meet: each says what, where and what to do, in one line."""

from __future__ import annotations

from minerecon_dagster.core.printable import printable, shown_url


class MinereconError(Exception):
    """Any failure that a user can act on; ``str()`` is one clear line."""


def one_line(error: BaseException) -> str:
    """What an error says, in one line; of a database's error what the server said, without the statement."""
    said = error if isinstance(error, MinereconError) else getattr(error, "orig", None) or error
    return printable(" ".join(str(said).split()))


class ConfigurationError(MinereconError):
    """A setting, argument or file given by the user is wrong (exit code 2)."""


class SourceError(MinereconError):
    """Elexon could not be used. Message: method, URL (of a long one its beginning), status, attempts, what to do; of
    what was not asked, why.

    Args:
        problem: what happened, as in "HTTP 500" or "connection refused".
        method: HTTP method.
        url: the whole URL asked.
        status: HTTP status of the last answer, None where there was none.
        attempts: how many times it was tried.
        remedy: what the reader should do.
    """

    def __init__(self, problem: str, *, method: str, url: str, status: int | None, attempts: int, remedy: str) -> None:
        self.problem = problem
        self.method = method
        self.url = url
        self.status = status
        self.attempts = attempts
        self.remedy = remedy
        tries = f"{attempts} attempt{'' if attempts == 1 else 's'}"
        asked = f"{method} {shown_url(url)}: {problem} (status {status or 'none'}, {tries})"
        # What was never asked says why in the same words, whatever it was: one cause of a hundred calls is told once.
        super().__init__(f"{asked if attempts else problem}; {remedy}")


class TransientSourceError(SourceError):
    """The source may answer later: 429, 5xx, time-outs, cut or unreadable answers, after all tries."""


class PermanentSourceError(SourceError):
    """Asking again will not help: 4xx other than 404 and 429."""


class SilentSourceError(MinereconError):
    """Elexon answered, and its answer has nothing where there must be something."""


class SchemaDriftError(MinereconError):
    """An answer is not what Elexon's OpenAPI description says; the day stops, nothing is replaced."""


class ArchiveError(MinereconError):
    """The raw archive cannot be read or written, or holds something damaged."""


class DamagedError(ArchiveError):
    """An object of the raw archive is not what was written.

    Args:
        uri: the object.
        problem: what is wrong with it.
        remedy: what the reader should do.
    """

    def __init__(self, uri: str, problem: str, remedy: str) -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{uri}: {problem}; {remedy}")


class ArchiveSetupError(ArchiveError, ConfigurationError):
    """The place of the archive is not there, or lacks what it must have: a bucket, a right, conditional writes."""


class DifficultyError(MinereconError):
    """The network difficulty of a day is missing or not believable. There is no default."""


class NoDifficultyError(DifficultyError):
    """The table holds no difficulty for a day, and answers."""


class RegisterError(MinereconError):
    """The register of BM units is missing or not believable."""


class RegisterRefusedError(RegisterError):
    """An answer of the register was refused as a whole; it is kept, and waits for a person."""


class DayFailedError(MinereconError):
    """A settlement day could not be fetched or built; what was stored before is untouched."""


class DayBusyError(MinereconError):
    """Another run has worked on the day for as long as is waited for it: nothing was done, and nothing is wrong."""


class DifficultyAwaitedError(MinereconError):
    """The day in progress has no difficulty yet, and is built once it has one: nothing is wrong with it."""
