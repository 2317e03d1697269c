"""edgecmp: an in-process cache with bounded staleness as a guarantee.

>>> with edgecmp.Cache("http://origin/items/{key}", staleness_bound="200ms") as cache:
...     entry = cache.get("carrier/UA")
...     entry.value, entry.version, entry.staleness

:mod:`edgecmp.aio` has the same cache for asyncio, :mod:`edgecmp.errors` the exceptions.
"""

from . import aio
from ._edgecmp import Entry, WriteReceipt, __version__
from .cache import Cache
from .cached import AsyncCachedFunction, CachedFunction, cached
from .errors import (
    BreakerOpenError,
    CancelledError,
    ClosedError,
    ConflictError,
    DeadlineExceededError,
    Error,
    ForkedError,
    InternalError,
    InvalidArgumentError,
    OriginProtocolError,
    OriginRejectedError,
    OriginUnavailableError,
    OverloadedError,
    TooStaleError,
    UnknownOptionError,
    UnknownOutcomeError,
    UnsupportedError,
    VersionNotReachedError,
)
from .loaded import UNCHANGED, Loaded

__all__ = [
    "UNCHANGED",
    "AsyncCachedFunction",
    "BreakerOpenError",
    "Cache",
    "CachedFunction",
    "CancelledError",
    "ClosedError",
    "ConflictError",
    "DeadlineExceededError",
    "Entry",
    "Error",
    "ForkedError",
    "InternalError",
    "InvalidArgumentError",
    "Loaded",
    "OriginProtocolError",
    "OriginRejectedError",
    "OriginUnavailableError",
    "OverloadedError",
    "TooStaleError",
    "UnknownOptionError",
    "UnknownOutcomeError",
    "UnsupportedError",
    "VersionNotReachedError",
    "WriteReceipt",
    "__version__",
    "aio",
    "cached",
]
