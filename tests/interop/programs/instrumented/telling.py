"""The SDK as it is by default, and beside its exporter a second one that tells on standard output what was ended."""

import json

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult


class Telling(SpanExporter):
    def export(self, spans):
        for span in spans:
            context = span.get_span_context()
            told = {
                "trace": f"{context.trace_id:032x}",
                "id": f"{context.span_id:016x}",
                "parent": f"{span.parent.span_id:016x}" if span.parent else "",
                "name": span.name,
                "scope": span.instrumentation_scope.name,
                "status": span.status.status_code.value,
                "attributes": {key: list(value) if isinstance(value, (tuple, list)) else value
                               for key, value in span.attributes.items()},
                "events": [event.name for event in span.events],
            }
            print("told " + json.dumps(told), flush=True)
        return SpanExportResult.SUCCESS


def provider():
    made = TracerProvider()
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    made.add_span_processor(SimpleSpanProcessor(Telling()))
    trace.set_tracer_provider(made)
    return made
