import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The session of suite/session.py with the Java SDK as it configures itself: OTLP over gRPC. Argument: id. */
public final class Session {
    private final Tracer tracer;
    private final String id;

    private Session(Tracer tracer, String id) {
        this.tracer = tracer;
        this.id = id;
    }

    public static void main(String[] arguments) {
        var sdk = AutoConfiguredOpenTelemetrySdk.initialize().getOpenTelemetrySdk();
        var tracer = sdk.getTracer("interop");
        for (String id : List.of(arguments[0], arguments[0] + "-routine")) {
            var session = new Session(tracer, id);
            for (int number = 1; number <= 3; number++) {
                session.turn(number, id.equals(arguments[0]) && number == 2);
            }
        }
        sdk.getSdkTracerProvider().shutdown().join(30, TimeUnit.SECONDS);
    }

    private void turn(int number, boolean fails) {
        Span agent = start("invoke_agent planner", Context.root(), SpanKind.INTERNAL);
        agent.setAttribute("session.id", id);
        agent.setAttribute("gen_ai.operation.name", "invoke_agent");
        agent.setAttribute("app.turn", number);
        Context inside = Context.root().with(agent);
        Span chat = start("chat gpt-4o-mini", inside, SpanKind.CLIENT);
        chat.setAttribute("gen_ai.operation.name", "chat");
        chat.setAttribute("gen_ai.request.model", "gpt-4o-mini");
        chat.setAttribute("gen_ai.request.temperature", 0.5);
        chat.setAttribute("gen_ai.usage.input_tokens", 1200 + number);
        chat.setAttribute("gen_ai.usage.output_tokens", 80);
        chat.setAttribute(AttributeKey.stringArrayKey("gen_ai.response.finish_reasons"), List.of("stop"));
        chat.setAttribute("app.text", "Grüße, 世界 🌍");
        chat.setAttribute("app.largest", 9_007_199_254_740_991L);
        chat.end();
        Span tool = start("execute_tool search", inside, SpanKind.INTERNAL);
        tool.setAttribute("gen_ai.operation.name", "execute_tool");
        tool.setAttribute("gen_ai.tool.name", "search");
        tool.setAttribute("app.cached", true);
        if (fails) {
            tool.setAttribute("error.type", "TimeoutError");
            tool.recordException(new TimeoutException("the tool did not answer"));
            tool.setStatus(StatusCode.ERROR, "the tool did not answer");
            agent.setStatus(StatusCode.ERROR, "the turn failed");
        }
        tool.end();
        agent.end();
    }

    private Span start(String name, Context outer, SpanKind kind) {
        Span span = tracer.spanBuilder(name).setParent(outer).setSpanKind(kind).startSpan();
        var own = span.getSpanContext();
        var parent = Span.fromContext(outer).getSpanContext();
        String parentId = parent.isValid() ? parent.getSpanId() : "-";
        System.out.println(String.join("\t", "span", own.getTraceId(), own.getSpanId(), parentId, name, id));
        return span;
    }
}
