"""An application that talks to a model by OpenAI's client, three turns, the second of which breaks off.

Arguments: openinference | openllmetry, session id, address of the model server.
"""

import sys

from openai import OpenAI
from telling import provider

kind, session, model = sys.argv[1:]
made = provider()
if kind == "openinference":
    from openinference.instrumentation.openai import OpenAIInstrumentor
else:
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor
OpenAIInstrumentor().instrument(tracer_provider=made)
tracer = made.get_tracer("app")


def turn(number):
    path = "broken" if number == 2 else "whole"
    client = OpenAI(base_url=f"http://{model}/{path}/v1", api_key="none", max_retries=0)
    with tracer.start_as_current_span("turn", attributes={"session.id": session, "app.turn": number}):
        stream = client.chat.completions.create(
            model="gpt-4o-mini", stream=True, stream_options={"include_usage": True},
            messages=[{"role": "user", "content": "When does the train leave?"}],
        )
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


for number in (1, 2, 3):
    try:
        print("turn", number, turn(number), flush=True)
    except Exception as error:
        print("turn", number, "broke off:", type(error).__name__, flush=True)
made.shutdown()
