"""Bad input: a clear exception of the right class, before anything happens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from support import RawServer

import edgecmp

URL = "http://127.0.0.1:1/items/{key}"

BAD_OPTIONS: list[tuple[dict[str, Any], type[BaseException], str]] = [
    ({"stalenes_bound": "1s"}, edgecmp.UnknownOptionError, 'did you mean "staleness_bound"'),
    ({"": 1}, edgecmp.UnknownOptionError, "no option"),
    ({"staleness_bound": 0}, edgecmp.InvalidArgumentError, "got 0s; allowed: 1ms to 365d"),
    ({"staleness_bound": "0s"}, edgecmp.InvalidArgumentError, "got 0s; allowed: 1ms to 365d"),
    ({"staleness_bound": "soon"}, edgecmp.InvalidArgumentError, 'got "soon"; allowed: a number'),
    ({"staleness_bound": "200"}, edgecmp.InvalidArgumentError, "a number with a unit"),
    ({"staleness_bound": "200ms\x00"}, edgecmp.InvalidArgumentError, "a number with a unit"),
    ({"staleness_bound": -1}, edgecmp.InvalidArgumentError, "staleness_bound: got -1"),
    ({"staleness_bound": float("nan")}, edgecmp.InvalidArgumentError, "got nan"),
    ({"staleness_bound": float("inf")}, edgecmp.InvalidArgumentError, "got inf"),
    ({"staleness_bound": 10**400}, edgecmp.InvalidArgumentError, "staleness_bound: got 1"),
    ({"staleness_bound": timedelta(days=-1)}, edgecmp.InvalidArgumentError, "got -1 day"),
    ({"staleness_bound": timedelta(days=999)}, edgecmp.InvalidArgumentError, "1ms to 365d"),
    ({"staleness_bound": True}, TypeError, "not bool"),
    ({"staleness_bound": None}, TypeError, "not NoneType"),
    ({"staleness_bound": b"1s"}, TypeError, "not bytes"),
    ({"refresh_after": "2s"}, edgecmp.InvalidArgumentError, "at most staleness_bound"),
    ({"capacity": -1}, edgecmp.InvalidArgumentError, "capacity"),
    ({"capacity": "many"}, edgecmp.InvalidArgumentError, "capacity"),
    ({"capacity": 1.5}, TypeError, "capacity must be a number of bytes"),
    ({"loader_threads": 0}, edgecmp.InvalidArgumentError, "1 to 256"),
    ({"loader_threads": "4"}, TypeError, "loader_threads must be an int, not str"),
    ({"loader_threads": True}, TypeError, "not bool"),
    ({"seed": 1 << 64}, edgecmp.InvalidArgumentError, "seed"),
    ({"lease_store": 5}, TypeError, "lease_store must be a str"),
    ({"prefix_bounds": {"a,b": 1}}, edgecmp.InvalidArgumentError, "without a comma"),
    ({"prefix_bounds": {"a": "x"}}, edgecmp.InvalidArgumentError, "prefix_bounds"),
    ({"prefix_bounds": ["a"]}, TypeError, "a dict of prefix to duration"),
    ({"origin_bearer_token": "hunter2\n"}, edgecmp.InvalidArgumentError, "origin_bearer_token"),
    ({"lease_store_password": "hunter2\0"}, edgecmp.InvalidArgumentError, "lease_store_password"),
    ({"lease_store_password": "hunter2\ud800"}, edgecmp.InvalidArgumentError, "lone surrogate"),
    ({"lease_store": "redis://user:hunter2@host\n"}, edgecmp.InvalidArgumentError, "***@host"),
    ({"lease_store": "redis://host/0?password=hunter2"}, edgecmp.InvalidArgumentError, "lease_store"),
    ({"lease_store": "etcd://ho st:1"}, edgecmp.InvalidArgumentError, "lease_store"),
    ({"lease_slots": 0}, edgecmp.InvalidArgumentError, "per_key, or a number of slots"),
    ({"lease_prefix": "a\0"}, edgecmp.InvalidArgumentError, "without control characters"),
    ({"prefetch_threshold": "nan/s"}, edgecmp.InvalidArgumentError, "adaptive, off, or a rate"),
    ({"prefetch_half_life": float("nan")}, edgecmp.InvalidArgumentError, "prefetch_half_life"),
    ({"breaker_window": "99ms"}, edgecmp.InvalidArgumentError, "100ms to 1h"),
    ({"breaker_slow_percent": 0}, edgecmp.InvalidArgumentError, "1 to 100"),
]


@pytest.mark.parametrize(("options", "error", "text"), BAD_OPTIONS)
def test_options(options: dict[str, Any], error: type[BaseException], text: str) -> None:
    for front in (edgecmp.Cache, edgecmp.aio.Cache):
        with pytest.raises(error) as caught:
            front(URL, **options)
        assert text in str(caught.value)
        assert "hunter2" not in str(caught.value), "secrets are not shown"


@pytest.mark.parametrize(
    "url", ["", "nonsense", "http://", "http://h/{key}/{key}", "http://h/items", "ftp://h/{key}", "http://h:99999/{key}"]
)
def test_origins(url: str) -> None:
    with pytest.raises(edgecmp.InvalidArgumentError, match="origin"):
        edgecmp.Cache(url)


def test_either_an_origin_or_a_loader() -> None:
    wrong: list[Callable[[], Any]] = [
        lambda: edgecmp.Cache(),
        lambda: edgecmp.Cache(URL, loader=str),
        lambda: edgecmp.Cache(URL, writer=print),
        lambda: edgecmp.Cache(loader=5),  # type: ignore[arg-type]
        lambda: edgecmp.Cache(5),  # type: ignore[arg-type]
    ]
    for call in wrong:
        with pytest.raises(TypeError):
            call()


GOOD_DURATIONS = [("1500ms", 1.5), (2, 2.0), (0.25, 0.25), (timedelta(milliseconds=1), 0.001)]


@pytest.mark.parametrize(("given", "seconds"), GOOD_DURATIONS)
def test_durations(given: Any, seconds: float) -> None:
    with edgecmp.Cache(loader=lambda key: b"", staleness_bound=given) as cache:
        assert cache.get("a").bound == seconds
        assert cache.get("a", staleness_bound=given).bound == seconds


def test_options_in_force_hide_secrets() -> None:
    with edgecmp.Cache(
        URL, capacity="1MiB", prefix_bounds={"a/": 0.05, "b/": "2s"}, origin_bearer_token="hunter2"
    ) as cache:
        options = cache.options()
    assert options["capacity"] == "1MiB" and options["prefix_bounds"] == "a/=50ms,b/=2s"
    assert "hunter2" not in repr(options)


BAD_CALLS: list[tuple[Callable[[Any], Any], type[BaseException], str]] = [
    (lambda c: c.get(""), edgecmp.InvalidArgumentError, "key: got 0 bytes; allowed: 1 to"),
    (lambda c: c.get(b""), edgecmp.InvalidArgumentError, "key: got 0 bytes"),
    (lambda c: c.get("k" * 1025), edgecmp.InvalidArgumentError, "1025 bytes"),
    (lambda c: c.get("\ud800"), edgecmp.InvalidArgumentError, "surrogate"),
    (lambda c: c.get(5), TypeError, "key must be str or bytes, not int"),
    (lambda c: c.get(None), TypeError, "key must be str or bytes"),
    (lambda c: c.get(bytearray(b"a")), TypeError, "key must be str or bytes, not bytearray"),
    (lambda c: c.get(), TypeError, "key"),
    (lambda c: c.get("a", nonsense=1), TypeError, "nonsense"),
    (lambda c: c.get("a", staleness_bound=0), edgecmp.InvalidArgumentError, "staleness_bound"),
    (lambda c: c.get("a", staleness_bound="x"), edgecmp.InvalidArgumentError, "staleness_bound"),
    (lambda c: c.get("a", timeout=0), edgecmp.InvalidArgumentError, "timeout"),
    (lambda c: c.get("a", timeout=-1), edgecmp.InvalidArgumentError, "timeout"),
    (lambda c: c.get("a", timeout=[]), TypeError, "timeout"),
    (lambda c: c.get("a", widen=1), TypeError, "not an instance of 'bool'"),
    (lambda c: c.get("a", min_version=-1), edgecmp.InvalidArgumentError, "min_version"),
    (lambda c: c.get("a", min_version=1 << 128), edgecmp.InvalidArgumentError, "min_version"),
    (lambda c: c.get("a", min_version="v1"), edgecmp.InvalidArgumentError, "min_version"),
    (lambda c: c.get("a", min_version=1.0), TypeError, "min_version"),
    (lambda c: c.get("a", traceparent="00-x"), edgecmp.InvalidArgumentError, "traceparent"),
    (lambda c: c.get("a", traceparent=b"00"), TypeError, "traceparent"),
    (lambda c: c.lookup(""), edgecmp.InvalidArgumentError, "key"),
    (lambda c: c.invalidate(""), edgecmp.InvalidArgumentError, "key"),
    (lambda c: c.get_many("ab"), TypeError, "not one key"),
    (lambda c: c.get_many(b"ab"), TypeError, "not one key"),
    (lambda c: c.get_many(5), TypeError, "not iterable"),
    (lambda c: c.get_many(["a", 5]), TypeError, "key must be str or bytes, not int"),
    (lambda c: c.get_many(["a", ""]), edgecmp.InvalidArgumentError, "keys[1]: got 0 bytes"),
    (lambda c: c.set("a", b"x" * (1024 * 1024 + 1)), edgecmp.InvalidArgumentError, "value"),
    (lambda c: c.set("a", None), TypeError, "value must be bytes, str or a bytes-like object"),
    (lambda c: c.set("a", 7), TypeError, "value must be bytes"),
    (lambda c: c.set("", b""), edgecmp.InvalidArgumentError, "key"),
    (lambda c: c.set("a", b"", idempotency_key=""), edgecmp.InvalidArgumentError, "idempotency_key"),
    (lambda c: c.set("a", b"", idempotency_key="a\r\nb"), edgecmp.InvalidArgumentError, "idempotency_key"),
    (lambda c: c.set("a", b"", idempotency_key=5), TypeError, "not an instance of 'str'"),
    (lambda c: c.delete("", if_version=1), edgecmp.InvalidArgumentError, "key"),
    (lambda c: c.close(timeout="x"), edgecmp.InvalidArgumentError, "timeout"),
]


@pytest.mark.parametrize(("call", "error", "text"), BAD_CALLS)
def test_calls(
    silent: RawServer, call: Callable[[Any], Any], error: type[BaseException], text: str
) -> None:
    with edgecmp.Cache(silent.url) as cache:
        with pytest.raises(error) as caught:
            call(cache)
        assert text in str(caught.value)
        assert isinstance(caught.value, (ValueError, TypeError))
        assert silent.accepted == 0, "refused before anything was sent"
