"""The front for asyncio: the same names, awaited.

A hit is answered without giving up the loop. A miss leaves a token with core
and awaits a future; each loop watches one descriptor for all of its caches and
resolves its futures in batches. No thread waits.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from . import lifecycle
from ._edgecmp import Completions, Core, Entry, WriteReceipt, fork_generation
from .errors import Error
from .runners import RunningLoopRunner

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from ._types import Duration, Key, Options, Value, Version


class _Port:
    """What one event loop waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.completions = Completions()
        self.generation = fork_generation()
        self._futures: dict[int, asyncio.Future[Any]] = {}
        # The loop keeps this port, and so the descriptor, as long as it watches it.
        loop.add_reader(self.completions.fileno(), self._resolve)

    def future(self, token: int) -> asyncio.Future[Any]:
        future = asyncio.get_running_loop().create_future()
        self._futures[token] = future
        return future

    def _resolve(self) -> None:
        for token, outcome in self.completions.drain():
            future = self._futures.pop(token)
            if future.done():  # cancelled
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)


_ports: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Port] = weakref.WeakKeyDictionary()


def _port() -> _Port:
    loop = asyncio.get_running_loop()
    port = _ports.get(loop)
    # After a fork in a running loop the descriptor is the parent's.
    if port is None or port.generation != fork_generation():
        _drop_ports_of_closed_loops()
        port = _ports[loop] = _Port(loop)
    return port


def _drop_ports_of_closed_loops() -> None:
    # A port whose answers never came holds futures, and they hold their loop:
    # nothing would collect the three.
    for reference in _ports.keyrefs():
        loop = reference()
        if loop is not None and loop.is_closed():
            _ports.pop(loop, None)


class Cache:
    """:class:`edgecmp.Cache` for asyncio: arguments, results and errors are the same.

    Any number of event loops and threads can share one. A coroutine function
    as loader or writer runs on the loop that first needs it. Cancelling an
    ``await`` gives up the wait, not the request: a cancelled write may happen.
    """

    def __init__(
        self,
        origin: str | None = None,
        *,
        loader: Callable[..., Any] | Callable[..., Awaitable[Any]] | None = None,
        writer: Callable[..., Any] | Callable[..., Awaitable[Any]] | None = None,
        **options: Unpack[Options],
    ) -> None:
        self._core = Core(
            *lifecycle.core_arguments(origin, loader, writer, options, RunningLoopRunner)
        )
        lifecycle.register(self._core)

    async def get(
        self,
        key: Key,
        *,
        staleness_bound: Duration | None = None,
        widen: bool = False,
        outage_bound: Duration | None = None,
        min_version: Version | None = None,
        timeout: Duration | None = None,
        traceparent: str | None = None,
    ) -> Entry:
        """Reads a key; awaits the origin only if nothing within the bound is cached."""
        port = _port()
        started = port.completions.get(
            self._core, key, staleness_bound, widen, outage_bound, min_version, timeout, traceparent
        )
        if isinstance(started, Entry):
            return started
        return cast(Entry, await port.future(started))

    @overload
    async def get_many(
        self,
        keys: Iterable[Key],
        *,
        return_exceptions: Literal[False] = False,
        staleness_bound: Duration | None = None,
        widen: bool = False,
        outage_bound: Duration | None = None,
        min_version: Version | None = None,
        timeout: Duration | None = None,
        traceparent: str | None = None,
    ) -> list[Entry]: ...

    @overload
    async def get_many(
        self,
        keys: Iterable[Key],
        *,
        return_exceptions: bool,
        staleness_bound: Duration | None = None,
        widen: bool = False,
        outage_bound: Duration | None = None,
        min_version: Version | None = None,
        timeout: Duration | None = None,
        traceparent: str | None = None,
    ) -> list[Entry | Error]: ...

    async def get_many(
        self,
        keys: Iterable[Key],
        *,
        return_exceptions: bool = False,
        staleness_bound: Duration | None = None,
        widen: bool = False,
        outage_bound: Duration | None = None,
        min_version: Version | None = None,
        timeout: Duration | None = None,
        traceparent: str | None = None,
    ) -> list[Any]:
        """Reads many keys, all misses in one request where the origin can compare."""
        port = _port()
        started = port.completions.get_many(
            self._core,
            keys,
            return_exceptions,
            staleness_bound,
            widen,
            outage_bound,
            min_version,
            timeout,
            traceparent,
        )
        if isinstance(started, list):
            return started
        return cast("list[Any]", await port.future(started))

    async def set(
        self,
        key: Key,
        value: Value,
        *,
        idempotency_key: str | None = None,
        if_version: Version | None = None,
        timeout: Duration | None = None,
        traceparent: str | None = None,
    ) -> WriteReceipt:
        """Writes a value through; returns once the origin has committed."""
        port = _port()
        token = port.completions.set(
            self._core, key, value, idempotency_key, if_version, timeout, traceparent
        )
        return cast(WriteReceipt, await port.future(token))

    async def delete(
        self,
        key: Key,
        *,
        idempotency_key: str | None = None,
        if_version: Version | None = None,
        timeout: Duration | None = None,
        traceparent: str | None = None,
    ) -> WriteReceipt:
        """Deletes a key at the origin."""
        port = _port()
        token = port.completions.delete(
            self._core, key, idempotency_key, if_version, timeout, traceparent
        )
        return cast(WriteReceipt, await port.future(token))

    def lookup(
        self,
        key: Key,
        *,
        staleness_bound: Duration | None = None,
        widen: bool = False,
        outage_bound: Duration | None = None,
        min_version: Version | None = None,
    ) -> Entry | None:
        """The Entry that a ``get`` would find within its bound, else None. Never waits."""
        return self._core.lookup(
            key,
            staleness_bound=staleness_bound,
            widen=widen,
            outage_bound=outage_bound,
            min_version=min_version,
        )

    def invalidate(self, key: Key) -> None:
        """The next read of the key asks the origin."""
        self._core.invalidate(key)

    def stats(self) -> dict[str, int]:
        """The statistics as a dict of name to number."""
        return self._core.stats()

    def metrics_text(self) -> str:
        """The statistics in Prometheus' text format."""
        return self._core.metrics_text()

    def options(self) -> dict[str, str]:
        """The options in force as text; secrets as ``***``."""
        return self._core.options()

    async def close(self, timeout: Duration | None = None) -> bool:
        """Ends what runs in the background; see :meth:`edgecmp.Cache.close`."""
        # On a thread: closing waits, and this loop may have to end the writes.
        return await asyncio.to_thread(self._core.close, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
