"""Types of the extension module. A test compares them with the module itself."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, final, overload

from typing_extensions import Self, disjoint_base

from ._types import Duration, Key, Value, Version
from .errors import Error
from .runners import Runner

__all__ = [
    "Call",
    "Calls",
    "Completions",
    "Core",
    "Entry",
    "WriteReceipt",
    "__version__",
    "error_table",
    "begin_exit",
    "forget_exit",
    "fork_generation",
    "option_table",
    "statistics_table",
]

__version__: str

@final
class Entry:
    @property
    def value(self) -> bytes | None: ...
    @property
    def found(self) -> bool: ...
    @property
    def version(self) -> int: ...
    @property
    def staleness(self) -> float: ...
    @property
    def staleness_ns(self) -> int: ...
    @property
    def bound(self) -> float: ...
    @property
    def bound_ns(self) -> int: ...
    @property
    def source(self) -> Literal["cache", "origin"]: ...
    @property
    def proof(self) -> Literal["none", "pull", "stream"]: ...
    @property
    def degraded(self) -> bool: ...
    @property
    def last_modified_at(self) -> datetime | None: ...

@final
class WriteReceipt:
    @property
    def version(self) -> int: ...
    @property
    def idempotency_key(self) -> str: ...

@disjoint_base
class Core:
    def __new__(
        cls, options: Mapping[str, Any], runner: Runner | None = None, writable: bool = False
    ) -> Self: ...
    def get(
        self,
        key: Key,
        *,
        staleness_bound: Duration | None = None,
        widen: bool = False,
        outage_bound: Duration | None = None,
        min_version: Version | None = None,
        timeout: Duration | None = None,
        traceparent: str | None = None,
    ) -> Entry: ...
    @overload
    def get_many(
        self,
        keys: Iterable[Key],
        *,
        return_exceptions: Literal[False] = False,
        staleness_bound: Duration | None = None,
        widen: bool = False,
        outage_bound: Duration | None = None,
        min_version: Version | None = None,
        timeout: Duration | None = None,
        traceparent: str | None = None,
    ) -> list[Entry]: ...
    @overload
    def get_many(
        self,
        keys: Iterable[Key],
        *,
        return_exceptions: bool,
        staleness_bound: Duration | None = None,
        widen: bool = False,
        outage_bound: Duration | None = None,
        min_version: Version | None = None,
        timeout: Duration | None = None,
        traceparent: str | None = None,
    ) -> list[Entry | Error]: ...
    def lookup(
        self,
        key: Key,
        *,
        staleness_bound: Duration | None = None,
        widen: bool = False,
        outage_bound: Duration | None = None,
        min_version: Version | None = None,
    ) -> Entry | None: ...
    def set(
        self,
        key: Key,
        value: Value,
        *,
        idempotency_key: str | None = None,
        if_version: Version | None = None,
        timeout: Duration | None = None,
        traceparent: str | None = None,
    ) -> WriteReceipt: ...
    def delete(
        self,
        key: Key,
        *,
        idempotency_key: str | None = None,
        if_version: Version | None = None,
        timeout: Duration | None = None,
        traceparent: str | None = None,
    ) -> WriteReceipt: ...
    def invalidate(self, key: Key) -> None: ...
    def stats(self) -> dict[str, int]: ...
    def metrics_text(self) -> str: ...
    def options(self) -> dict[str, str]: ...
    def close(self, timeout: Duration | None = None) -> bool: ...

@final
class Completions:
    def __new__(cls) -> Self: ...
    def fileno(self) -> int: ...
    def drain(self) -> list[tuple[int, Any]]: ...
    def get(
        self,
        core: Core,
        key: Key,
        staleness_bound: Duration | None,
        widen: bool,
        outage_bound: Duration | None,
        min_version: Version | None,
        timeout: Duration | None,
        traceparent: str | None,
    ) -> Entry | int: ...
    def get_many(
        self,
        core: Core,
        keys: Iterable[Key],
        return_exceptions: bool,
        staleness_bound: Duration | None,
        widen: bool,
        outage_bound: Duration | None,
        min_version: Version | None,
        timeout: Duration | None,
        traceparent: str | None,
    ) -> list[Entry | Error] | int: ...
    def set(
        self,
        core: Core,
        key: Key,
        value: Value,
        idempotency_key: str | None,
        if_version: Version | None,
        timeout: Duration | None,
        traceparent: str | None,
    ) -> int: ...
    def delete(
        self,
        core: Core,
        key: Key,
        idempotency_key: str | None,
        if_version: Version | None,
        timeout: Duration | None,
        traceparent: str | None,
    ) -> int: ...

@final
class Calls:
    @property
    def threads(self) -> int: ...
    @property
    def closed(self) -> bool: ...
    def claim(self) -> bool: ...
    def fileno(self) -> int: ...
    def try_pop(self) -> Call | None: ...
    def pop(self) -> Call | None: ...

@final
class Call:
    @property
    def operation(self) -> Literal["fetch", "set", "delete"]: ...
    @property
    def key(self) -> str: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def known_version(self) -> int | None: ...
    @property
    def idempotency_key(self) -> str | None: ...
    @property
    def if_version(self) -> int | None: ...
    @property
    def abandoned(self) -> bool: ...
    @property
    def timeout(self) -> float: ...
    @property
    def traceparent(self) -> str | None: ...
    def answer_value(self, value: Value, version: Version | None = None) -> None: ...
    def answer_unchanged(self) -> None: ...
    def answer_absent(self, version: Version | None = None) -> None: ...
    def answer_written(self, version: Version | None = None) -> None: ...
    def fail(self, code: str, message: str) -> None: ...

def option_table() -> list[tuple[str, str, str, str, str, str]]: ...
def error_table() -> list[tuple[str, int, bool, str]]: ...
def statistics_table() -> list[tuple[str, str, str]]: ...
def fork_generation() -> int: ...
def begin_exit() -> None: ...
def forget_exit() -> None: ...
