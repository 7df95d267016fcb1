"""A collector behind a bad network, and a backend that refuses: nothing may be lost, and next to nothing doubled."""

import json
import sys
import time
from pathlib import Path

from peers.collector import VERSION, collector
from peers.python_sdk import packages
from suite import otlp, world
from suite.process import Process
from suite.proxy import Proxy
from suite.scenario import check, equal, scenario
from suite.tailsieve import Tailsieve
from suite.traffic import Traffic

_ONE_AT_A_TIME = world.INTEROP / "config" / "one-at-a-time.yaml"
_REFUSING = world.PROGRAMS / "python" / "refusing.py"


def flow(traffic: Traffic, seconds: float):
    """Forty sessions a second."""
    for _ in range(int(seconds * 10)):
        traffic.send(4)
        time.sleep(0.1)


def came_once(received: Path, traffic: Traffic) -> tuple[int, int]:
    """All spans that had to be kept came, and none else. Returns how many, and how many requests repeated some."""
    seen: set[str] = set()
    repeats = 0
    for line in received.read_text().splitlines():
        ids = {span.id for span in otlp.spans(json.loads(line))}
        repeats += bool(ids & seen)
        seen |= ids
    wanted = set().union(*(one.spans for one in traffic.kept()))
    lost, odd = wanted - seen, seen - wanted
    check(not lost, f"{len(lost)} of {len(wanted)} kept spans never came")
    check(not odd, f"{len(odd)} spans came that were not to be kept")
    return len(seen), repeats


@scenario(f"Collector {VERSION}", "behind, way cut and restored")
def cut() -> str:
    outage = 60 if world.long_mode else 20
    received = world.work / "cut.jsonl"
    with collector("behind", COLLECTOR_FILE=str(received)) as door, Proxy(door) as proxy:
        settings = {"TAILSIEVE_BACKEND": proxy.address, "TAILSIEVE_RETRY_MOST": "3s"}
        with Tailsieve("collector", _ONE_AT_A_TIME, idle="700ms", settle="300ms", **settings) as sieve:
            traffic = Traffic(sieve.http)
            flow(traffic, 3)
            proxy.set("cut")
            flow(traffic, outage)
            check(sieve.count("ledger_exporter_queued_spans") > 0, "nothing waits although the way is cut")
            equal(sieve.health("/readyz"), 200, "/readyz while the way is cut")
            proxy.set("pass")
            flow(traffic, 2)
            ledger = sieve.settled(traffic.spans(), 60)
            equal(sieve.count("ledger_exporter_failed_spans"), 0, "spans given up")
            equal(ledger["kept"], sum(len(one.spans) for one in traffic.kept()), "kept by the ledger")
    spans, repeats = came_once(received, traffic)
    check(repeats <= 1, f"{repeats} batches came twice, at most the one in flight may")
    return f"{spans} spans over an outage of {outage} s, none lost, {repeats} batches doubled"


@scenario(f"Collector {VERSION}", "behind, way stalls and resets")
def stalls_and_resets() -> str:
    received = world.work / "stall.jsonl"
    with collector("behind", COLLECTOR_FILE=str(received)) as door, Proxy(door) as proxy:
        settings = {"TAILSIEVE_BACKEND": proxy.address, "TAILSIEVE_RETRY_MOST": "2s"}
        with Tailsieve("collector", idle="700ms", settle="300ms", **settings) as sieve:
            traffic = Traffic(sieve.http, seed=2)
            flow(traffic, 2)
            # Longer than the exporter's timeout of 5 s.
            proxy.set("stall")
            flow(traffic, 8)
            for after in (0, 100, 1_000, 5_000, 20_000) * (3 if world.long_mode else 1):
                proxy.set("reset", after)
                flow(traffic, 1)
            proxy.set("pass")
            sieve.settled(traffic.spans(), 60)
            equal(sieve.count("ledger_exporter_failed_spans"), 0, "spans given up")
            retries = sieve.count("exporter_retries")
            check(retries > 0, "the network was bad, and nothing was tried again")
    spans, repeats = came_once(received, traffic)
    # A request whose answer was lost is rightly sent again; without a further attempt nothing may come twice.
    check(repeats <= retries, f"{repeats} batches came twice with {retries} further attempts")
    attempts = f"{retries} further attempts, {proxy.ended} connections ended"
    return f"{spans} spans, none lost, {repeats} batches doubled, {attempts}"


def refused(how: str, seed: int) -> tuple[list[dict], Traffic, int, int]:
    """Sends to a backend that refuses its first requests; returns its account, what was sent, and sent and failed."""
    port = world.free_port()
    command = [sys.executable, _REFUSING, str(port), how]
    backend = Process(f"refusing {how}", command, world.environment(PYTHONPATH=str(packages())))
    world.wait_for(lambda: "listening" in backend.output() or backend.must_live(), "backend", 20)
    settings = {"TAILSIEVE_BACKEND": f"127.0.0.1:{port}"}
    with Tailsieve("collector", _ONE_AT_A_TIME, idle="700ms", settle="300ms", **settings) as sieve:
        traffic = Traffic(sieve.http, seed=seed)
        traffic.send(4)
        sieve.settled(traffic.spans(), 30)
        counts = [sieve.count(f"ledger_exporter_{kind}_spans") for kind in ("sent", "failed")]
    account = [json.loads(line) for line in backend.output().splitlines() if line.startswith("{")]
    backend.stop()
    return account, traffic, *counts


@scenario("Refusing backend (grpcio)", "RESOURCE_EXHAUSTED with RetryInfo of 3 s")
def with_retry_info() -> str:
    account, traffic, sent, failed = refused("retry-info", 3)
    wanted = set().union(*(one.spans for one in traffic.kept()))
    equal(failed, 0, "spans given up")
    equal(sent, len(wanted), "spans sent")
    refusals = [entry for entry in account if not entry["taken"]]
    equal(len(refusals), 2, "refusals")
    first = refusals[0]["spans"]
    times = [entry["at"] for entry in account if entry["spans"] == first]
    waits = [later - earlier for earlier, later in zip(times, times[1:])]
    equal(len(waits), 2, "further attempts of the refused request")
    check(min(waits) >= 3.0, f"the backend asked for 3 s, and was asked again after {waits}")
    taken = [span for entry in account if entry["taken"] for span in entry["spans"]]
    equal(sorted(taken), sorted(wanted), "spans taken")
    return f"waited {', '.join(f'{wait:.1f}' for wait in waits)} s, {len(taken)} spans taken once"


@scenario("Refusing backend (grpcio)", "RESOURCE_EXHAUSTED without RetryInfo")
def without_retry_info() -> str:
    account, traffic, sent, failed = refused("bare", 4)
    wanted = set().union(*(one.spans for one in traffic.kept()))
    given_up = [span for entry in account if not entry["taken"] for span in entry["spans"]]
    taken = [span for entry in account if entry["taken"] for span in entry["spans"]]
    equal(sorted(given_up + taken), sorted(wanted), "spans, each tried once")
    equal((sent, failed), (len(taken), len(given_up)), "spans sent and given up")
    return f"{failed} spans given up and counted, none tried again, as OTLP asks"
