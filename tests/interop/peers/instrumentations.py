"""Real instrumentations of LLM clients and agents, against a local model server whose second stream breaks off."""

import json
import sys
from pathlib import Path

from peers.python_sdk import python, run_python
from suite import world
from suite.otlp import read_file
from suite.process import Process
from suite.scenario import check, equal, scenario
from suite.tailsieve import Tailsieve

_FOLDER = world.PROGRAMS / "instrumented"

_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"


def three_turns(kind: str, program: str, scope: str, *arguments: str) -> str:
    """Runs the application; every span that it ended came out as it was, in one session of three turns."""
    installed: Path = python(kind, _FOLDER / f"{kind}.txt")
    port = world.free_port()
    model = Process(f"model {kind}", [sys.executable, _FOLDER / "model_server.py", str(port)])
    world.wait_for(lambda: model.must_live() or "listening" in model.output(), "model server", 10)
    with Tailsieve("file", settle="1s", idle="3s") as sieve:
        output = run_python(
            kind, installed, _FOLDER / program, *arguments, f"{kind}-1", f"127.0.0.1:{port}",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{sieve.http}", OTEL_SERVICE_NAME=kind,
        )
        told = [json.loads(line.removeprefix("told ")) for line in output.splitlines() if line.startswith("told ")]
        sieve.settled(len(told))
        equal(sum(sieve.verdicts().values()), 1, f"verdicts {sieve.verdicts()}")
    model.kill()
    turns = [line for line in output.splitlines() if line.startswith("turn ")]
    equal([" broke off" in line for line in turns], [False, True, False], f"turns that broke off in {turns}")
    scopes = {span["scope"] for span in told}
    check(any(name.startswith(scope) for name in scopes), f"no span of {scope}, but of {scopes}")
    return compare(told, read_file(sieve.kept), f"{kind}-1")


def compare(told: list[dict], found: list, session: str) -> str:
    """What came out is what the application's SDK told that it ended."""
    by_id = {span.id: span for span in found}
    equal(sorted(span.id for span in found), sorted(span["id"] for span in told), "ids of the spans that came out")
    timed = 0
    for sent in told:
        span, what = by_id[sent["id"]], sent["name"]
        own = {key: value for key, value in span.attributes.items() if not key.startswith("tailsieve.")}
        # The one name of OTel's own that is written, where the span does not have it.
        added = None if _FIRST_CHUNK in sent["attributes"] else own.pop(_FIRST_CHUNK, None)
        equal(own, sent["attributes"], f"{what}: attributes")
        timed += added is not None and 0 < added < 10
        got = (span.trace, span.parent, span.name, span.scope, span.status, [name for name, _ in span.events])
        wanted = tuple(sent[key] for key in ("trace", "parent", "name", "scope", "status", "events"))
        equal(got, wanted, f"{what}: trace, parent, name, scope, status and events")
    check(timed >= 2, f"the first token is told of {timed} calls: three were streamed, two of them whole")
    roots = [span for span in found if not span.parent]
    equal(len(roots), 3, "roots")
    for root in roots:
        keys = ("session.id", "session.turns", "session.spans", "session.complete", "decision.rule")
        got = tuple(root.attributes.get(f"tailsieve.{key}") for key in keys)
        equal(got, (session, 3, len(told), True, "errors"), f"{root.name}: {', '.join(keys)}")
    return f"{len(told)} spans of 3 turns, the broken stream seen"


@scenario("OpenInference openai 0.1.66", "OpenAI client, second stream broken")
def openinference() -> str:
    return three_turns("openinference", "client.py", "openinference.instrumentation.openai", "openinference")


@scenario("OpenLLMetry openai 0.62.4", "OpenAI client, second stream broken")
def openllmetry() -> str:
    return three_turns("openllmetry", "client.py", "opentelemetry.instrumentation.openai", "openllmetry")


@scenario("pydantic-ai 2.68.0", "agent, second stream broken")
def pydantic_ai() -> str:
    return three_turns("pydantic_ai", "agent.py", "pydantic-ai")
