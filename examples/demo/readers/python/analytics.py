"""The Python reader of the demo: an analytics job.

It goes over the delay statistics while they change, a window of documents at a time, and keeps
summaries of its own in the origin, which it then reads back.
"""

import itertools
import json
import threading
import time

import assignment
import edgecmp
from receipt_log import ReceiptLog, boottime_ns

THREADS = 2
WINDOW = 12  # documents read in one call
SINGLES = 12  # documents read one by one
JOB_KEYS = 8
OUTAGE_BOUND = 30.0  # seconds; asked for by one round in four
SET_EVERY = 0.3
FLUSH_EVERY = 0.2  # whoever follows the log sees it grow


class Job:
    """One thread of the job."""

    def __init__(self, given, cache, log, number) -> None:
        self.keys = given.keys
        self.cache = cache
        self.log = log
        self.number = number
        self.draws = assignment.draws(given, number)
        self.numbers = {key: line for line, key in enumerate(given.keys)}
        self.unsettled = None
        self.written = 0
        self.flights = self.late = 0

    def look(self, entry) -> None:
        """What the job is for: how many flights there are, and how many left late."""
        if isinstance(entry, edgecmp.Entry) and entry.value and entry.value.startswith(b'{"key"'):
            document = json.loads(entry.value)
            self.flights += document.get("flights", 0)
            self.late += document.get("dep_delay", {}).get("over15", 0)

    def read_window(self, outage_bound) -> None:
        lines = list(itertools.islice(self.draws, WINDOW))
        keys = [self.keys[line] for line in lines]
        start_ns = boottime_ns()
        entries = self.cache.get_many(keys, return_exceptions=True, outage_bound=outage_bound)
        end_ns = boottime_ns()
        outage_bound_ns = int((outage_bound or 0) * 1e9)
        for line, entry in zip(lines, entries):
            self.log.read(line, start_ns, end_ns, entry, self.number, outage_bound_ns)
        self.look(entries[0])

    def read(self, line, outage_bound=None, min_version=None) -> None:
        key = self.keys[line]
        start_ns = boottime_ns()
        try:
            entry = self.cache.get(key, outage_bound=outage_bound, min_version=min_version)
        except edgecmp.Error as error:
            entry = error
        end_ns = boottime_ns()
        self.log.read(line, start_ns, end_ns, entry, self.number,
                      int((outage_bound or 0) * 1e9), min_version or 0)

    def write_summary(self) -> None:
        """Read your writes. A write of unknown outcome is tried again with its key until it is known."""
        if self.unsettled is None:
            key = f"job/python/{self.written % JOB_KEYS}"
            self.written += 1
            summary = {"summary": self.written, "flights": self.flights, "late": self.late}
            self.unsettled = key, json.dumps(summary).encode(), None
        key, value, idempotency_key = self.unsettled
        start_ns = boottime_ns()
        try:
            receipt = self.cache.set(key, value, idempotency_key=idempotency_key)
        except edgecmp.Error as error:
            receipt = error
        end_ns = boottime_ns()
        self.log.write(self.numbers[key], start_ns, end_ns, value, receipt, self.number)
        if isinstance(receipt, edgecmp.UnknownOutcomeError):
            self.unsettled = key, value, receipt.idempotency_key
            return
        self.unsettled = None
        if not isinstance(receipt, edgecmp.Error):
            self.read(self.numbers[key], min_version=receipt.version)

    def run(self, seconds, rate) -> None:
        round_time = (WINDOW + SINGLES) * THREADS / rate
        started = time.monotonic()
        due = started + self.number * round_time / THREADS
        next_set = next_flush = started
        for count in itertools.count():
            now = time.monotonic()
            if now < due:
                time.sleep(due - now)
                now = time.monotonic()
            elif now - due > 0.25:
                due = now  # after a stall the pace goes on, without a burst
            if now - started >= seconds:
                return
            due += round_time
            if self.number == 0 and now >= next_flush:
                next_flush = now + FLUSH_EVERY
                self.log.flush()
            outage_bound = OUTAGE_BOUND if count % 4 == 0 else None
            for line in itertools.islice(self.draws, SINGLES):
                self.read(line, outage_bound)
            self.read_window(outage_bound)
            if self.number == 0 and now >= next_set:
                next_set = now + SET_EVERY
                self.write_summary()


def main() -> None:
    given = assignment.parse()
    log = ReceiptLog(given.log, given.bound_ms * 1_000_000)
    with edgecmp.Cache(given.origin, staleness_bound=f"{given.bound_ms}ms") as cache:
        jobs = [Job(given, cache, log, number) for number in range(THREADS)]
        failures = []

        def run(job) -> None:
            try:
                job.run(given.seconds, given.rate)
            except BaseException as failure:  # a thread that dies must not look like one that ends
                failures.append(failure)

        threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    log.close()
    if failures:
        raise failures[0]


if __name__ == "__main__":
    main()
