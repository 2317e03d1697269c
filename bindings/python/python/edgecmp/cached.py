"""The decorator: a function of one key, behind a cache."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, overload

from . import aio
from .cache import Cache

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._types import Key, Options


class CachedFunction:
    """A cached loader: call it for the value, use ``cache`` for everything else."""

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        functools.update_wrapper(self, function)
        self.cache = Cache(loader=function, **options)
        """The cache: receipts, statistics, invalidate, close."""

    def __call__(self, key: Key) -> bytes | None:
        return self.cache.get(key).value


class AsyncCachedFunction:
    """The same for a coroutine function: await the call."""

    def __init__(self, function: Callable[..., Awaitable[Any]], options: Options) -> None:
        functools.update_wrapper(self, function)
        self.cache = aio.Cache(loader=function, **options)
        """The cache: receipts, statistics, invalidate, close."""

    async def __call__(self, key: Key) -> bytes | None:
        return (await self.cache.get(key)).value


class _Decorator:
    """What ``cached(...)`` returns: its type tells the two kinds of functions apart."""

    def __init__(self, options: Options) -> None:
        self._options = options

    @overload
    def __call__(self, function: Callable[..., Awaitable[Any]]) -> AsyncCachedFunction: ...
    @overload
    def __call__(self, function: Callable[..., Any]) -> CachedFunction: ...
    def __call__(self, function: Callable[..., Any]) -> CachedFunction | AsyncCachedFunction:
        if inspect.iscoroutinefunction(function):
            return AsyncCachedFunction(function, self._options)
        return CachedFunction(function, self._options)


def cached(**options: Unpack[Options]) -> _Decorator:
    """Puts a cache in front of a loader function.

    >>> @edgecmp.cached(staleness_bound="200ms")
    ... def price(key: str) -> bytes | None:
    ...     return database.read(key)
    >>> price("ACME")  # at most 200 ms behind the database

    For a coroutine function the result is awaited.
    """
    return _Decorator(options)
