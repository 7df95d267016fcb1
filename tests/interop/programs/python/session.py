"""The session of suite/session.py with the Python SDK, its exporter as it is by default. Arguments: id, grpc | http."""

import sys

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

session, protocol = sys.argv[1:]
if protocol == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("interop")


def told(span, name):
    context, parent = span.get_span_context(), span.parent
    print("span", f"{context.trace_id:032x}", f"{context.span_id:016x}",
          f"{parent.span_id:016x}" if parent else "-", name, whose, sep="\t")


def turn(number, fails):
    with tracer.start_as_current_span("invoke_agent planner") as agent:
        told(agent, "invoke_agent planner")
        agent.set_attributes({"session.id": whose, "gen_ai.operation.name": "invoke_agent", "app.turn": number})
        with tracer.start_as_current_span("chat gpt-4o-mini", kind=SpanKind.CLIENT) as chat:
            told(chat, "chat gpt-4o-mini")
            chat.set_attributes({
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.request.temperature": 0.5,
                "gen_ai.usage.input_tokens": 1200 + number,
                "gen_ai.usage.output_tokens": 80,
                "gen_ai.response.finish_reasons": ["stop"],
                "app.text": "Grüße, 世界 🌍",
                "app.largest": 9_007_199_254_740_991,
            })
        with tracer.start_as_current_span("execute_tool search") as tool:
            told(tool, "execute_tool search")
            tool.set_attributes({
                "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search", "app.cached": True,
            })
            if fails:
                tool.set_attribute("error.type", "TimeoutError")
                tool.record_exception(TimeoutError("the tool did not answer"))
                tool.set_status(Status(StatusCode.ERROR, "the tool did not answer"))
                agent.set_status(Status(StatusCode.ERROR, "the turn failed"))


for whose in (session, f"{session}-routine"):
    for number in (1, 2, 3):
        turn(number, fails=whose == session and number == 2)
provider.shutdown()
