"""The table of README.md, out of what was measured last of each scenario."""

import re
from pathlib import Path

from bench.machine import machine
from bench.results import Results, Spread
from bench.scenarios import ALL, Scenario

_BEGIN, _END = "<!-- generated: figures -->", "<!-- end -->"

# Cores that other processes may use until it is said that they did; what the kernel does for the network counts.
QUIET = 0.3

_GIB, _KILO, _MILLI = 1 << 30, 1000, 0.001


def _number(of: float, spread: Spread, digits: int = 2) -> str:
    """A median with its range, where there is one."""
    values = [f"{value / of:,.{digits}f}" for value in (spread.median, spread.least, spread.most)]
    return values[0] if values[1] == values[2] else f"{values[0]} ({values[1]}-{values[2]})"


# A column: its head, the figure that it shows, and how. `times` is against the scenario's first row.
_COLUMNS = {
    "cpu": ("CPU s per million spans", "cpu", lambda spread: _number(1, spread)),
    "times_cpu": ("times the first", "cpu", None),
    "rate": ("spans/s", "rate", lambda spread: f"{spread.median / _KILO:,.0f} k"),
    "peak": ("peak RSS, GiB", "peak", lambda spread: _number(_GIB, spread)),
    "times_peak": ("times the first", "peak", None),
    "rss": ("RSS, GiB", "rss", lambda spread: _number(_GIB, spread)),
    "open": ("open sessions", "open", lambda spread: f"{spread.median:,.0f}"),
    "held_spans": ("held spans", "held_spans", lambda spread: f"{spread.median:,.0f}"),
    "held": ("wire bytes held, GiB", "held", lambda spread: _number(_GIB, spread)),
    "rss_per_held": ("RSS over wire bytes", "rss_per_held", lambda spread: _number(1, spread)),
    "delay_median": ("median, ms", "delay_median", lambda spread: _number(_MILLI, spread, 0)),
    "delay_p99": ("p99, ms", "delay_p99", lambda spread: _number(_MILLI, spread, 0)),
    "delay_longest": ("longest, ms", "delay_longest", lambda spread: _number(_MILLI, spread, 0)),
}


def table(scenario: Scenario, found: Results) -> str:
    """A scenario's figures as Markdown."""
    first = scenario.rows[0].name
    lines = ["| | " + " | ".join(_COLUMNS[column][0] for column in scenario.columns) + " |",
             "|---" * (1 + len(scenario.columns)) + "|"]
    for row in scenario.rows:
        if row.name in found.missing:
            lines.append(f"| {row.name} | not run: {found.missing[row.name]} |" + " |" * (len(scenario.columns) - 1))
            continue
        cells = []
        for column in scenario.columns:
            _, figure, show = _COLUMNS[column]
            spread = found.spread(row.name, figure) if show else found.ratio(row.name, first, figure)
            cells.append((show or (lambda spread: _number(1, spread)))(spread) if spread else "-")
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def goals(scenario: Scenario, found: Results) -> list[str]:
    """What had to come out, and whether it did."""
    lines = []
    for goal in scenario.goals:
        figure, bound = goal.figure(found), f"at least {goal.least:g}" if goal.least else f"at most {goal.most:g}"
        if figure is None:
            lines.append(f"  - {goal.text}: not measured, wanted {bound}")
            continue
        met = figure >= goal.least if goal.least else figure <= goal.most
        lines.append(f"  {'✓' if met else '✗'} {goal.text}: {figure:.2f}, wanted {bound}")
    return lines


def write(readme: Path, folder: Path):
    """Puts all that was measured into README.md, between its marks."""
    parts = [f"Machine: {machine()}."]
    for scenario in ALL:
        if found := Results.read(folder, scenario.name):
            rounds = max(map(len, found.rounds.values()), default=0)
            parts.append(f"**{scenario.name}**: {scenario.title}.\n\n{table(scenario, found)}")
            versions = f" {found.versions}." if found.versions else ""
            others = max((one["others"] for many in found.rounds.values() for one in many), default=0)
            busy = f" Disturbed: other processes used up to {others:.1f} cores." if others > QUIET else ""
            parts.append(f"{found.date}, tailsieve {found.commit}.{versions} `{found.command}`, {rounds} "
                         f"{'round' if rounds == 1 else 'rounds'} of {found.seconds:g} s.{busy}")
    text = readme.read_text()
    marked = re.compile(f"{re.escape(_BEGIN)}.*?{re.escape(_END)}", re.DOTALL)
    assert marked.search(text), f"{readme} has no marks"
    readme.write_text(marked.sub(lambda _: "\n\n".join([_BEGIN, *parts, _END]), text))
