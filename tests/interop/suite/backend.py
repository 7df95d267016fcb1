"""What a store of traces must hold after traffic has gone through tailsieve: each session as its verdict was."""

from suite.otlp import Span
from suite.scenario import check, equal
from suite.tailsieve import Tailsieve
from suite.traffic import Sent, Traffic

SESSIONS = 200
ROUTINE = 0.25
# OTEP 235: rejection thresholds of probabilities 1 and 1/4.
_THRESHOLDS = {"errors": "th:0", "failed": "th:0", "routine": "th:c"}
_PROBABILITY = {"errors": 1.0, "failed": 1.0, "routine": ROUTINE}


def send(sieve: Tailsieve) -> Traffic:
    """Sends the sessions and waits until all are judged and delivered."""
    traffic = Traffic(sieve.http, ROUTINE, seed=7)
    for _ in range(SESSIONS // 20):
        traffic.send(20)
    sieve.settled(traffic.spans())
    return traffic


def holds(traffic: Traffic, sieve: Tailsieve, read) -> str:
    """Asks `read(trace id)` for every trace, and compares with the verdicts. It returns None for one that is absent."""
    count = 0
    for one in traffic.sent:
        for trace, ids in one.traces.items():
            found = read(trace)
            if not one.kept:
                check(not found, f"{one.rule}: trace {trace} of a session that had to be dropped is there")
                continue
            check(found, f"{one.rule}: trace {trace} of a session that had to be kept is absent")
            equal(sorted(span.id for span in found), sorted(ids), f"{one.rule}: spans of trace {trace}")
            count += len(found)
            for span in found:
                decided(one, span)
    ledger = sieve.ledger()
    equal(ledger["kept"], count, "kept by the ledger, against what the backend holds")
    equal(ledger["received"], traffic.spans(), "received by the ledger")
    equal(ledger["kept"] + ledger["dropped"], traffic.spans(), "kept and dropped")
    return f"{len(traffic.kept())} of {len(traffic.sent)} sessions, {count} of {traffic.spans()} spans"


def decided(one: Sent, span: Span):
    """The span tells how its session was decided."""
    check(_THRESHOLDS[one.rule] in span.state.removeprefix("ot=").split(";"), f"{one.rule}: tracestate {span.state!r}")
    if span.parent:
        return
    got = span.attributes
    summary = {
        "tailsieve.session.id": one.id,
        "tailsieve.session.turns": len(one.traces),
        "tailsieve.session.spans": len(one.spans),
        "tailsieve.session.complete": True,
        "tailsieve.decision.rule": one.rule,
        "tailsieve.decision.probability": _PROBABILITY[one.rule],
    }
    # A failed session meets both rules, and the one that stands first is named.
    matched = {"failed": ["failed", "errors", "routine"], "errors": ["errors", "routine"], "routine": ["routine"]}
    summary["tailsieve.decision.rules"] = matched[one.rule]
    equal({key: got.get(key) for key in summary}, summary, f"{one.rule}: root of session {one.id}")
