"""Types of arguments. For type checkers and tests; nothing here runs in a call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from os import PathLike
from typing import TYPE_CHECKING, TypedDict, Union
from uuid import UUID

if TYPE_CHECKING:
    from typing_extensions import Buffer

Key = Union[str, bytes]
Value = Union[str, bytes, "Buffer"]
Duration = Union[str, float, timedelta]
"""``"200ms"``, a number of seconds, or a timedelta."""
Size = Union[str, int]
"""``"64MiB"``, or a number of bytes."""
Version = Union[int, str, UUID]


class Options(TypedDict, total=False):
    """The options of a cache, from core's table; docs/options.md describes them.

    A test compares names and types with the table.
    """

    staleness_bound: Duration
    prefix_bounds: Union[str, Mapping[str, Duration]]
    refresh_after: Duration
    prefetch_threshold: str
    prefetch_half_life: Duration
    prefetch_budget_percent: int
    prefetch_keys: int
    outage_bound: Duration
    negative_bound: Duration
    keep_expired: Duration
    clock_drift_ppm: int
    capacity: Size
    max_key_bytes: Size
    max_value_bytes: Size
    max_response_bytes: Size
    max_header_bytes: Size
    read_timeout: Duration
    write_timeout: Duration
    origin_timeout: Duration
    connect_timeout: Duration
    origin_concurrency: int
    origin_queue: int
    max_waiters: int
    compare_batch: int
    origin_bearer_token: str
    origin_ca_file: Union[str, PathLike[str]]
    breaker_failures: int
    breaker_cooldown: Duration
    retry_limit: int
    retry_budget_percent: int
    backoff_base: Duration
    backoff_cap: Duration
    lease_store: str
    lease_store_user: str
    lease_store_password: str
    lease_store_ca_file: Union[str, PathLike[str]]
    lease_store_cert_file: Union[str, PathLike[str]]
    lease_store_key_file: Union[str, PathLike[str]]
    lease_prefix: str
    lease_slots: Union[int, str]
    lease_ttl: Duration
    lease_timeout: Duration
    refresh_queue: int
    loader_threads: int
    seed: int
