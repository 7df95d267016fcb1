"""What is measured: tailsieve and its neighbours, each as a process on the cores that it is given."""

import os
import re
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peers import collector
from peers.python_sdk import python
from suite import tailsieve, world
from suite.process import Process
from suite.scenario import NotRun

from bench import rules

_PEERS = Path(__file__).resolve().parent.parent / "peers"
_ROTEL = _PEERS / "rotel.txt"


@dataclass(frozen=True)
class Server:
    """One of the servers, as a scenario has it."""

    # `tailsieve`, `decode`, `otelcol` or `rotel`
    kind: str
    # For how many seconds a session is held before it is judged; of servers that hold nothing, none.
    hold: float = 0
    # What the rules of tailsieve ask for, see `rules`; and how many more rules there are.
    asking: str = "everything"
    more: int = 0

    @property
    def name(self) -> str:
        held = f", {self.hold:g} s hold" if self.hold else ""
        asking = f", {_ASKING[self.asking]}" if self.kind == "tailsieve" else ""
        more = f", {self.more} more rules" if self.more else ""
        return f"{_NAMES[self.kind]}{held}{asking}{more}"


@dataclass
class Running:
    """A server that takes requests."""

    pid: int
    endpoint: str
    process: Process
    # Of tailsieve.
    metrics: "Metrics | None" = None


class Metrics(tailsieve.Tailsieve):
    """The pages of a tailsieve that runs already."""

    def __init__(self, process: Process, address: str):
        self.process = process
        self.metrics_url = f"http://{address}/metrics"


# How the table calls them.
_NAMES = {
    "tailsieve": "tailsieve",
    "decode": "tonic + prost, decode and drop",
    "otelcol": "otelcol tail_sampling",
    "rotel": "Rotel to its blackhole exporter",
}

_ASKING = {
    "errors": "a rule on session.error_count",
    "everything": "everything read",
    "nothing": "asking nothing",
    "agents": "the rules of config/agents.yaml",
}

# Programs of this tree, by name; set before anything is run.
binaries: dict[str, Path] = {}


def build(given: dict[str, Path | None]):
    """Builds what is not given, in the release profile."""
    for names, target in ((["tailsieve"], "--bin"), (["load", "decode"], "--example")):
        wanted = [name for name in names if not given.get(name)]
        if wanted:
            world.say(f"building {' and '.join(wanted)}")
            command = ["cargo", "build", "--quiet", "--locked", "--release"]
            done = subprocess.run(command + [part for name in wanted for part in (target, name)], cwd=world.ROOT)
            if done.returncode != 0:
                raise SystemExit(f"{' and '.join(wanted)} cannot be built")
        folder = Path(os.environ.get("CARGO_TARGET_DIR") or world.ROOT / "target") / "release"
        for name in names:
            built = given.get(name) or (folder / name if target == "--bin" else folder / "examples" / name)
            # A copy, so that a build beside this run does not change what is measured.
            binaries[name] = world.work / name
            binaries[name].write_bytes(built.read_bytes())
            binaries[name].chmod(0o755)


def versions(kinds: set[str]) -> str:
    """What was measured, for the record."""
    found = []
    if "otelcol" in kinds:
        found.append(f"otelcol {collector.VERSION}")
    if "rotel" in kinds:
        found.append(_ROTEL.read_text().strip().replace("==", " "))
    lock = (world.ROOT / "Cargo.lock").read_text()
    for crate in ("tonic", "prost", "mimalloc") if "decode" in kinds else ():
        locked = re.search(f'name = "{crate}"\nversion = "(.*)"', lock)
        found.append(f"{crate} {locked[1]}")
    return ", ".join(found)


def available(server: Server):
    """Raises NotRun when a peer cannot be had. Fetches what is not here."""
    if server.kind == "otelcol":
        collector.binary()
    elif server.kind == "rotel":
        _rotel()


@contextmanager
def running(server: Server, cores: str, sink: str):
    """The server, taking requests on `cores` and exporting to `sink`."""
    endpoint = f"127.0.0.1:{world.free_port()}"
    env = {"BENCH_ENDPOINT": endpoint, "BENCH_SINK": sink, "BENCH_HOLD": f"{server.hold * 1000:.0f}ms"}
    command = ["taskset", "-c", cores, *_command(server, endpoint)]
    process = Process(server.name, command, world.environment(**env))
    try:
        world.wait_for(lambda: process.must_live() or _listens(endpoint), f"{server.name} that listens", 30)
        yield Running(process.child.pid, endpoint, process, _metrics(process) if server.kind == "tailsieve" else None)
        process.must_live()
    finally:
        # What it still holds is of no interest.
        process.kill()


def _command(server: Server, endpoint: str) -> list:
    match server.kind:
        case "tailsieve":
            config = rules.arguments(_PEERS / "tailsieve.yaml", server.asking, server.more)
            return [binaries["tailsieve"], "run", *config]
        case "decode":
            return [binaries["decode"], "--endpoint", endpoint]
        case "otelcol":
            return [collector.binary(), "--config", _PEERS / "otelcol.yaml"]
        case "rotel":
            own = ("--otlp-grpc-endpoint", endpoint, "--otlp-grpc-max-recv-msg-size-mib", "64")
            http = ("--otlp-http-endpoint", f"127.0.0.1:{world.free_port()}")
            return [_rotel(), "start", *own, *http, "--exporter", "blackhole", "--pid-file", world.work / "rotel.pid"]
    raise ValueError(server.kind)


def _rotel() -> Path:
    agent = python("rotel", _ROTEL) / "rotel" / "rotel-agent"
    if not os.access(agent, os.X_OK):
        raise NotRun(f"there is no program {agent}")
    return agent


def _listens(endpoint: str) -> bool:
    host, port = endpoint.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
        return True
    except OSError:
        time.sleep(0.05)
        return False


def _metrics(process: Process) -> Metrics:
    said = lambda: [line for line in process.output().splitlines() if '"message":"ready"' in line]
    (ready, *_) = world.wait_for(lambda: process.must_live() or said(), f"{process.name} that is ready")
    return Metrics(process, re.search(r'"metrics":"\D*([\d.]+:\d+)', ready)[1])
