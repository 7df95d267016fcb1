"""The Python SDK, with its exporters as they are by default."""

import sys
from pathlib import Path

from suite import cache, session, world
from suite.otlp import read_file
from suite.process import run
from suite.scenario import scenario
from suite.tailsieve import Tailsieve

PROGRAM = world.PROGRAMS / "python" / "session.py"
_REQUIREMENTS = world.PROGRAMS / "python" / "requirements.txt"


def python(name: str, requirements: Path) -> Path:
    """The interpreter of an environment with these packages in it."""

    def make(kitchen: cache.Kitchen):
        # Environments are bound to their place, so the packages go into a plain folder that can be moved.
        kitchen.run(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile",
                    "--target", kitchen.folder, "--requirement", requirements)

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return cache.peer(name, [requirements, f"python {version}"], make)


def run_python(name: str, installed: Path, program: Path, *arguments: str, **env: str) -> str:
    """Runs a program with these packages, and returns what it printed."""
    return run(name, [sys.executable, program, *arguments], world.environment(PYTHONPATH=str(installed), **env))


def packages() -> Path:
    """The SDK and its exporters."""
    return python("python-sdk", _REQUIREMENTS)


def both(protocol: str, endpoint) -> str:
    """Sends the two sessions and reads back what was kept."""
    with Tailsieve("file") as sieve:
        output = run_python(
            f"python-{protocol}", packages(), PROGRAM, f"python-{protocol}", protocol,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{endpoint(sieve)}", OTEL_SERVICE_NAME="planner-python",
        )
        session.one_verdict_each(sieve)
    session.arrived(session.made(output), read_file(sieve.kept), "planner-python")
    return f"{session.SPANS} spans of {session.TURNS} turns kept as made, routine session dropped"


@scenario("Python SDK 1.45.2", "gRPC, defaults")
def grpc() -> str:
    return both("grpc", lambda sieve: sieve.grpc)


@scenario("Python SDK 1.45.2", "HTTP/protobuf, defaults")
def http() -> str:
    return both("http", lambda sieve: sieve.http)
