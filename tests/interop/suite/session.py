"""The session that every SDK's program makes, and what must be found of it behind tailsieve.

A program takes the session's id as its argument and its exporter from the environment, and makes two sessions of three
turns each: `ID`, whose second turn fails, and `ID-routine`, which is well. For every span it prints one line:

    span<TAB>trace id<TAB>span id<TAB>parent id or -<TAB>name<TAB>session id
"""

import re
from dataclasses import dataclass

from suite.otlp import Span
from suite.scenario import check, equal
from suite.tailsieve import Tailsieve

TURNS = 3
SPANS = 3 * TURNS
INTERNAL, CLIENT = 1, 3
AGENT, CHAT, TOOL = "invoke_agent planner", "chat gpt-4o-mini", "execute_tool search"
ERROR_TYPE = "TimeoutError"
# 2^53 - 1: the largest that every language carries exactly.
LARGEST = 9_007_199_254_740_991
TEXT = "Grüße, 世界 🌍"

# Those that depend on the session's values are not compared with constants.
_SUMMARY = {
    "tailsieve.session.turns": TURNS,
    "tailsieve.session.spans": SPANS,
    "tailsieve.session.complete": True,
    "tailsieve.decision.rule": "errors",
    "tailsieve.decision.probability": 1.0,
    "tailsieve.decision.reason": "idle_timeout",
}


@dataclass(frozen=True)
class Made:
    """A span as the program that made it told."""

    trace: str
    id: str
    parent: str
    name: str
    session: str


def made(output: str) -> list[Made]:
    """What a program says it made."""
    lines = [line.split("\t") for line in output.splitlines() if line.startswith("span\t")]
    found = [Made(trace, id, parent.replace("-", ""), name, session) for _, trace, id, parent, name, session in lines]
    equal(len(found), 2 * SPANS, "spans that the program made")
    check(all(re.fullmatch("[0-9a-f]{32}", span.trace) for span in found), "a trace id is not one")
    return found


def wanted(turn: int, name: str, session: str) -> dict:
    """The attributes of a span, as every program sets them."""
    if name == AGENT:
        return {"session.id": session, "gen_ai.operation.name": "invoke_agent", "app.turn": turn}
    if name == CHAT:
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.request.temperature": 0.5,
            "gen_ai.usage.input_tokens": 1200 + turn,
            "gen_ai.usage.output_tokens": 80,
            "gen_ai.response.finish_reasons": ["stop"],
            "app.text": TEXT,
            "app.largest": LARGEST,
        }
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search", "app.cached": True}
    return tool | ({"error.type": ERROR_TYPE} if turn == 2 and not session.endswith("-routine") else {})


def arrived(made_spans: list[Made], found: list[Span], service: str):
    """Every span of the failed session came out, equal to what was made; nothing of the routine one did."""
    mine = [span for span in made_spans if not span.session.endswith("-routine")]
    equal(sorted(span.id for span in found), sorted(span.id for span in mine), "ids of the spans that came out")
    by_id = {span.id: span for span in found}
    equal(len({span.state for span in found}), 1, "tracestates of the session")
    traces = list(dict.fromkeys(span.trace for span in sorted(mine, key=lambda span: turn_of(by_id, span))))
    equal(len(traces), TURNS, "traces")
    for sent in mine:
        span = by_id[sent.id]
        turn = traces.index(sent.trace) + 1
        what = f"turn {turn}, {sent.name}"
        equal((span.trace, span.parent, span.name), (sent.trace, sent.parent, sent.name), f"{what}: ids and name")
        own = {key: value for key, value in span.attributes.items() if not key.startswith("tailsieve.")}
        equal(own, wanted(turn, sent.name, sent.session), f"{what}: attributes")
        types = {key: type(value) for key, value in own.items()}
        constants = wanted(turn, sent.name, sent.session).items()
        equal(types, {key: type(value) for key, value in constants}, f"{what}: types of attributes")
        equal(span.kind, CLIENT if sent.name == CHAT else INTERNAL, f"{what}: kind")
        fails = turn == 2 and sent.name != CHAT
        equal(span.status, 2 if fails else 0, f"{what}: status")
        exceptions = [event for event in span.events if event[0] == "exception"]
        equal(len(exceptions), 1 if turn == 2 and sent.name == TOOL else 0, f"{what}: exception events")
        equal(span.resource.get("service.name"), service, f"{what}: service.name")
        check(re.fullmatch(r"ot=th:0;rv:[0-9a-f]{14}", span.state), f"{what}: tracestate {span.state!r}")
        if sent.name == AGENT:
            got = {key: span.attributes.get(key) for key in _SUMMARY}
            equal(got, _SUMMARY, f"{what}: summary")
            equal(span.attributes.get("tailsieve.session.id"), sent.session, f"{what}: session id")
        else:
            check("tailsieve.session.id" not in span.attributes, f"{what}: carries the summary, and is no root")


def turn_of(by_id: dict[str, Span], sent: Made) -> int:
    """The turn that the root of its trace says it is."""
    root = next(span for span in by_id.values() if span.trace == sent.trace and not span.parent)
    return root.attributes["app.turn"]


def one_verdict_each(sieve: Tailsieve):
    """One verdict for the failed session, one for the routine one, and counts to match."""
    ledger = sieve.settled(2 * SPANS)
    equal(sieve.verdicts(), {("errors", "keep"): 1, ("routine", "drop"): 1}, "verdicts")
    wanted_ledger = {"received": 2 * SPANS, "kept": SPANS, "dropped": SPANS}
    equal({key: count for key, count in ledger.items() if count}, wanted_ledger, "ledger")
