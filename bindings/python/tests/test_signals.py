"""Ctrl-C interrupts whatever waits, at once."""

from __future__ import annotations

import signal
import subprocess
import textwrap
import time

import pytest
from support import RawServer, script

SOURCE = """
    import sys, edgecmp
    cache = edgecmp.Cache(sys.argv[1], read_timeout="1h", write_timeout="1h", origin_timeout="1h")
    print("waits", flush=True)
    try:
        {call}
    except KeyboardInterrupt as interrupt:
        print("interrupted", *getattr(interrupt, "__notes__", []))
"""


def interruptible(source: str, *arguments: str) -> subprocess.Popen[str]:
    """A script that SIGINT interrupts also where these tests run in the background of a
    shell, which has their children ignore it."""
    first = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    return script(first + textwrap.dedent(source), *arguments)


@pytest.mark.parametrize("call", ["cache.get('a')", "cache.get_many(['a', 'b'])", "cache.set('a', b'')"])
def test_sigint(silent: RawServer, call: str) -> None:
    process = interruptible(SOURCE.format(call=call), silent.url)
    assert process.stdout is not None and process.stdout.readline() == "waits\n"
    time.sleep(0.3)
    assert process.poll() is None, "it does wait"
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    output, errors = process.communicate(timeout=10)
    assert time.monotonic() - sent < 3
    assert output.startswith("interrupted") and process.returncode == 0, (output, errors)
    if "set" in call and hasattr(BaseException, "add_note"):
        assert "its idempotency_key is" in output


def test_handlers_run_while_it_waits(silent: RawServer) -> None:
    """A handler that does not raise does not end the wait."""
    process = script(
        """
        import signal, sys, edgecmp
        signal.signal(signal.SIGUSR1, lambda *_: print("handled", flush=True))
        cache = edgecmp.Cache(sys.argv[1], origin_timeout="1h")
        print("waits", flush=True)
        try:
            cache.get("a", timeout=2)
        except edgecmp.DeadlineExceededError:
            print("deadline")
        """,
        silent.url,
    )
    assert process.stdout is not None and process.stdout.readline() == "waits\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGUSR1)
    sent = time.monotonic()
    assert process.stdout.readline() == "handled\n" and time.monotonic() - sent < 1.5
    assert process.communicate(timeout=10)[0] == "deadline\n"


def test_sigint_interrupts_close(silent: RawServer) -> None:
    """A write in progress is waited for, but not against the user."""
    process = interruptible(
        """
        import sys, threading, time, edgecmp
        cache = edgecmp.Cache(sys.argv[1], write_timeout="1h", origin_timeout="1h")
        def write():
            try:
                cache.set("a", b"")
            except edgecmp.Error:
                pass
        threading.Thread(target=write, daemon=True).start()
        time.sleep(0.3)
        print("closes", flush=True)
        try:
            cache.close("30s")
        except KeyboardInterrupt:
            print("interrupted")
        """,
        silent.url,
    )
    assert process.stdout is not None and process.stdout.readline() == "closes\n"
    time.sleep(0.3)
    assert process.poll() is None, "it does wait"
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    output, errors = process.communicate(timeout=10)
    assert time.monotonic() - sent < 5
    assert output == "interrupted\n" and process.returncode == 0, (output, errors)
