"""The exceptions of edgecmp: one class for each code of core's error table.

Every exception is an :class:`Error`. Some are also the built-in exception that
Python programs catch for such a failure (``TimeoutError``, ``ConnectionError``,
``ValueError``, ``TypeError``).
"""

from __future__ import annotations

from typing import Any, ClassVar


class Error(Exception):
    """Base of all exceptions of edgecmp."""

    code: ClassVar[str] = ""
    """The code, such as ``"ORIGIN_UNAVAILABLE"``; the same in every language."""
    number: ClassVar[int] = 0
    """The number of the code in the C ABI."""
    retriable: ClassVar[bool] = False
    """Whether the same call may succeed later without a change to it."""

    def __init__(self, message: str = "", *, idempotency_key: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        """What happened, for people. Never holds secrets or values."""
        self.idempotency_key = idempotency_key
        """After a write of unknown outcome: the key with which a retry is safe."""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors travel between processes (multiprocessing, concurrent.futures).
        return _rebuild, (type(self), self.message, self.idempotency_key)


class InvalidArgumentError(Error, ValueError):
    """An argument or an option's value is outside what is allowed."""

    code, number = "INVALID_ARGUMENT", 10


class UnknownOptionError(Error, TypeError):
    """No option has this name. As for any unknown keyword: also a TypeError."""

    code, number = "UNKNOWN_OPTION", 11


class ClosedError(Error):
    """The cache was closed."""

    code, number = "CLOSED", 12


class ForkedError(Error):
    """The process forked since the cache was opened: open a new one in the child."""

    code, number = "FORKED", 13


class UnsupportedError(Error):
    """The origin does not do what was asked, such as a write without a writer."""

    code, number = "UNSUPPORTED", 14


class DeadlineExceededError(Error, TimeoutError):
    """The deadline of the call ended first; the message says what it waited for."""

    code, number, retriable = "DEADLINE_EXCEEDED", 20, True


class CancelledError(Error):
    """The caller gave up the call. A cancelled *await* raises asyncio's own class."""

    code, number, retriable = "CANCELLED", 21, True


class OverloadedError(Error):
    """Too many calls are already waiting for the origin or for one key."""

    code, number, retriable = "OVERLOADED", 22, True


class OriginUnavailableError(Error, ConnectionError):
    """The origin could not be reached, broke the connection, or answered 429 or 5xx."""

    code, number, retriable = "ORIGIN_UNAVAILABLE", 30, True


class BreakerOpenError(Error, ConnectionError):
    """The circuit breaker is open: the origin failed too often to be asked now."""

    code, number, retriable = "BREAKER_OPEN", 31, True


class OriginProtocolError(Error):
    """The origin answered what its protocol does not allow, or too much."""

    code, number = "ORIGIN_PROTOCOL", 32


class OriginRejectedError(Error):
    """The origin refused the request."""

    code, number = "ORIGIN_REJECTED", 33


class TooStaleError(Error):
    """The origin's answer came too late to be within the staleness bound."""

    code, number, retriable = "TOO_STALE", 34, True


class VersionNotReachedError(Error):
    """The origin's present version is lower than the read's min_version."""

    code, number, retriable = "VERSION_NOT_REACHED", 35, True


class UnknownOutcomeError(Error):
    """The write may or may not have happened: retry it with ``idempotency_key``."""

    code, number, retriable = "UNKNOWN_OUTCOME", 40, True


class ConflictError(Error):
    """The write's if_version is not the present version; nothing was written."""

    code, number = "CONFLICT", 41


class InternalError(Error):
    """A defect of edgecmp. Please report it."""

    code, number = "INTERNAL", 90


BY_CODE: dict[str, type[Error]] = {cls.code: cls for cls in Error.__subclasses__()}
"""Every class by the code it stands for."""


def from_core(code: str, message: str, idempotency_key: str | None) -> Error:
    """The exception for an error of core."""
    # A code that this package does not know comes from a newer core: say so, do not fail.
    cls = BY_CODE.get(code)
    if cls is None:
        return InternalError(f"{code}: {message}", idempotency_key=idempotency_key)
    return cls(message, idempotency_key=idempotency_key)


def _rebuild(cls: type[Error], message: str, idempotency_key: str | None) -> Error:
    return cls(message, idempotency_key=idempotency_key)
