"""Rules beside the three that are in the configuration: as many as asked for, none of which matches the load."""

from pathlib import Path

from suite import world

# One of each kind in turn; `{n}` is the rule's number.
_KINDS = (
    'spans.exists(s, s.attributes["gen_ai.tool.name"] == "tool_{n}")',
    "session.error_count > {n} && session.spans > 1{n}00",
    'spans.exists(s, s.attributes["http.response.status_code"] == 50{n} && s.duration > duration("{n}s"))',
    'session.root_name == "GET /healthz/{n}"',
    'spans.exists(s, s.attributes["gen_ai.request.model"].startsWith("model-{n}-"))',
    'session.duration > duration("{n}00s") && session.orphans > 0',
    'spans.count(s, s.attributes["gen_ai.usage.output_tokens"] > 9{n}00) > 3',
    '"Timeout{n}" in session.error_types',
    'spans.exists(s, s.attributes["tenant.tier"] == "tier-{n}")',
    'spans.exists(s, s.kind == "client" && s.name.endsWith("model-{n}"))',
)


# Rules that ask for what spans say of models, and match none of the load: how the last call ended; what
# `config/agents.yaml` asks for; and what has every session read.
_ASKING = {
    "failed": "session.failed && session.spans > 100000",
    "models": "session.cost_usd > 500.0 || session.wasted_usd > 500.0 || session.repeated_tool_calls > 1000"
              " || session.irreversible_calls > 1000 || session.ttft_max > 3600.0 || session.context_fill > 1.0"
              " || session.streams_broken > 1000 || session.rate_limited > 1000",
    "everything": "session.cost_usd < 0.0 || session.context_growth > 1000000.0",
}


def arguments(config: Path, count: int, asking: str = "") -> list:
    """The command line's configuration files, for `count` rules in all, or with one more that asks for something."""
    text = config.read_text()
    last = "    - {name: routine, probability: 0.01}\n"
    assert text.count(last) == 1
    more = [f"    - name: more-{n}\n      when: '{_KINDS[n % len(_KINDS)].format(n=n)}'\n" for n in range(10, 7 + count)]
    more += [f"    - name: asking\n      when: '{_ASKING[asking]}'\n"] if asking else []
    written = world.work / f"tailsieve-{count}-rules{asking}.yaml"
    written.write_text(text.replace(last, last + "".join(more)))
    return ["--config", written]
