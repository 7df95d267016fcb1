"""Jaeger v2 as the backend, read back by its query API."""

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from suite import backend, cache, otlp, world
from suite.process import Process
from suite.scenario import Failed, scenario
from suite.tailsieve import Tailsieve

_MODULE, _VERSION = "github.com/jaegertracing/jaeger", "v1.76.0"
_GO_MOD = world.PROGRAMS / "jaeger" / "go.mod"


def binary() -> Path:
    """Jaeger, built as a tool of a small module: its own has replacements, which `go install` refuses."""
    go = cache.tool("go")

    def make(kitchen: cache.Kitchen):
        source = kitchen.folder / "src"
        source.mkdir()
        shutil.copy(_GO_MOD, source / "go.mod")
        settings = {"GOPROXY": cache.go_proxy(), "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"}
        kitchen.run(go, "mod", "download", f"{_MODULE}@{_VERSION}", cwd=source, **settings)
        # Its go.sum knows checksums that cannot be looked up any more.
        where = [go, "list", "-m", "-f", "{{.Dir}}", _MODULE]
        found = subprocess.run(where, cwd=source, env=world.environment(**settings), capture_output=True, text=True)
        found.check_returncode()
        (source / "go.sum").write_bytes((Path(found.stdout.strip()) / "go.sum").read_bytes())
        kitchen.run(go, "get", "-tool", f"{_MODULE}/cmd/jaeger@{_VERSION}", cwd=source, **settings)
        flags = ["-trimpath", "-ldflags", "-s -w", "-o", kitchen.folder / "jaeger"]
        kitchen.run(go, "build", *flags, f"{_MODULE}/cmd/jaeger", cwd=source, **settings)

    return cache.peer(f"jaeger-{_VERSION}", [_GO_MOD, _VERSION], make) / "jaeger"


@scenario("Jaeger 2.13.0", "backend, kept sessions by its query API")
def kept_sessions() -> str:
    names = ("JAEGER_HEALTH", "JAEGER_HTTP", "JAEGER_QUERY_GRPC", "JAEGER_OTLP")
    ends = {name: f"127.0.0.1:{world.free_port()}" for name in names}
    command = [binary(), "--config", world.DEPLOY / "jaeger" / "jaeger.yaml"]
    process = Process("jaeger", command, world.environment(**ends))

    def get(url: str) -> dict | None:
        process.must_live()
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise Failed(f"jaeger answers {error.code} to {url}") from None
        except urllib.error.URLError:
            return None

    world.wait_for(lambda: get(f"http://{ends['JAEGER_HEALTH']}/status"), "health of jaeger", 30)

    def read(trace: str):
        found = get(f"http://{ends['JAEGER_HTTP']}/api/v3/traces/{trace}")
        return otlp.spans(found["result"]) if found else None

    with Tailsieve("jaeger", TAILSIEVE_BACKEND=ends["JAEGER_OTLP"], TAILSIEVE_ROUTINE=str(backend.ROUTINE)) as sieve:
        traffic = backend.send(sieve)
        seen = backend.holds(traffic, sieve, read)
    process.stop()
    return seen
