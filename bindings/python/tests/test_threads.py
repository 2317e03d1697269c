"""Many threads: one request for one key, and the GIL is free while one waits."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from support import Origin, RawServer

import edgecmp


def test_64_threads_that_miss_one_key_make_one_request(origin: Origin, cache: edgecmp.Cache) -> None:
    origin.put("hot", b"value")
    origin.fail(method="GET", delay_ms=300)
    barrier = threading.Barrier(64)

    def read() -> edgecmp.Entry:
        barrier.wait()
        return cache.get("hot")

    with ThreadPoolExecutor(64) as pool:
        entries = [future.result() for future in [pool.submit(read) for _ in range(64)]]
    assert {entry.value for entry in entries} == {b"value"}
    assert origin.requests() == 1
    assert cache.stats()["origin_requests"] == 1


def test_64_threads_that_miss_64_keys_ask_for_64_keys_in_batches(origin: Origin, cache: edgecmp.Cache) -> None:
    """The test above can fail: requests are counted."""
    with ThreadPoolExecutor(64) as pool:
        list(pool.map(cache.get, [f"k{n}" for n in range(64)]))
    # Those that gather are one compare, a POST; how many gather is a matter of time.
    requests = origin.requests("GET") + origin.requests("POST")
    stats = cache.stats()
    assert (stats["origin_keys"], stats["origin_requests"]) == (64, requests)
    assert 1 <= requests <= 64


def test_other_threads_run_while_one_waits(silent: RawServer) -> None:
    with edgecmp.Cache(silent.url, origin_timeout="10s") as cache:
        ticks = 0
        ended = threading.Event()

        def wait() -> None:
            try:
                cache.get("a", timeout=0.5)
            except edgecmp.DeadlineExceededError:
                ended.set()

        waiter = threading.Thread(target=wait)
        waiter.start()
        while waiter.is_alive():
            time.sleep(0.001)
            ticks += 1
        waiter.join()
    assert ended.is_set()
    # With the GIL held there would be one tick for each 50 ms slice, 10 at most.
    assert ticks > 20


def test_readers_and_writers_together(origin: Origin) -> None:
    """A mix over few keys: nothing raises, and versions never go back (G2, G3)."""
    with edgecmp.Cache(origin.url, staleness_bound="100ms", read_timeout="10s") as cache:
        stop = time.monotonic() + 1.5

        def work(worker: int) -> int:
            seen = dict.fromkeys("abcd", 0)
            calls = 0
            while time.monotonic() < stop:
                key = "abcd"[(worker + calls) % 4]
                version = (cache.set(key, str(calls)) if calls % 10 == 0 else cache.get(key)).version
                assert version >= seen[key]
                seen[key] = version
                calls += 1
            return calls

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, range(8)))
        assert cache.stats()["version_regressions"] == 0
