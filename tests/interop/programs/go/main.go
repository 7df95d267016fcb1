// The session of suite/session.py with the Go SDK, its gRPC exporter as it is by default. Argument: id.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func start(
	ctx context.Context, tracer trace.Tracer, whose, name string, options ...trace.SpanStartOption,
) (context.Context, trace.Span) {
	parent := "-"
	if outer := trace.SpanContextFromContext(ctx); outer.IsValid() {
		parent = outer.SpanID().String()
	}
	ctx, span := tracer.Start(ctx, name, options...)
	own := span.SpanContext()
	fmt.Printf("span\t%s\t%s\t%s\t%s\t%s\n", own.TraceID(), own.SpanID(), parent, name, whose)
	return ctx, span
}

func turn(tracer trace.Tracer, whose string, number int, fails bool) {
	ctx, agent := start(context.Background(), tracer, whose, "invoke_agent planner")
	agent.SetAttributes(
		attribute.String("session.id", whose),
		attribute.String("gen_ai.operation.name", "invoke_agent"),
		attribute.Int("app.turn", number),
	)
	_, chat := start(ctx, tracer, whose, "chat gpt-4o-mini", trace.WithSpanKind(trace.SpanKindClient))
	chat.SetAttributes(
		attribute.String("gen_ai.operation.name", "chat"),
		attribute.String("gen_ai.request.model", "gpt-4o-mini"),
		attribute.Float64("gen_ai.request.temperature", 0.5),
		attribute.Int("gen_ai.usage.input_tokens", 1200+number),
		attribute.Int("gen_ai.usage.output_tokens", 80),
		attribute.StringSlice("gen_ai.response.finish_reasons", []string{"stop"}),
		attribute.String("app.text", "Grüße, 世界 🌍"),
		attribute.Int64("app.largest", 9_007_199_254_740_991),
	)
	chat.End()
	_, tool := start(ctx, tracer, whose, "execute_tool search")
	tool.SetAttributes(
		attribute.String("gen_ai.operation.name", "execute_tool"),
		attribute.String("gen_ai.tool.name", "search"),
		attribute.Bool("app.cached", true),
	)
	if fails {
		tool.SetAttributes(attribute.String("error.type", "TimeoutError"))
		tool.RecordError(errors.New("the tool did not answer"))
		tool.SetStatus(codes.Error, "the tool did not answer")
		agent.SetStatus(codes.Error, "the turn failed")
	}
	tool.End()
	agent.End()
}

func main() {
	ctx := context.Background()
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		log.Fatal(err)
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter))
	tracer := provider.Tracer("interop")
	for _, whose := range []string{os.Args[1], os.Args[1] + "-routine"} {
		for number := 1; number <= 3; number++ {
			turn(tracer, whose, number, whose == os.Args[1] && number == 2)
		}
	}
	if err := provider.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
}
