"""Who runs a loader: threads of its own, a loop of its own, or the running loop.

Core pushes calls into a queue (``Calls``) and never enters Python. A runner
pops them. ``ensure_running`` is called before anything that may need the
loader, so threads start at first need, and again in a forked child: there
``claim`` is true once more.
"""

from __future__ import annotations

import asyncio
import threading
import time
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
                target=_serve, args=(calls, self._functions), name=f"edgecmp-loader-{n}", daemon=True
            )
            for n in range(calls.threads)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        # A loader may close its own cache.
        others = [t for t in self._threads if t is not threading.current_thread()]
        for thread in others:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in others)


def _serve(calls: Calls, functions: Functions) -> None:
    # Not a method: the thread must keep neither the runner nor the cache alive.
    while (call := calls.pop()) is not None:
        if not call.abandoned:
            functions.serve(call)


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
            self._attach(asyncio.get_running_loop(), calls)

    def stop(self, timeout: float) -> bool:
        # The loop sees that the calls are closed when it gets its turn.
        return True

    def _attach(self, loop: asyncio.AbstractEventLoop, calls: Calls) -> None:
        self._loop, self._tasks = loop, set()
        fd = calls.fileno()
        loop.add_reader(fd, self._take, loop, fd, calls)

    def _take(self, loop: asyncio.AbstractEventLoop, fd: int, calls: Calls) -> None:
        while (call := calls.try_pop()) is not None:
            if not call.abandoned:
                # The loop itself keeps only weak references to tasks.
                task = loop.create_task(self._functions.serve_async(call))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        if calls.closed:
            loop.remove_reader(fd)
            for task in self._tasks:
                task.cancel()
            self._detached(loop)

    def _detached(self, loop: asyncio.AbstractEventLoop) -> None:
        """The calls were closed; cancelled tasks end in the loop's next turn."""


class PrivateLoopRunner(RunningLoopRunner):
    """Coroutine functions for the synchronous front: a loop on a daemon thread."""

    _thread: threading.Thread | None = None

    def ensure_running(self, calls: Calls) -> None:
        if calls.claim():
            loop = asyncio.new_event_loop()
            self._attach(loop, calls)
            self._thread = threading.Thread(
                target=_run_loop, args=(loop,), name="edgecmp-loader", daemon=True
            )
            self._thread.start()

    def stop(self, timeout: float) -> bool:
        if self._thread is None or self._thread is threading.current_thread():
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _detached(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.create_task(_stop_after(self._tasks))


async def _stop_after(tasks: set[asyncio.Task[None]]) -> None:
    if tasks:
        await asyncio.wait(tasks)
    asyncio.get_running_loop().stop()


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()
