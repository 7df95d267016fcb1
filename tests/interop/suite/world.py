"""Where things are, and what was asked for on the command line."""

import os
import socket
import sys
import time
from pathlib import Path

INTEROP = Path(__file__).resolve().parent.parent
ROOT = INTEROP.parent.parent
DEPLOY = ROOT / "deploy"
PROGRAMS = INTEROP / "programs"

# `--long`: outages of a minute and more traffic.
long_mode = False
# A folder for this run's files, removed at its end unless something failed.
work: Path = Path()

_begun = time.monotonic()


def cache_folder() -> Path:
    """Where peers are kept between runs; outside the tree."""
    named = os.environ.get("TAILSIEVE_INTEROP_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tailsieve-interop"


def say(text: str):
    """A line of progress."""
    print(f"[{time.monotonic() - _begun:6.1f} s] {text}", flush=True)


def free_port() -> int:
    """A port of loopback that nobody listens on just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_for(ready, what: str, seconds: float = 30, every: float = 0.05):
    """Asks `ready` until it returns something true, and returns that."""
    from suite.scenario import Failed

    end = time.monotonic() + seconds
    while True:
        answer = ready()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failed(f"no {what} within {seconds:g} s")
        time.sleep(every)


def environment(**more: str) -> dict[str, str]:
    """This process's environment for a peer, without what would change an SDK's defaults, and with `more`."""
    own = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "TAILSIEVE_", "PYTHON"))}
    own["PYTHONDONTWRITEBYTECODE"] = "1"
    own["no_proxy"] = own["NO_PROXY"] = "127.0.0.1,localhost"
    return own | more


def slug(text: str) -> str:
    """A name that can be a file's."""
    return "".join(char if char.isalnum() else "-" for char in text).strip("-")


def warn(text: str):
    print(text, file=sys.stderr, flush=True)
