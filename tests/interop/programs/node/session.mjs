// The session of suite/session.py with the Node SDK, its exporters as they are by default.
// Arguments: id, grpc | proto | http (JSON).
import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { NodeSDK } from "@opentelemetry/sdk-node";

const [session, protocol] = process.argv.slice(2);
const { OTLPTraceExporter } = await import(`@opentelemetry/exporter-trace-otlp-${protocol}`);
const sdk = new NodeSDK({ traceExporter: new OTLPTraceExporter(), instrumentations: [] });
sdk.start();
const tracer = trace.getTracer("interop");

function start(whose, name, outer, kind = SpanKind.INTERNAL) {
  const span = tracer.startSpan(name, { kind }, outer);
  const { traceId, spanId } = span.spanContext();
  const parent = trace.getSpanContext(outer)?.spanId ?? "-";
  console.log(["span", traceId, spanId, parent, name, whose].join("\t"));
  return span;
}

function turn(whose, number, fails) {
  const agent = start(whose, "invoke_agent planner", context.active());
  agent.setAttributes({ "session.id": whose, "gen_ai.operation.name": "invoke_agent", "app.turn": number });
  const inside = trace.setSpan(context.active(), agent);
  const chat = start(whose, "chat gpt-4o-mini", inside, SpanKind.CLIENT);
  chat.setAttributes({
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.request.temperature": 0.5,
    "gen_ai.usage.input_tokens": 1200 + number,
    "gen_ai.usage.output_tokens": 80,
    "gen_ai.response.finish_reasons": ["stop"],
    "app.text": "Grüße, 世界 🌍",
    "app.largest": 9_007_199_254_740_991,
  });
  chat.end();
  const tool = start(whose, "execute_tool search", inside);
  tool.setAttributes({ "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search", "app.cached": true });
  if (fails) {
    tool.setAttribute("error.type", "TimeoutError");
    tool.recordException(new Error("the tool did not answer"));
    tool.setStatus({ code: SpanStatusCode.ERROR, message: "the tool did not answer" });
    agent.setStatus({ code: SpanStatusCode.ERROR, message: "the turn failed" });
  }
  tool.end();
  agent.end();
}

for (const whose of [session, `${session}-routine`]) {
  for (const number of [1, 2, 3]) {
    turn(whose, number, whose === session && number === 2);
  }
}
await sdk.shutdown();
