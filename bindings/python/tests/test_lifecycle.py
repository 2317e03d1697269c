"""Closing, use after closing, garbage collection, exit."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from support import Origin, RawServer, run_script, wait_until

import edgecmp

CALLS: list[Callable[[edgecmp.Cache], Any]] = [
    lambda c: c.get("a"),
    lambda c: c.get_many(["a"]),
    lambda c: c.lookup("a"),
    lambda c: c.set("a", b""),
    lambda c: c.delete("a"),
    lambda c: c.invalidate("a"),
]


@pytest.mark.parametrize("call", CALLS)
def test_use_after_close(call: Callable[[edgecmp.Cache], Any]) -> None:
    for cache in (edgecmp.Cache("memory:"), edgecmp.Cache(loader=lambda key: b"")):
        cache.get("a")
        assert cache.close() and cache.close()
        with pytest.raises(edgecmp.ClosedError):
            call(cache)
        assert cache.stats()["misses"] >= 1, "the numbers stay readable"


def test_close_ends_what_waits(silent: RawServer) -> None:
    cache = edgecmp.Cache(silent.url, read_timeout="30s", origin_timeout="30s")
    failures: list[BaseException] = []

    def read() -> None:
        try:
            cache.get("a")
        except edgecmp.Error as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    wait_until(lambda: silent.accepted, "it waits")
    started = time.monotonic()
    assert cache.close()
    reader.join(timeout=5)
    assert not reader.is_alive() and time.monotonic() - started < 2
    assert [type(error) for error in failures] == [edgecmp.ClosedError]


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_close_while_the_loader_is_being_started(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread's first read has made the threads, and started none yet."""
    names: dict[str, Any] = {}
    exec(f"{kind} load(key): return b''", names)
    cache = edgecmp.Cache(loader=names["load"])
    start = threading.Thread.start
    closed: list[bool] = []

    def close_first(thread: threading.Thread) -> None:
        if thread.name.startswith("edgecmp-loader"):
            closed.append(cache.close())
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", close_first)
    with pytest.raises(edgecmp.ClosedError):
        cache.get("a")
    assert closed and all(closed)
    wait_until(lambda: not loader_threads(), "the threads end")


def loader_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("edgecmp-loader")]


@pytest.mark.parametrize("kind", ["plain", "async", "cycle"])
def test_a_forgotten_cache_is_collected_and_ends_its_threads(kind: str) -> None:
    async def load_async(key: str) -> bytes:
        return b""

    def load_through_itself(key: str) -> bytes | None:
        return b"" if key == "other" else cache.get("other").value

    loaders = {"plain": lambda key: b"", "async": load_async, "cycle": load_through_itself}
    wait_until(lambda: not loader_threads(), "earlier tests are over")
    cache = edgecmp.Cache(loader=loaders[kind])
    cache.get("a")
    assert len(loader_threads()) == (1 if kind == "async" else 4)
    ghost = weakref.ref(cache)
    del cache, load_through_itself, loaders

    def collected() -> bool:
        gc.collect()  # a loader thread may hold the function a moment longer
        return ghost() is None

    wait_until(collected, "the cache is collected")
    wait_until(lambda: not loader_threads(), "its threads ended")


def test_threads_start_at_first_need() -> None:
    wait_until(lambda: not loader_threads(), "earlier tests are over")
    with edgecmp.Cache(loader=lambda key: b"") as cache:
        assert not loader_threads()
        cache.lookup("a")
        assert not loader_threads()
        cache.get("a")
        assert loader_threads()


@pytest.mark.parametrize(
    "arguments", ["'memory:'", "loader=lambda key: b''", "'http://127.0.0.1:9/{key}'"]
)
def test_exit_with_an_open_cache(arguments: str) -> None:
    started = time.monotonic()
    run_script(
        f"""
        import edgecmp
        cache = edgecmp.Cache({arguments})
        try:
            cache.get("a", timeout=0.2)
        except edgecmp.Error:
            pass
        """
    )
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("work", ["loop", "sleep"])
def test_exit_while_a_loader_runs(kind: str, work: str) -> None:
    """Busy in Python or asleep in C: neither keeps the process, nor crashes it."""
    if work == "loop":
        body = "while True: sum(range(100))"
    else:
        body = "time.sleep(3600)" if kind == "def" else "await asyncio.sleep(3600)"
    started = time.monotonic()
    output = run_script(
        f"""
import asyncio, contextlib, threading, time, edgecmp

running = threading.Event()

{kind} load(key):
    running.set()
    {body}

def read():
    with contextlib.suppress(edgecmp.ClosedError):  # at exit
        cache.get("a")

cache = edgecmp.Cache(loader=load, read_timeout="1h", origin_timeout="1h")
threading.Thread(target=read, daemon=True).start()
assert running.wait(5)
print("exits")
"""
    )
    assert output == "exits\n"
    assert time.monotonic() - started < 8


def test_exit_from_a_running_event_loop() -> None:
    run_script(
        """
        import asyncio, edgecmp

        async def load(key):
            await asyncio.sleep(0.01)
            return b"1"

        async def main():
            global cache
            cache = edgecmp.aio.Cache(loader=load)
            print((await cache.get("a")).value)

        asyncio.run(main())
        """
    )


def test_close_from_a_loader() -> None:
    closed: list[bool] = []
    cache: edgecmp.Cache

    def load(key: str) -> bytes:
        closed.append(cache.close(timeout="500ms"))
        return b""

    cache = edgecmp.Cache(loader=load)
    with pytest.raises(edgecmp.ClosedError):
        cache.get("a")
    wait_until(lambda: closed, "close returned")


@pytest.mark.parametrize("threads", [1, 4])
def test_exit_while_daemon_threads_read(origin: Origin, threads: int) -> None:
    """They come back from core, or make an exception, while the interpreter
    ends: up to CPython 3.13 that aborted the process two times of three."""
    for _ in range(5):
        run_script(
            """
            import sys, threading, time, edgecmp

            def read():
                while True:
                    try:
                        cache.get("a")
                    except edgecmp.Error:
                        pass

            cache = edgecmp.Cache(sys.argv[1], staleness_bound="5ms")
            for _ in range(int(sys.argv[2])):
                threading.Thread(target=read, daemon=True).start()
            time.sleep(0.1)
            """,
            origin.url,
            threads,
        )
