"""The load generator, run against a server; what it says is the measurement."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from suite import world
from suite.process import Process, run
from suite.scenario import Failed

from bench import servers


@dataclass(frozen=True)
class Load:
    """What is sent; the defaults are the load generator's."""

    spans: int = 512
    connections: int = 4
    in_flight: int = 2
    interleaved: int = 64
    session: int = 40
    # Who sends: `sdk` or `collector`.
    form: str = "sdk"
    rate: int | None = None
    compression: str = "none"
    open: int | None = None
    delays: bool = False
    # What was recorded of real instrumentations, instead of made-up spans.
    recorded: bool = False

    def arguments(self) -> list[str]:
        given = ["--spans", self.spans, "--connections", self.connections, "--in-flight", self.in_flight]
        given += ["--interleaved", self.interleaved, "--session", self.session, "--compression", self.compression]
        given += ["--form", self.form] if not self.recorded else []
        given += ["--rate", self.rate] if self.rate else []
        given += ["--open", self.open] if self.open else []
        given += ["--delays"] if self.delays else []
        given += ["--recordings", world.ROOT / "tests" / "recordings"] if self.recorded else []
        return [str(part) for part in given]


# Different compressed requests that are made beforehand: what a server takes in some six seconds, so that ids repeat only
# after their sessions were judged.
PREPARED = 8_000
# Where they are kept between runs.
prepared_folder: Path = Path()


def start(load: Load, server: servers.Running, sink: str, cores: str, warmup: float, seconds: float) -> Process:
    """The load generator at work."""
    command = ["taskset", "-c", cores, servers.binaries["load"], *load.arguments(), *_prepared(load)]
    command += ["--endpoint", server.endpoint, "--pid", server.pid, "--sink", sink]
    return Process("load", [*command, "--warmup", warmup, "--seconds", seconds])


def finish(process: Process, seconds: float) -> dict:
    """What it measured, when it has come to its end."""
    process.wait(seconds)
    if process.stop() != 0:
        raise Failed(f"the load generator failed: {process.output()[-1500:]}")
    measured = json.loads(process.output().splitlines()[-1])
    if measured["failed_requests"]:
        raise Failed(f"{measured['failed_requests']} requests failed: {measured}")
    return measured


def _prepared(load: Load) -> list:
    if load.compression == "none":
        return []
    # Another generator makes other requests.
    made = hashlib.sha256(servers.binaries["load"].read_bytes()).hexdigest()[:12]
    file = prepared_folder / f"{load.compression}-{load.spans}-{load.form}-{PREPARED}-{made}.requests"
    arguments = ["--prepared", PREPARED, "--prepared-file", file]
    if not file.is_file():
        world.say(f"  compressing {PREPARED} requests with {load.compression} beforehand")
        for old in prepared_folder.glob(f"{load.compression}-{load.spans}-{load.form}-*.requests"):
            old.unlink()
        run("compressing", [servers.binaries["load"], *load.arguments(), *arguments, "--seconds", 0], seconds=600)
    return arguments
