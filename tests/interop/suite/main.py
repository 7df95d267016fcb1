"""Builds tailsieve, runs the scenarios one after the other, and prints what came of each."""

import argparse
import importlib
import pkgutil
import shutil
import tempfile
import time
import traceback
from pathlib import Path

import peers
from suite import cache, tailsieve, world
from suite.process import kill_all
from suite.scenario import ALL, Failed, NotRun, Scenario

PASSED, FAILED, NOT_RUN = "passed", "FAILED", "not run"


def main(arguments: list[str]) -> int:
    """The exit code: 0 when every scenario passed, but for those of peers that need not be there."""
    options = parse(arguments)
    world.long_mode, cache.offline = options.long, options.offline
    for module in pkgutil.iter_modules(peers.__path__):
        importlib.import_module(f"peers.{module.name}")
    chosen = [one for one in ALL if not options.only or any(part in f"{one.peer} {one.name}" for part in options.only)]
    if options.list:
        for one in chosen:
            print(f"{one.peer}: {one.name}")
        return 0
    world.work = Path(tempfile.mkdtemp(prefix="tailsieve-interop-"))
    try:
        tailsieve.build()
        results = [(one, *attempt(one)) for one in chosen]
    finally:
        kill_all()
    wrong = [one for one, result, _ in results if result == FAILED or (result == NOT_RUN and one.required)]
    table(results)
    if wrong or not results or options.keep:
        print(f"logs and files of this run: {world.work}")
    else:
        shutil.rmtree(world.work, ignore_errors=True)
    counts = {kind: sum(result == kind for _, result, _ in results) for kind in (PASSED, FAILED, NOT_RUN)}
    print(f"{counts[PASSED]} passed, {counts[FAILED]} failed, {counts[NOT_RUN]} not run")
    return 0 if results and not wrong else 1


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run", description="Real senders and backends against the real tailsieve.")
    parser.add_argument("only", nargs="*", help="run only scenarios whose peer and name contain one of these")
    parser.add_argument("--list", action="store_true", help="name the scenarios and run none")
    parser.add_argument("--long", action="store_true", help="outages of a minute, and more traffic")
    parser.add_argument("--offline", action="store_true", help="fetch nothing: use what is in the cache")
    parser.add_argument("--keep", action="store_true", help="keep logs and files of the run even when all is well")
    return parser.parse_args(arguments)


def attempt(one: Scenario) -> tuple[str, str]:
    """Runs a scenario; nothing of it runs on afterwards."""
    begun = time.monotonic()
    world.say(f"{one.peer}: {one.name}")
    try:
        result, detail = PASSED, one.run() or ""
    except NotRun as reason:
        result, detail = NOT_RUN, str(reason)
    except Failed as reason:
        result, detail = FAILED, str(reason)
    except Exception:
        result, detail = FAILED, traceback.format_exc()
    finally:
        kill_all()
    world.say(f"  {result} in {time.monotonic() - begun:.1f} s" + (f": {detail}" if detail else ""))
    return result, detail


def table(results: list[tuple[Scenario, str, str]]):
    """Peer, scenario, result; and for what was not run, why."""
    rows = [("peer", "scenario", "result")]
    for one, result, detail in results:
        why = f": {detail.splitlines()[0]}" if result != PASSED and detail else ""
        optional = " (not required)" if result == NOT_RUN and not one.required else ""
        rows.append((one.peer, one.name, f"{result}{optional}{why}"))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    print()
    for number, row in enumerate(rows):
        print(f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}")
        if number == 0:
            print(f"{'-' * widths[0]}  {'-' * widths[1]}  {'-' * 7}")
    print()
