"""The OpenTelemetry Collector: in front of tailsieve and behind it."""

from contextlib import contextmanager
from pathlib import Path

from peers.python_sdk import PROGRAM, packages, run_python
from suite import cache, session, world
from suite.otlp import read_file
from suite.process import Process
from suite.scenario import scenario
from suite.tailsieve import Tailsieve

VERSION = "0.161.0"
_BUILD = world.PROGRAMS / "collector" / "build.yaml"


def binary() -> Path:
    """The collector, built by its own builder."""
    go = cache.tool("go")

    def make(kitchen: cache.Kitchen):
        recipe = kitchen.folder / "build.yaml"
        recipe.write_text(_BUILD.read_text().replace("dist:", f"dist:\n  output_path: {kitchen.folder}/src", 1))
        builder = f"go.opentelemetry.io/collector/cmd/builder@v{VERSION}"
        kitchen.run(go, "run", builder, "--config", recipe, GOPROXY=cache.go_proxy())
        (kitchen.folder / "src" / "otelcol").rename(kitchen.folder / "otelcol")

    return cache.peer(f"otelcol-{VERSION}", [_BUILD], make) / "otelcol"


@contextmanager
def collector(config: str, **env: str):
    """A running collector with a configuration of `deploy/collector/`."""
    settings = {"COLLECTOR_GRPC": f"127.0.0.1:{world.free_port()}", "COLLECTOR_HTTP": f"127.0.0.1:{world.free_port()}"}
    command = [binary(), "--config", world.DEPLOY / "collector" / f"{config}.yaml"]
    process = Process(f"otelcol {config}", command, world.environment(**settings | env))

    def ready() -> bool:
        process.must_live()
        return "Everything is ready" in process.output()

    world.wait_for(ready, "ready line of otelcol", 30)
    yield settings["COLLECTOR_GRPC"]
    process.stop()


def in_front(exporter: str) -> str:
    """Python SDK -> collector -> tailsieve -> file."""
    name = f"otelcol-{exporter.replace('_', '-')}"
    with Tailsieve("file") as sieve:
        ends = {"TAILSIEVE_GRPC": sieve.grpc, "TAILSIEVE_HTTP": sieve.http}
        with collector("front", COLLECTOR_EXPORTER=exporter, **ends) as door:
            output = run_python(
                name, packages(), PROGRAM, name, "grpc",
                OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{door}", OTEL_SERVICE_NAME=name,
            )
            session.one_verdict_each(sieve)
    session.arrived(session.made(output), read_file(sieve.kept), name)
    return f"{session.SPANS} spans through the collector's batches"


@scenario(f"Collector {VERSION}", "in front, otlp exporter with gzip")
def front_grpc() -> str:
    return in_front("otlp_grpc")


@scenario(f"Collector {VERSION}", "in front, otlphttp exporter")
def front_http() -> str:
    return in_front("otlp_http")


@scenario(f"Collector {VERSION}", "behind, otlp receiver to file")
def behind() -> str:
    received = world.work / "behind.jsonl"
    with collector("behind", COLLECTOR_FILE=str(received)) as door:
        with Tailsieve("collector", TAILSIEVE_BACKEND=door) as sieve:
            output = run_python(
                "behind", packages(), PROGRAM, "behind", "grpc",
                OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{sieve.grpc}", OTEL_SERVICE_NAME="behind",
            )
            session.one_verdict_each(sieve)
    session.arrived(session.made(output), read_file(received), "behind")
    return f"{session.SPANS} spans, kept as made"
