"""The synchronous front."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from . import lifecycle
from ._edgecmp import Core
from .runners import PrivateLoopRunner

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from ._types import Options


class Cache(Core):
    """An in-process cache that says with every read how old the answer can be.

    ``origin`` is an URL template, ``"https://api.example.com/items/{key}"``.
    Instead of it, ``loader`` is a function of the key (str) that returns the
    value (bytes or str), ``None`` if there is no such key, a :class:`Loaded`
    with a version, or :data:`UNCHANGED`; ``writer`` is a function of key and
    value (``None`` deletes) that returns the version of the write or ``None``.
    Both may be coroutine functions: they run on an event loop of their own.

    Every option of docs/options.md is a keyword argument. Durations are a str
    (``"200ms"``), seconds, or a timedelta; sizes a str (``"64MiB"``) or bytes.

    Raises UnknownOptionError (a TypeError) and InvalidArgumentError (a
    ValueError) before anything is started.

    Thread-safe: share one cache between all threads. A forked child gets an
    empty cache with the same options. Closed at exit, or by ``with``.
    """

    def __new__(
        cls,
        origin: str | None = None,
        *,
        loader: Callable[..., Any] | Callable[..., Awaitable[Any]] | None = None,
        writer: Callable[..., Any] | Callable[..., Awaitable[Any]] | None = None,
        **options: Unpack[Options],
    ) -> Self:
        self = super().__new__(
            cls, *lifecycle.core_arguments(origin, loader, writer, options, PrivateLoopRunner)
        )
        lifecycle.register(self)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
