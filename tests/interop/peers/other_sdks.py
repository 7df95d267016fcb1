"""The SDKs of Node, Go and Java, with their exporters as they are by default."""

import shutil
from pathlib import Path

from suite import cache, session, world
from suite.otlp import read_file
from suite.process import run
from suite.scenario import scenario
from suite.tailsieve import Tailsieve


def one(name: str, command: list, endpoint, cwd: Path | None = None) -> str:
    """Runs the program against a fresh tailsieve, and reads back what was kept."""
    with Tailsieve("file") as sieve:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{endpoint(sieve)}", "OTEL_SERVICE_NAME": name}
        # No more than traces: the other signals would be refused, which their exporters take for a fault.
        settings |= {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
        output = run(name, command, world.environment(**settings), cwd)
        session.one_verdict_each(sieve)
    session.arrived(session.made(output), read_file(sieve.kept), name)
    return f"{session.SPANS} spans of {session.TURNS} turns kept as made, routine session dropped"


# === Node ===


def node(protocol: str, endpoint) -> str:
    folder = world.PROGRAMS / "node"
    node_binary, npm = cache.tool("node"), cache.tool("npm")
    files = [folder / name for name in ("package.json", "package-lock.json", "session.mjs")]

    def make(kitchen: cache.Kitchen):
        for file in files:
            shutil.copy(file, kitchen.folder)
        kitchen.run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")

    installed = cache.peer("node-sdk", files, make)
    name = f"node-{protocol}"
    return one(name, [node_binary, "session.mjs", name, protocol], endpoint, installed)


@scenario("Node SDK 0.301.0", "HTTP/JSON, defaults")
def node_json() -> str:
    return node("http", lambda sieve: sieve.http)


@scenario("Node SDK 0.301.0", "HTTP/protobuf, defaults")
def node_protobuf() -> str:
    return node("proto", lambda sieve: sieve.http)


@scenario("Node SDK 0.301.0", "gRPC, defaults")
def node_grpc() -> str:
    return node("grpc", lambda sieve: sieve.grpc)


# === Go ===


@scenario("Go SDK 1.47.0", "gRPC, defaults")
def go_grpc() -> str:
    folder = world.PROGRAMS / "go"
    go = cache.tool("go")
    files = [folder / name for name in ("go.mod", "go.sum", "main.go")]

    def make(kitchen: cache.Kitchen):
        settings = {"GOPROXY": cache.go_proxy(), "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0"}
        kitchen.run(go, "build", "-trimpath", "-o", kitchen.folder / "session", ".", cwd=folder, **settings)

    program = cache.peer("go-sdk", files, make) / "session"
    return one("go-grpc", [program, "go-grpc"], lambda sieve: sieve.grpc)


# === Java ===


@scenario("Java SDK 1.55.0", "gRPC, defaults")
def java_grpc() -> str:
    folder = world.PROGRAMS / "java"
    java, maven = cache.tool("java"), cache.tool("mvn")
    pom = folder / "pom.xml"

    def make(kitchen: cache.Kitchen):
        shutil.copy(pom, kitchen.folder)
        kitchen.run(maven, "-B", "-q", "dependency:copy-dependencies", f"-DoutputDirectory={kitchen.folder}/lib")

    jars = cache.peer("java-sdk", [pom], make) / "lib"
    command = [java, "-Xmx256m", "-Dfile.encoding=UTF-8", "-cp", f"{jars}/*", folder / "Session.java", "java-grpc"]
    return one("java-grpc", command, lambda sieve: sieve.grpc)
