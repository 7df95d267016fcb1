"""What tailsieve's rules ask for: configurations that are laid over `peers/tailsieve.yaml`.

| asking | rules |
|---|---|
| `errors` | those of `peers/tailsieve.yaml`: nothing is asked of what spans say of models |
| `everything` | those of `config/agents.yaml`, and one that asks every session for its cost |
| `nothing` | a sample |
| `agents` | those of `config/agents.yaml`, each with the probability of that sample: they keep what `nothing` keeps |
"""

import re
from pathlib import Path

from suite import world

# Further rules, none of which matches the load: one of each kind in turn; `{n}` is the rule's number.
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
# Every session has a cost, and none so little: the rule reads it of each, and keeps nothing.
_EVERY_COST = "    - {name: every-cost, when: session.cost_usd < 0.0000001}\n"
_SAMPLE = "sampling:\n  rules:\n    - {name: routine, probability: 0.01}\n"


def arguments(config: Path, asking: str, more: int = 0) -> list:
    """The command line's configuration files, with so many rules more."""
    match asking:
        case "errors":
            assert not more, "the file has its own rules"
            return ["--config", config]
        case "everything":
            text = _agents() + _EVERY_COST
        case "agents":
            text = re.sub("^      probability: .*\n", "", _agents(), flags=re.MULTILINE)
            text = re.sub("^    - name: .*\n", r"\g<0>      probability: 0.01\n", text, flags=re.MULTILINE)
        case "nothing":
            text = _SAMPLE
        case _:
            raise ValueError(asking)
    for n in range(10, 10 + more):
        text += f"    - name: more-{n}\n      when: '{_KINDS[n % len(_KINDS)].format(n=n)}'\n"
    written = world.work / f"rules-{asking}-{more}.yaml"
    written.write_text(text)
    return ["--config", config, "--config", written]


def _agents() -> str:
    """The tools and the rules of `config/agents.yaml`, as they are there."""
    text = (world.ROOT / "config" / "agents.yaml").read_text()
    tools = re.search("^  irreversible_tools: .*\n", text, flags=re.MULTILINE)
    rules = re.search("^sampling:\n(?:(?: .*)?\n)+", text, flags=re.MULTILINE)
    assert tools and rules, "config/agents.yaml has another shape"
    return f"sessions:\n{tools[0]}{rules[0].rstrip()}\n"
