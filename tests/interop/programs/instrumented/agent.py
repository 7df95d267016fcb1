"""An agent of pydantic-ai with its own instrumentation: three turns of one conversation, the second breaks off.

Arguments: session id, address of the model server.
"""

import asyncio
import sys

from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from telling import provider

session, address = sys.argv[1:]
made = provider()
Agent.instrument_all()


async def turn(number):
    path = "broken" if number == 2 else "whole"
    client = AsyncOpenAI(base_url=f"http://{address}/{path}/v1", api_key="none", max_retries=0)
    agent = Agent(OpenAIChatModel("gpt-4o-mini", provider=OpenAIProvider(openai_client=client)), name="planner")
    async with agent.run_stream("When does the train leave?", conversation_id=session) as result:
        return "".join([text async for text in result.stream_text(delta=True)])


for number in (1, 2, 3):
    try:
        print("turn", number, asyncio.run(turn(number)), flush=True)
    except Exception as error:
        print("turn", number, "broke off:", type(error).__name__, flush=True)
made.shutdown()
