"""Builds, measures round by round, and writes what came out."""

import argparse
import datetime
import os
import re
import shlex
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from suite import cache, world
from suite.process import kill_all
from suite.scenario import Failed, NotRun

from bench import load, machine, report, scenarios, servers
from bench.results import Results
from bench.scenarios import Scenario

_README = Path(__file__).resolve().parent.parent / "README.md"


def main(arguments: list[str]) -> int:
    """The exit code: 1 when something failed. A goal that is missed, or a peer that cannot be had, is said."""
    options = parse(arguments)
    chosen = [one for one in scenarios.ALL if not options.only or one.name in options.only]
    if options.list:
        for one in chosen:
            print(f"{one.name}: {one.title}: {'; '.join(row.name for row in one.rows)}")
        return 0
    cache.offline = options.offline
    folder = Path(os.environ.get("CARGO_TARGET_DIR") or world.ROOT / "target") / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    load.prepared_folder = folder
    world.work = Path(tempfile.mkdtemp(prefix="tailsieve-bench-"))
    failed = 0
    try:
        servers.build({name: getattr(options, name) for name in ("tailsieve", "load", "decode")})
        for one in chosen:
            found = measured(one, options, arguments)
            failed += sum(why.startswith("failed") for why in found.missing.values())
            found.write(folder)
            print(f"\n{report.table(one, found)}\n", *report.goals(one, found), "", sep="\n", flush=True)
            if not options.no_readme:
                report.write(_README, folder)
    finally:
        kill_all()
        if failed:
            print(f"logs of this run: {world.work}")
        else:
            shutil.rmtree(world.work, ignore_errors=True)
    return 1 if failed else 0


def parse(arguments: list[str]) -> argparse.Namespace:
    names = [one.name for one in scenarios.ALL]
    parser = argparse.ArgumentParser(prog="run", description="tailsieve's whole path beside its neighbours'.")
    parser.add_argument("--list", action="store_true", help="name the scenarios and run none")
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"some of {','.join(names)}")
    parser.add_argument("--rounds", type=int, default=3, help="how often each row is measured, in turn (3)")
    parser.add_argument("--seconds", type=float, default=10, help="how long, behind the warm-up (10)")
    parser.add_argument("--rows", type=lambda text: text.split(","), help="only the first row and those of these servers:"
                        " decode,otelcol,rotel,tailsieve")
    parser.add_argument("--no-readme", action="store_true", help="leave README.md as it is")
    parser.add_argument("--offline", action="store_true", help="fetch nothing: use what is in the cache")
    for name in ("tailsieve", "load", "decode"):
        parser.add_argument(f"--{name}", type=Path, metavar="BINARY", help="use this one instead of building it")
    options = parser.parse_args(arguments)
    if unknown := set(options.only or []) - set(names):
        parser.error(f"no scenario {', '.join(sorted(unknown))}: there are {', '.join(names)}")
    return options


def _told(argument: str) -> str:
    """An argument as others can use it: whoever reads the figures has the builds elsewhere."""
    return re.sub("[^=]*/.*", "BINARY", argument)


def measured(scenario: Scenario, options: argparse.Namespace, arguments: list[str]) -> Results:
    """All rounds of a scenario."""
    world.say(f"{scenario.name}: {scenario.title}")
    first, *others = scenario.rows
    rows = [first] + [row for row in others if not options.rows or row.server.kind in options.rows]
    found = Results(
        scenario=scenario.name,
        date=datetime.date.today().isoformat(),
        commit=machine.commit(),
        versions=servers.versions({row.server.kind for row in rows}),
        command=shlex.join(["benches/run", *map(_told, arguments)]),
        seconds=options.seconds * scenario.times,
    )
    found.missing.update({row.name: "not asked for" for row in others if row not in rows})
    for row in rows:
        try:
            servers.available(row.server)
        except NotRun as reason:
            world.say(f"  {row.name}: not run: {reason}")
            found.missing[row.name] = str(reason)
    for number in range(1, options.rounds + 1):
        due = [row for row in rows if row.name not in found.missing]
        groups = [[row] for row in due]
        if scenario.together and due:
            # Who begins first bears a little more of what the kernel does for all: they take turns in that.
            first = number % len(due)
            groups = [due[first:] + due[:first]]
        for group in groups:
            for row, figures in taken(group, scenario, found.seconds):
                if isinstance(figures, Failed):
                    print(f"{row.name} failed: {figures}", file=sys.stderr)
                    found.missing[row.name] = f"failed: {str(figures).splitlines()[0][:200]}"
                    continue
                found.rounds.setdefault(row.name, []).append(figures)
                world.say(f"  round {number}, {row.name}: {said(figures)}")
    return found


def taken(rows: list, scenario: Scenario, seconds: float) -> list:
    """Rows measured at the same time, each with its figures, or why it has none."""

    def take(place):
        # One after the other, so that no two servers are given the same free port.
        time.sleep(place)
        try:
            figures = scenario.take(rows[place], scenario, seconds)
        except Failed as reason:
            return rows[place], reason
        # Of several at once, none is told from other processes.
        return rows[place], figures if len(rows) == 1 else figures | {"others": 0}

    try:
        with ThreadPoolExecutor(len(rows)) as pool:
            return list(pool.map(take, range(len(rows))))
    finally:
        kill_all()


def said(figures: dict) -> str:
    """A round's figures in a line."""
    parts = [f"{figures['cpu']:.2f} CPU s per million spans", f"{figures['rate'] / 1000:.0f} k spans/s",
             f"peak {figures['peak'] / (1 << 30):.2f} GiB", f"exported {figures['exported_bytes'] >> 20} MiB"]
    for name, unit in (("open", "open sessions"), ("rss_per_held", "RSS per held byte"), ("delay_median", "s delay")):
        if name in figures:
            parts.append(f"{figures[name]:.2f} {unit}")
    if figures["others"] > report.QUIET:
        parts.append(f"DISTURBED: other processes used {figures['others']:.1f} cores")
    if figures["refused_requests"]:
        parts.append(f"{figures['refused_requests']} REQUESTS REFUSED")
    return ", ".join(parts)
