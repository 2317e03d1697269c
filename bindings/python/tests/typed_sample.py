"""What users write, as a strict type checker sees it. Checked, not run."""

from __future__ import annotations

from datetime import timedelta

from typing_extensions import assert_type

import edgecmp


def load(key: str) -> edgecmp.Loaded | None:
    return edgecmp.Loaded(key.encode(), version=1)


def read(cache: edgecmp.Cache) -> None:
    entry = cache.get("a", staleness_bound=timedelta(milliseconds=5), min_version=3)
    assert_type(entry, edgecmp.Entry)
    assert_type(entry.value, "bytes | None")
    assert_type(entry.version, int)
    assert_type(cache.lookup(b"a"), "edgecmp.Entry | None")
    assert_type(cache.get_many(["a"]), "list[edgecmp.Entry]")
    assert_type(
        cache.get_many(["a"], return_exceptions=True), "list[edgecmp.Entry | edgecmp.Error]"
    )
    assert_type(cache.set("a", memoryview(b"")), edgecmp.WriteReceipt)
    assert_type(cache.stats()["hits"], int)
    assert_type(cache.close(timeout=1.5), bool)


async def read_async() -> None:
    async with edgecmp.aio.Cache("http://h/{key}", capacity="1MiB") as cache:
        assert_type(await cache.get("a"), edgecmp.Entry)
        assert_type(await cache.get_many(["a"]), "list[edgecmp.Entry]")
        assert_type(await cache.delete("a"), edgecmp.WriteReceipt)


with edgecmp.Cache(loader=load, staleness_bound="200ms", prefix_bounds={"a/": 1}) as opened:
    read(opened)

try:
    edgecmp.Cache("http://h/{key}", stalenes_bound="1s")  # type: ignore[call-arg]
    edgecmp.Cache("http://h/{key}", loader_threads="4")  # type: ignore[arg-type]
    opened.get(5)  # type: ignore[arg-type]
    opened.get("a", staleness=1)  # type: ignore[call-arg]
except edgecmp.UnknownOutcomeError as error:
    assert_type(error.idempotency_key, "str | None")
    assert_type(error.retriable, bool)


@edgecmp.cached(staleness_bound="200ms")
def price(key: str) -> bytes:
    return b""


@edgecmp.cached(staleness_bound="200ms")
async def price_async(key: str) -> bytes:
    return b""


assert_type(price, edgecmp.CachedFunction)
assert_type(price("a"), "bytes | None")
assert_type(price_async, edgecmp.AsyncCachedFunction)
