"""One measurement: a server is started, put under its load and ended; what comes out are figures by name.

- `cpu`: CPU seconds of the server per million spans, user and system, from /proc/PID/stat
- `rate`: spans per second
- `rss`, `peak`: resident bytes at the end, and the most there were
- `others`: cores that all other processes used meanwhile
"""

import statistics
import time
from contextlib import contextmanager

from suite import world
from suite.scenario import Failed

from bench import load, servers

# Beside the hold, what it takes until memory is mapped and every part of the path is at work: on a virtual machine that
# gives free memory back to its host, the first touch of a held gigabyte costs CPU seconds, which are not those of spans.
_SETTLING = 25
_DECODERS = 2


def under_load(row, scenario, seconds: float) -> dict:
    """The load generator's own figures."""
    with _loaded(row, scenario, seconds) as (process, _, most):
        return _figures(load.finish(process, most))


def holding(row, scenario, seconds: float) -> dict:
    """The same, and what tailsieve says of the sessions that it holds, in the middle of a second's looks."""
    with _loaded(row, scenario, seconds) as (process, server, most):
        end = time.monotonic() + _warmup(row)
        while time.monotonic() < end:
            process.must_live()
            time.sleep(0.1)
        looks = []
        while process.alive():
            looks.append(_look(server))
            time.sleep(1)
        # The last ones are of when the load had ended.
        looks = looks[:-2] or looks
        middle = {name: statistics.median(look[name] for look in looks) for name in looks[0]}
        return _figures(load.finish(process, most)) | middle


def delays(row, scenario, seconds: float) -> dict:
    """How much later than the hold a session comes to the backend."""
    hold = row.server.hold
    with _loaded(row, scenario, seconds + hold) as (process, _, most):
        measured = load.finish(process, most)
    if not measured["delayed_sessions"]:
        raise Failed(f"no session came to the backend: {measured}")
    found = {name: measured[name] - hold for name in ("delay_median", "delay_p99", "delay_longest")}
    return _figures(measured) | found | {"delayed_sessions": measured["delayed_sessions"]}


@contextmanager
def _loaded(row, scenario, seconds: float):
    """A server under its load: the generator's process, the server, and for how long to wait for the former."""
    sink = f"127.0.0.1:{world.free_port()}"
    with servers.running(row.server, scenario.server_cores, sink) as server:
        warmup = _warmup(row)
        process = load.start(row.load, server, sink, scenario.load_cores, warmup, seconds)
        try:
            yield process, server, warmup + seconds + 60
        finally:
            process.kill()


def _warmup(row) -> float:
    return row.warmup or (row.server.hold + _SETTLING if row.server.hold else _DECODERS)


def _figures(measured: dict) -> dict:
    return {
        "cpu": measured["server_cpu_seconds_per_million_spans"],
        "rate": measured["spans_per_second"],
        "rss": measured["server_rss_bytes"],
        "peak": measured["server_peak_rss_bytes"],
        "spans": measured["spans"],
        "others": measured["other_cpu_seconds"] / measured["seconds"],
        "refused_requests": measured["refused_requests"],
        "exported_bytes": measured["exported_bytes"],
    }


def _look(server: servers.Running) -> dict:
    samples = {name: value for name, labels, value in server.metrics.metrics() if not labels}
    held, rss = samples["ledger_held_bytes"], samples["process_memory_rss"]
    return {
        "open": samples["sessions_open"],
        "held_spans": samples["ledger_held_spans"],
        "held": held,
        "rss": rss,
        "rss_per_held": rss / held if held else 0,
    }
