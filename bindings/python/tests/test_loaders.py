"""Python functions as the origin: plain, async, decorated."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import edgecmp
from edgecmp import UNCHANGED, Loaded, aio


def test_what_a_loader_may_return() -> None:
    answers: dict[str, Any] = {
        "bytes": b"1",
        "str": "zażółć",
        "buffer": bytearray(b"2"),
        "absent": None,
        "versioned": Loaded(b"3", version=7),
        "deleted": Loaded(None, version="018f2f9e-7c1a-7000-8000-000000000001"),
    }
    with edgecmp.Cache(loader=answers.__getitem__) as cache:
        assert cache.get("bytes").value == b"1"
        assert cache.get("str").value == "zażółć".encode()
        assert cache.get("buffer").value == b"2"
        assert cache.get("absent").value is None
        versioned = cache.get("versioned")
        assert (versioned.value, versioned.version) == (b"3", 7)
        deleted = cache.get("deleted")
        assert (deleted.value, deleted.version) == (None, 0x018F2F9E_7C1A_7000_8000_000000000001)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (7, "value must be bytes"),
        ({"a": 1}, "value must be bytes"),
        (Loaded(b"", version=-1), "version"),
        (Loaded(b"", version=1.5), "version"),  # type: ignore[arg-type]
        (UNCHANGED, "unchanged"),
    ],
)
def test_what_it_may_not(answer: Any, text: str) -> None:
    with edgecmp.Cache(loader=lambda key: answer, retry_limit=0) as cache:
        with pytest.raises(edgecmp.OriginProtocolError, match=text):
            cache.get("a")


def test_keys_are_str_and_come_back_as_they_were() -> None:
    seen: list[str] = []
    with edgecmp.Cache(loader=seen.append) as cache:
        for key in ("Łódź", b"caf\xe9", "caf\udce9"):
            cache.get(key)
    assert seen == ["Łódź", "caf\udce9"]


def test_unchanged_values_are_not_sent_again() -> None:
    known: list[int | None] = []

    def load(key: str, *, known_version: int | None) -> Any:
        known.append(known_version)
        return UNCHANGED if known_version == 5 else Loaded(b"value", version=5)

    with edgecmp.Cache(loader=load, staleness_bound="1ms") as cache:
        for _ in range(3):
            assert cache.get("a").value == b"value"
            time.sleep(0.003)
        assert cache.stats()["origin_unchanged"] >= 2
    assert known[:3] == [None, 5, 5]


class Silent(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


def test_exceptions_become_errors_with_their_text() -> None:
    def load(key: str) -> bytes:
        if key == "rejected":
            raise edgecmp.OriginRejectedError("not for you")
        if key == "exit":
            raise SystemExit(3)
        if key == "surrogate":
            raise OSError("caf\udce9")
        if key == "silent":
            raise Silent
        raise LookupError("disk on fire")

    with edgecmp.Cache(loader=load, retry_limit=0, breaker_failures=0) as cache:
        with pytest.raises(edgecmp.OriginUnavailableError, match="LookupError: disk on fire"):
            cache.get("a")
        with pytest.raises(edgecmp.OriginRejectedError, match="not for you"):
            cache.get("rejected")
        for key in ("exit", "surrogate", "silent") * 3:  # more than there are threads: none ended
            with pytest.raises(edgecmp.OriginUnavailableError, match="the loader raised"):
                cache.get(key)


def test_64_threads_call_the_loader_once() -> None:
    calls: list[str] = []

    def load(key: str) -> bytes:
        calls.append(key)
        time.sleep(0.2)
        return b"value"

    with edgecmp.Cache(loader=load, staleness_bound="1h") as cache, ThreadPoolExecutor(64) as pool:
        entries = list(pool.map(cache.get, ["hot"] * 64))
    assert {entry.value for entry in entries} == {b"value"}
    assert calls == ["hot"]


def test_loaders_run_side_by_side() -> None:
    running = threading.Barrier(4)  # passes only if all four run at once

    def load(key: str) -> bytes:
        running.wait(timeout=5)
        return key.encode()

    with edgecmp.Cache(loader=load, loader_threads=4, read_timeout="10s", origin_timeout="10s") as cache:
        entries = cache.get_many("abcd"[n] for n in range(4))
        assert [entry.value for entry in entries] == [b"a", b"b", b"c", b"d"]


def test_async_loader_on_the_running_loop() -> None:
    async def main() -> None:
        loops: list[object] = []

        async def load(key: str) -> bytes:
            loops.append(asyncio.get_running_loop())
            await asyncio.sleep(0.1)
            return key.encode()

        async with aio.Cache(loader=load, staleness_bound="1h") as cache:
            started = time.monotonic()
            entries = await cache.get_many(f"k{n}" for n in range(20))
            assert time.monotonic() - started < 1, "side by side"
            assert entries[7].value == b"k7"
            assert len(await asyncio.gather(*(cache.get("hot") for _ in range(64)))) == 64
        assert loops == [asyncio.get_running_loop()] * 21, "one call for each key"

    asyncio.run(main())


def test_async_loader_moves_to_the_next_loop_when_its_own_is_closed() -> None:
    async def load(key: str) -> bytes:
        await asyncio.sleep(0)
        return key.encode()

    cache = aio.Cache(loader=load)
    for key in ("a", "b", "c"):
        assert asyncio.run(cache.get(key)).value == key.encode()
    assert asyncio.run(cache.close())


def test_async_loader_of_the_synchronous_front() -> None:
    async def load(key: str) -> bytes:
        await asyncio.sleep(0.05)
        return key.encode()

    async def write(key: str, value: bytes | None) -> int:
        await asyncio.sleep(0.05)
        return 7

    with edgecmp.Cache(loader=load, writer=write) as cache, ThreadPoolExecutor(8) as pool:
        values = [entry.value for entry in pool.map(cache.get, "abcdefgh")]
        assert values == [key.encode() for key in "abcdefgh"]
        assert cache.set("a", b"").version == 7


def test_async_loader_is_cancelled_when_nobody_waits() -> None:
    ended: list[str] = []

    async def load(key: str) -> bytes:
        try:
            await asyncio.sleep(30)
        finally:
            ended.append(key)
        return b""

    with edgecmp.Cache(loader=load, origin_timeout="100ms", read_timeout="300ms", retry_limit=0) as cache:
        with pytest.raises((edgecmp.DeadlineExceededError, edgecmp.OriginUnavailableError)):
            cache.get("a")
        deadline = time.monotonic() + 5
        while "a" not in ended and time.monotonic() < deadline:
            time.sleep(0.01)
    assert ended[0] == "a"


def test_a_loader_that_hangs_ends_at_the_deadline() -> None:
    release = threading.Event()
    with edgecmp.Cache(loader=lambda key: release.wait(), origin_timeout="10s") as cache:
        started = time.monotonic()
        with pytest.raises(edgecmp.DeadlineExceededError):
            cache.get("a", timeout="200ms")
        assert time.monotonic() - started < 2
        assert cache.close(timeout="50ms") is False, "it says that the loader still runs"
        release.set()


def test_mixed_functions_are_refused() -> None:
    async def load(key: str) -> bytes:
        return b""

    with pytest.raises(TypeError, match="both"):
        edgecmp.Cache(loader=load, writer=lambda key, value: None)


def test_decorator() -> None:
    calls: list[str] = []

    @edgecmp.cached(staleness_bound="1h")
    def price(key: str) -> bytes:
        """The price."""
        calls.append(key)
        return key.encode()

    assert (price("a"), price("a"), price.__doc__) == (b"a", b"a", "The price.")
    assert calls == ["a"]
    price.cache.invalidate("a")
    price("a")
    assert calls == ["a", "a"]
    price.cache.close()


def test_decorator_of_a_coroutine_function() -> None:
    @edgecmp.cached(staleness_bound="1h")
    async def price(key: str) -> bytes:
        return key.encode()

    async def main() -> None:
        assert [await price("a"), await price("a")] == [b"a", b"a"]
        assert price.cache.stats()["misses"] == 1
        await price.cache.close()

    asyncio.run(main())


def test_a_loader_may_use_other_caches() -> None:
    inner = edgecmp.Cache(loader=lambda key: key.encode())
    load: Callable[[str], bytes | None] = lambda key: inner.get(key).value
    with inner, edgecmp.Cache(loader=load) as outer:
        assert outer.get("a").value == b"a"


def test_an_exception_that_can_not_be_shown_ends_no_thread() -> None:
    class Worst(Exception):
        def __str__(self) -> str:
            raise SystemExit

    def load(key: str) -> bytes:
        if key == "bad":
            raise Worst
        return b"good"

    with edgecmp.Cache(loader=load, loader_threads=1, retry_limit=0, read_timeout="5s") as cache:
        with pytest.raises(edgecmp.OriginUnavailableError, match="text can't be made"):
            cache.get("bad")
        assert cache.get("good").value == b"good"
