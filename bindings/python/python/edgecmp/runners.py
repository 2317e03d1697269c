"""Who runs a loader: threads of its own, a loop of its own, or the running loop.

Core pushes calls into a queue (``Calls``) and never enters Python. A runner
pops them. ``ensure_running`` is called before anything that may need the
loader, so threads start at first need, and again in a forked child: there
``claim`` is true once more.

Threads and loops hold the user's functions weakly: a loader that refers to its
own cache is a cycle like any other, and both are collected together.
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ._edgecmp import Calls
    from .functions import Functions


class Runner(Protocol):
    """What core asks of a runner."""

    def ensure_running(self, calls: Calls) -> None:
        """Sees to it that somebody pops the calls. Cheap when somebody does."""

    def stop(self, timeout: float) -> bool:
        """Ends within timeout seconds, after the calls were closed; whether it did."""


class ThreadRunner:
    """Plain functions, on ``loader_threads`` daemon threads."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._threads: list[threading.Thread] = []

    def ensure_running(self, calls: Calls) -> None:
        if not calls.claim():
            return
        self._threads = [
            # Daemons: a loader that hangs must not keep the process from ending.
            threading.Thread(
                target=_serve,
                args=(calls, weakref.ref(self._functions)),
                name=f"edgecmp-loader-{n}",
                daemon=True,
            )
            for n in range(calls.threads)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        # A loader may close its own cache. Another thread may be about to start ours: one
        # that does not run yet finds the calls closed.
        others = [t for t in self._threads if t.is_alive() and t is not threading.current_thread()]
        for thread in others:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in others)


def _serve(calls: Calls, functions: weakref.ref[Functions]) -> None:
    while (call := calls.pop()) is not None:
        serving = functions()
        if serving is not None and not call.abandoned:
            serving.serve(call)
        # Not held while the next call is waited for.
        del serving, call


class RunningLoopRunner:
    """Coroutine functions, as tasks of the event loop that first needs them.

    When that loop is closed, the next one that reads through the cache takes over.
    """

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def ensure_running(self, calls: Calls) -> None:
        if calls.claim() or self._loop is None or self._loop.is_closed():
            self._attach(asyncio.get_running_loop(), calls, lambda: None)

    def stop(self, timeout: float) -> bool:
        # The loop sees that the calls are closed when it gets its turn.
        return True

    def _attach(
        self, loop: asyncio.AbstractEventLoop, calls: Calls, ended: Callable[[], object]
    ) -> None:
        self._loop, self._tasks = loop, set()
        fd = calls.fileno()
        loop.add_reader(fd, _pop_all, loop, fd, calls, weakref.ref(self._functions), self._tasks, ended)


def _pop_all(
    loop: asyncio.AbstractEventLoop,
    fd: int,
    calls: Calls,
    functions: weakref.ref[Functions],
    tasks: set[asyncio.Task[None]],
    ended: Callable[[], object],
) -> None:
    """Makes a task of each call that waits; once the calls are closed, ends."""
    while (call := calls.try_pop()) is not None:
        serving = functions()
        if serving is not None and not call.abandoned:
            # The loop itself keeps only weak references to tasks.
            task = loop.create_task(serving.serve_async(call))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    if calls.closed:
        loop.remove_reader(fd)
        for task in tasks:
            task.cancel()
        ended()


class PrivateLoopRunner(RunningLoopRunner):
    """Coroutine functions for the synchronous front: a loop on a daemon thread."""

    _thread: threading.Thread | None = None

    def ensure_running(self, calls: Calls) -> None:
        if calls.claim():
            loop = asyncio.new_event_loop()
            self._attach(loop, calls, loop.stop)
            self._thread = threading.Thread(
                target=_run_loop, args=(loop,), name="edgecmp-loader", daemon=True
            )
            self._thread.start()

    def stop(self, timeout: float) -> bool:
        thread = self._thread
        if thread is None or not thread.is_alive() or thread is threading.current_thread():
            return True
        thread.join(timeout)
        return not thread.is_alive()


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        pending = asyncio.all_tasks(loop)
        if pending:
            # Cancelled just now: they get the time that their clean-up takes.
            loop.run_until_complete(asyncio.wait(pending))
    finally:
        loop.close()
