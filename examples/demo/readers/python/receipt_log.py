"""The binary log of reads, as tests/oracle/src/log.rs describes it."""

import struct
import threading
import time
import zlib

KIND_READ, KIND_SET, KIND_UNKNOWN_WRITE = 0, 1, 3
OK, DEGRADED, NOT_FOUND, ERROR = 0, 1, 2, 3
FLAG_ABSENT = 1
SOURCES = {"cache": 0, "origin": 1}

RECORD = struct.Struct("<7Q2I4B3I")
assert RECORD.size == 80


def boottime_ns(clock=time.CLOCK_BOOTTIME, read=time.clock_gettime_ns) -> int:
    """The clock of the origin's history."""
    return read(clock)


class ReceiptLog:
    """Appends records; safe to use from several threads."""

    def __init__(self, path: str, bound_ns: int) -> None:
        self._file = open(path, "wb", buffering=1 << 18)
        self._file.write(b"EDGECMPLOG1\0" + struct.pack("<I", RECORD.size))
        self._lock = threading.Lock()
        self._bound_ns = bound_ns

    def read(self, key, start_ns, end_ns, result, reader, outage_bound_ns=0, min_version=0) -> None:
        """`result`: an Entry, or the exception that came instead of one."""
        if isinstance(result, Exception):
            self._write(start_ns, end_ns, 0, 0, self._bound_ns, outage_bound_ns, min_version, key, 0,
                        KIND_READ, ERROR, 0, 0, getattr(result, "number", 0), reader, 0)
            return
        value, degraded = result.value, result.degraded
        outcome = DEGRADED if degraded else OK if value is not None else NOT_FOUND
        flags = FLAG_ABSENT if degraded and value is None else 0
        crc = zlib.crc32(value) if value is not None else 0
        self._write(start_ns, end_ns, result.staleness_ns, result.version, self._bound_ns,
                    outage_bound_ns, min_version, key, crc, KIND_READ, outcome,
                    SOURCES[result.source], flags, 0, reader, 0)

    def write(self, key, start_ns, end_ns, value, result, reader) -> None:
        """`result`: a WriteReceipt, or the exception that came instead of one."""
        failed = isinstance(result, Exception)
        kind = KIND_UNKNOWN_WRITE if failed else KIND_SET
        version = 0 if failed else result.version
        number = getattr(result, "number", 0) if failed else 0
        self._write(start_ns, end_ns, 0, version, self._bound_ns, 0, 0, key, zlib.crc32(value),
                    kind, OK, 0, 0, number, reader, 0)

    def _write(self, *fields) -> None:
        record = RECORD.pack(*fields)
        with self._lock:
            self._file.write(record)

    def flush(self) -> None:
        with self._lock:
            self._file.flush()

    def close(self) -> None:
        with self._lock:
            self._file.close()
