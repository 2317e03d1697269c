"""The asyncio front: one request for many tasks, cancellation, loops that come and go."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from support import Origin, RawServer

import edgecmp
from edgecmp import aio


@asynccontextmanager
async def opened(origin: Origin) -> AsyncIterator[aio.Cache]:
    async with aio.Cache(origin.url, staleness_bound="1h", read_timeout="5s") as cache:
        yield cache


def test_the_same_names_awaited(origin: Origin) -> None:
    async def main() -> None:
        async with opened(origin) as cache:
            receipt = await cache.set("a", b"1")
            entry = await cache.get("a", min_version=receipt.version)
            assert (entry.value, entry.source) == (b"1", "cache")
            found = cache.lookup("a")
            assert found is not None and found.value == b"1"
            entries = await cache.get_many(["a", "b", b"a"])
            assert [entry.value for entry in entries] == [b"1", None, b"1"]
            cache.invalidate("a")
            assert cache.lookup("a") is None
            assert (await cache.delete("a")).version > receipt.version
            assert (await cache.get("a")).value is None
            assert cache.stats()["writes"] == 2 and "edgecmp_hits_total" in cache.metrics_text()
            assert cache.options()["staleness_bound"] == "1h"

    asyncio.run(main())


def test_64_tasks_that_miss_one_key_make_one_request(origin: Origin) -> None:
    async def main() -> None:
        origin.put("hot", b"value")
        origin.fail(method="GET", delay_ms=300)
        async with opened(origin) as cache:
            entries = await asyncio.gather(*(cache.get("hot") for _ in range(64)))
        assert {entry.value for entry in entries} == {b"value"}

    asyncio.run(main())
    assert origin.requests() == 1


def test_the_loop_runs_while_a_task_waits(silent: RawServer) -> None:
    async def main() -> int:
        async with aio.Cache(silent.url, origin_timeout="10s") as cache:
            waiting = asyncio.create_task(cache.get("a", timeout=0.4))
            ticks = 0
            while not waiting.done():
                await asyncio.sleep(0.001)
                ticks += 1
            with pytest.raises(edgecmp.DeadlineExceededError):
                waiting.result()
            return ticks

    # A loop that waits in slices would tick 8 times.
    assert asyncio.run(main()) > 16


def test_errors_are_the_same(origin: Origin) -> None:
    async def main() -> None:
        async with opened(origin) as cache:
            wrong: list[tuple[Awaitable[object], type[BaseException]]] = [
                (cache.get(""), edgecmp.InvalidArgumentError),
                (cache.get(5), TypeError),  # type: ignore[arg-type]
                (cache.get("a", timeout=0), edgecmp.InvalidArgumentError),
                (cache.get_many("ab"), TypeError),
                (cache.set("a", None), TypeError),  # type: ignore[arg-type]
                (cache.set("a", b"", if_version=99), edgecmp.ConflictError),
            ]
            for call, error in wrong:
                with pytest.raises(error):
                    await call
            origin.fail(method="PUT", drop_answer=True, count=10)
            with pytest.raises(edgecmp.UnknownOutcomeError) as caught:
                await cache.set("a", b"1", timeout="500ms")
            origin.fail(count=0)
            await cache.set("a", b"1", idempotency_key=caught.value.idempotency_key)
        assert origin.writes() == 1
        for closed in (cache.get("a"), cache.set("a", b""), cache.get_many(["a"])):
            with pytest.raises(edgecmp.ClosedError):
                await closed

    asyncio.run(main())


def test_a_cancelled_task_leaves_the_others_their_answer(origin: Origin) -> None:
    async def main() -> None:
        origin.put("a", b"1")
        origin.fail(method="GET", delay_ms=300)
        async with opened(origin) as cache:
            first, second = (asyncio.create_task(cache.get("a")) for _ in range(2))
            await asyncio.sleep(0.05)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert (await second).value == b"1"
            origin.fail(method="GET", delay_ms=300)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(cache.get("b"), 0.02)
            await asyncio.sleep(0.4)  # its late outcome finds nobody, and disturbs nobody
            assert cache.lookup("b") is not None, "the flight went on"

    asyncio.run(main())
    assert origin.requests() == 2


def test_close_ends_what_waits(silent: RawServer) -> None:
    async def main() -> None:
        cache = aio.Cache(silent.url, read_timeout="30s", origin_timeout="30s")
        waiting = asyncio.create_task(cache.get("a"))
        await asyncio.sleep(0.05)
        started = time.monotonic()
        assert await cache.close()
        with pytest.raises(edgecmp.ClosedError):
            await waiting
        assert time.monotonic() - started < 2
        assert await cache.close(), "closing again changes nothing"

    asyncio.run(main())


def test_loops_come_and_go_and_leave_no_descriptors(origin: Origin) -> None:
    cache = aio.Cache(origin.url, staleness_bound="1h")

    async def read(key: str) -> bytes | None:
        return (await cache.get(key)).value

    asyncio.run(read("warm"))
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for n in range(50):
        assert asyncio.run(read(f"k{n}")) is None
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    asyncio.run(cache.close())


def test_a_loop_that_ends_before_its_answer(origin: Origin) -> None:
    cache = aio.Cache(origin.url)
    origin.put("a", b"1")
    origin.fail(method="GET", delay_ms=200)

    async def leave() -> None:
        task = asyncio.create_task(cache.get("a"))
        await asyncio.sleep(0.02)
        task.cancel()

    asyncio.run(leave())
    gc.collect()
    time.sleep(0.3)
    assert asyncio.run(cache.get("a")).value == b"1"
    asyncio.run(cache.close())


def test_several_loops_at_once_share_a_flight(origin: Origin) -> None:
    cache = aio.Cache(origin.url, staleness_bound="1h", read_timeout="5s")
    origin.put("hot", b"value")
    origin.fail(method="GET", delay_ms=300)
    barrier = threading.Barrier(8)
    values: list[bytes | None] = []

    async def read() -> None:
        barrier.wait()
        values.extend(entry.value for entry in await asyncio.gather(*(cache.get("hot") for _ in range(8))))

    threads = [threading.Thread(target=lambda: asyncio.run(read())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == [b"value"] * 64
    assert origin.requests() == 1
    asyncio.run(cache.close())


def test_needs_a_running_loop(origin: Origin) -> None:
    cache = aio.Cache(origin.url)
    call: Callable[[], object] = lambda: cache.get("a").send(None)
    with pytest.raises(RuntimeError, match="no running event loop"):
        call()
    asyncio.run(cache.close())


def test_more_answers_than_one_batch() -> None:
    async def main() -> None:
        async with aio.Cache("memory:", read_timeout="20s", origin_queue=10_000) as cache:
            entries = await asyncio.gather(*(cache.get(f"k{n}") for n in range(3000)))
            assert len(entries) == 3000 and not any(entry.found for entry in entries)

    asyncio.run(main())


def test_loops_that_end_before_their_answers_leave_no_descriptors(silent: RawServer) -> None:
    """Their futures hold the loop: only the next one can see that it is closed."""
    cache = edgecmp.aio.Cache(silent.url, read_timeout="200ms", origin_timeout="1h")

    async def give_up() -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(cache.get("a"), 0.01)

    asyncio.run(give_up())
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        asyncio.run(give_up())
    time.sleep(0.3)  # core keeps a descriptor as long as it has something to say there
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    asyncio.run(cache.close(0))
