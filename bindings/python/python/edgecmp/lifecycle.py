"""Opening a cache, and closing what is still open when the interpreter ends."""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ._edgecmp import begin_exit, forget_exit
from .functions import Functions
from .runners import ThreadRunner

if TYPE_CHECKING:
    from ._edgecmp import Core
    from .runners import Runner

# Seconds that writes in progress, and a loader's calls, may delay the end of
# the process.
EXIT_TIMEOUT = 0.5

_open: weakref.WeakSet[Core] = weakref.WeakSet()


def core_arguments(
    origin: str | None,
    loader: Callable[..., Any] | None,
    writer: Callable[..., Any] | None,
    options: Mapping[str, Any],
    async_runner: Callable[[Functions], Runner],
) -> tuple[dict[str, Any], Runner | None, bool]:
    """The arguments of ``Core`` for those of a front."""
    if (origin is None) == (loader is None):
        raise TypeError("a cache needs either origin= or loader=")
    if loader is None:
        if writer is not None:
            raise TypeError("writer= goes with loader=, not with origin=")
        return {**options, "origin": origin}, None, False
    functions = Functions(loader, writer)
    runner = async_runner(functions) if functions.is_async else ThreadRunner(functions)
    return dict(options), runner, functions.writable


def register(core: Core) -> None:
    """Has the cache closed at exit, if it still lives then."""
    _open.add(core)


@atexit.register
def close_all() -> None:
    """Closes every cache: no thread of ours may meet an interpreter that ends."""
    try:
        for core in list(_open):
            core.close(EXIT_TIMEOUT)
    finally:
        # Threads that are still in a call meet it all the same: they are held there.
        begin_exit()


os.register_at_fork(after_in_child=forget_exit)
