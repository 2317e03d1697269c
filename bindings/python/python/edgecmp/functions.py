"""The user's loader and writer: how they are called, and what their results mean."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .errors import Error
from .loaded import UNCHANGED, Loaded

if TYPE_CHECKING:
    from ._edgecmp import Call

logger = logging.getLogger("edgecmp")

# What a function gets beside its positional arguments, if it declares a
# parameter of that name.
LOADER_CONTEXT = ("known_version", "timeout", "traceparent")
WRITER_CONTEXT = ("idempotency_key", "if_version", "timeout", "traceparent")

# The text of an exception may be of any length; our messages are not.
MESSAGE_LENGTH = 500


class Functions:
    """A loader and perhaps a writer, both plain functions or both coroutine functions."""

    def __init__(self, loader: Callable[..., Any], writer: Callable[..., Any] | None) -> None:
        for role, function in (("loader", loader), ("writer", writer)):
            if function is not None and not callable(function):
                raise TypeError(f"{role} must be a function, not {type(function).__name__}")
        self.is_async = _is_async(loader)
        if writer is not None and _is_async(writer) != self.is_async:
            raise TypeError("loader and writer must both be plain functions, or both async")
        self.writable = writer is not None
        self._loader = loader
        self._writer = writer
        self._loader_context = _declared(loader, LOADER_CONTEXT)
        self._writer_context = _declared(writer, WRITER_CONTEXT) if writer is not None else ()

    def serve(self, call: Call) -> None:
        """Calls a plain function and answers. Whatever it raises is an answer too."""
        try:
            result = self._call(call)
        except BaseException as error:  # a loader thread has nobody to raise to
            _fail(call, error)
        else:
            _answer(call, result)

    async def serve_async(self, call: Call) -> None:
        """Awaits a coroutine function, no longer than somebody waits for it, and answers."""
        try:
            result = await asyncio.wait_for(self._call(call), call.timeout)
        except asyncio.CancelledError as error:
            _fail(call, error)
            raise
        except BaseException as error:
            _fail(call, error)
        else:
            _answer(call, result)

    def _call(self, call: Call) -> Any:
        if call.operation == "fetch":
            return self._loader(call.key, **_context(call, self._loader_context))
        if self._writer is None:
            raise AssertionError("core asked a read-only loader to write")
        if call.if_version is not None and "if_version" not in self._writer_context:
            # Written without the comparison it would break what the caller asked for.
            raise _Refused("UNSUPPORTED", "the writer declares no parameter if_version")
        return self._writer(call.key, call.value, **_context(call, self._writer_context))


class _Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # an object with an async __call__
    )


def _declared(function: Callable[..., Any], names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # built-ins without a signature
        return ()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return names
    by_name = {p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
    return tuple(name for name in names if name in by_name)


def _context(call: Call, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(call, name) for name in names}


def _answer(call: Call, result: Any) -> None:
    try:
        _send(call, result)
    except BaseException as error:  # a result of the wrong type, or a buffer that fails
        call.fail("ORIGIN_PROTOCOL", f"what the {_role(call)} returned: {_text(error)}")


def _send(call: Call, result: Any) -> None:
    if call.operation != "fetch":
        version = result.version if isinstance(result, Loaded) else result
        call.answer_written(version)
    elif result is None:
        call.answer_absent()
    elif result is UNCHANGED:
        call.answer_unchanged()
    elif not isinstance(result, Loaded):
        call.answer_value(result)
    elif result.value is None:
        call.answer_absent(result.version)
    else:
        call.answer_value(result.value, result.version)


def _fail(call: Call, error: BaseException) -> None:
    # The caller gets the text only; the traceback is here for who looks for it.
    logger.debug("%s of key %r failed", call.operation, call.key, exc_info=error)
    if isinstance(error, (Error, _Refused)):
        call.fail(error.code, _text(error))
    else:
        text = ": ".join(filter(None, (type(error).__name__, _text(error))))
        call.fail("ORIGIN_UNAVAILABLE", f"the {_role(call)} raised {text}")


def _role(call: Call) -> str:
    return "loader" if call.operation == "fetch" else "writer"


def _text(error: BaseException) -> str:
    """What an exception says: of any length, and by code of the user's."""
    try:
        text = str(error.message if isinstance(error, Error) else error)
    except BaseException:  # a loader thread has nobody to raise to
        return "(an exception whose text can't be made)"
    return text[:MESSAGE_LENGTH]
