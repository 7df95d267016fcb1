"""Tempo as the backend, read back by trace id and by TraceQL. No package registry has it: TEMPO_BIN names a binary."""

import base64
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from suite import backend, otlp, world
from suite.process import Process
from suite.scenario import Failed, NotRun, scenario
from suite.tailsieve import Tailsieve


def plain(node, key: str = ""):
    """Ids in base64, as Tempo's JSON may have them, in hexadecimal; enums by name as numbers."""
    if isinstance(node, dict):
        return {name: plain(value, name) for name, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    if key in ("traceId", "spanId", "parentSpanId") and not re.fullmatch("([0-9a-f]{16}){0,2}", node):
        return base64.b64decode(node).hex()
    if key == "code" and isinstance(node, str):
        return {"STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}.get(node, 0)
    return node


@scenario("Tempo", "backend, kept sessions by id and by TraceQL", required=False)
def kept_sessions() -> str:
    binary = os.environ.get("TEMPO_BIN")
    if not binary:
        raise NotRun("TEMPO_BIN names no binary, and no package registry has one")
    if not Path(binary).is_file():
        raise NotRun(f"TEMPO_BIN={binary} is no file")
    ports = {f"TEMPO_{name}_PORT": str(world.free_port()) for name in ("HTTP", "GRPC", "MEMBERLIST")}
    door = f"127.0.0.1:{world.free_port()}"
    data = world.work / "tempo"
    data.mkdir(exist_ok=True)
    command = [binary, "-config.expand-env=true", "-config.file", world.DEPLOY / "tempo" / "tempo.yaml"]
    process = Process("tempo", command, world.environment(**ports, TEMPO_OTLP=door, TEMPO_DATA=str(data)))
    base = f"http://127.0.0.1:{ports['TEMPO_HTTP_PORT']}"

    def get(path: str) -> bytes | None:
        process.must_live()
        request = urllib.request.Request(base + path, headers={"accept": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code in (404, 503):
                return None
            raise Failed(f"tempo answers {error.code} to {path}") from None
        except urllib.error.URLError:
            return None

    world.wait_for(lambda: get("/ready"), "ready tempo", 60)

    def read(trace: str):
        found = plain(json.loads(get(f"/api/v2/traces/{trace}") or b"{}").get("trace") or {})
        return otlp.spans({"resourceSpans": found.get("resourceSpans") or found.get("batches") or []}) or None

    with Tailsieve("tempo", TAILSIEVE_BACKEND=door, TAILSIEVE_ROUTINE=str(backend.ROUTINE)) as sieve:
        traffic = backend.send(sieve)
        seen = backend.holds(traffic, sieve, read)
    wanted = {trace for one in traffic.kept() if one.rule == "failed" for trace in one.traces}
    query = urllib.parse.quote('{ span.tailsieve.decision.rule = "failed" }')

    def search():
        found = json.loads(get(f"/api/search?limit=1000&q={query}") or b"{}").get("traces") or []
        return {trace["traceID"].rjust(32, "0") for trace in found} == wanted

    world.wait_for(search, "answer to TraceQL with all failed sessions and no other", 90, 1)
    # Its orderly end takes longer than all of the above, and nothing is asked of it.
    process.kill()
    return seen
