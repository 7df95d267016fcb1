"""Many small sessions, sent as OTLP/JSON: for scenarios about backends, where it is known who has to be kept."""

import json
import random
import time
import urllib.request
from dataclasses import dataclass, field

from suite.scenario import check

_ROUTINE_KEPT_OF = 1 << 56


@dataclass
class Sent:
    """A session that was sent, and what must become of it."""

    id: str
    kept: bool | None
    rule: str
    traces: dict[str, set[str]] = field(default_factory=dict)

    @property
    def spans(self) -> set[str]:
        return set().union(*self.traces.values())


class Traffic:
    """Makes sessions of four kinds in turn: an error that was recovered from, a failed last turn, a health check, and
    a routine trace without session id. `routine` is the probability of the last, which its trace id decides."""

    def __init__(self, http: str, routine: float = 0.0, seed: int = 1):
        self.url, self.routine, self.random = f"http://{http}/v1/traces", routine, random.Random(seed)
        self.sent: list[Sent] = []

    def send(self, sessions: int):
        """Sends that many, in one request."""
        now = time.time_ns()
        spans = [span for _ in range(sessions) for span in self._session(now)]
        resource = {"attributes": [_text("service.name", "traffic")]}
        document = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "t"}, "spans": spans}]}]}
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.url, json.dumps(document).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            body = json.loads(answer.read() or b"{}")
            check(not body.get("partialSuccess"), f"tailsieve refused spans: {body}")

    def kept(self) -> list[Sent]:
        return [one for one in self.sent if one.kept]

    def spans(self) -> int:
        return sum(len(one.spans) for one in self.sent)

    def _session(self, now: int) -> list[dict]:
        number = len(self.sent)
        kind = ("errors", "failed", "health-checks", "routine")[number % 4]
        one = Sent(f"session-{number}", kind in ("errors", "failed"), kind)
        self.sent.append(one)
        if kind == "errors":
            return self._trace(one, now, "turn", 0) + self._trace(one, now + 10**6, "turn", 2) + self._trace(
                one, now + 2 * 10**6, "turn", 0)
        if kind == "failed":
            return self._trace(one, now, "turn", 0) + self._trace(one, now + 10**6, "turn", 2, failed=True)
        if kind == "health-checks":
            return self._trace(one, now, "GET /healthz", 0)
        spans = self._trace(one, now, "turn", 0, named=False)
        one.id = spans[0]["traceId"]
        one.kept = int(one.id[-14:], 16) >= round((1 - self.routine) * _ROUTINE_KEPT_OF)
        return spans

    def _trace(self, one: Sent, now: int, name: str, status: int, failed: bool = False, named: bool = True):
        """A root with two children; `status` is that of the second child, `failed` makes it the root's too."""
        trace = f"{self.random.getrandbits(128):032x}"
        ids = [f"{self.random.getrandbits(64):016x}" for _ in range(3)]
        one.traces[trace] = set(ids)
        spans = []
        for place, (id, title) in enumerate(zip(ids, (name, "chat", "tool"))):
            span = {
                "traceId": trace,
                "spanId": id,
                "name": title,
                "kind": 1,
                "startTimeUnixNano": str(now + place * 1000),
                "endTimeUnixNano": str(now + 900_000 - place * 1000),
                "attributes": [_text("app.text", "x" * 200), {"key": "app.place", "value": {"intValue": str(place)}}],
            }
            if place:
                span["parentSpanId"] = ids[0]
            if named:
                span["attributes"].append(_text("session.id", one.id))
            if (place == 2 and status) or (place == 0 and failed):
                span["status"] = {"code": 2, "message": "it went wrong"}
            spans.append(span)
        return spans


def _text(key: str, text: str) -> dict:
    return {"key": key, "value": {"stringValue": text}}
