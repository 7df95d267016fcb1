"""Spans read back from OTLP/JSON, as plain values that compare."""

import json
from dataclasses import dataclass
from pathlib import Path

from suite.scenario import Failed


@dataclass
class Span:
    trace: str
    id: str
    parent: str
    name: str
    kind: int
    attributes: dict
    resource: dict
    scope: str
    status: int
    message: str
    events: list[tuple[str, dict]]
    state: str


def spans(document: dict) -> list[Span]:
    """The spans of one ExportTraceServiceRequest."""
    found = []
    for resource_spans in document.get("resourceSpans", []):
        resource = attributes(resource_spans.get("resource", {}))
        for scope_spans in resource_spans.get("scopeSpans", []):
            scope = scope_spans.get("scope", {}).get("name", "")
            for span in scope_spans.get("spans", []):
                status = span.get("status", {})
                found.append(
                    Span(
                        trace=span["traceId"],
                        id=span["spanId"],
                        parent=span.get("parentSpanId", ""),
                        name=span.get("name", ""),
                        kind=span.get("kind", 0),
                        attributes=attributes(span),
                        resource=resource,
                        scope=scope,
                        status=status.get("code", 0),
                        message=status.get("message", ""),
                        events=[(event.get("name", ""), attributes(event)) for event in span.get("events", [])],
                        state=span.get("traceState", ""),
                    )
                )
    return found


def read_file(path: Path) -> list[Span]:
    """The spans of a file of requests, one a line."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            found += spans(json.loads(line))
        except (ValueError, KeyError) as error:
            raise Failed(f"{path.name}:{number} is not OTLP/JSON: {error!r}") from None
    return found


def attributes(holder: dict) -> dict:
    """The attributes of a span, event or resource by key; a key that is there twice fails."""
    found = {}
    for pair in holder.get("attributes", []):
        if pair["key"] in found:
            raise Failed(f"attribute {pair['key']} is there twice")
        found[pair["key"]] = value(pair.get("value", {}))
    return found


def value(any_value: dict):
    """An AnyValue as a Python value of the same type."""
    for kind, inner in any_value.items():
        match kind:
            case "intValue":
                return int(inner)
            case "doubleValue":
                return float(inner)
            case "arrayValue":
                return [value(item) for item in inner.get("values", [])]
            case "kvlistValue":
                return {pair["key"]: value(pair.get("value", {})) for pair in inner.get("values", [])}
            case _:
                return inner
    return None
