"""Peers in the cache: made once at their pinned versions, then used again.

A peer's folder is named after a hash of all that went into it, is made beside its place and moved there when it is
whole; so a run that was broken off leaves nothing that looks finished, and a changed recipe makes a new folder.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Callable

from suite import world
from suite.process import run_slowly
from suite.scenario import NotRun

offline = False


class Kitchen:
    """Where a peer is made: commands run in its folder, their output goes to a log in the cache."""

    def __init__(self, name: str, folder: Path, log: Path):
        self.name, self.folder, self.log = name, folder, log

    def run(self, *command, cwd: Path | None = None, **env: str):
        run_slowly(self.name, list(command), self.log, cwd or self.folder, {**os.environ, **env})


def peer(name: str, recipe: list[Path | str], make: Callable[[Kitchen], None]) -> Path:
    """The folder of a peer, made by `make` if it is not there. `recipe` is everything that decides what comes out.

    Raises NotRun when it cannot be made.
    """
    digest = hashlib.sha256()
    for part in recipe:
        data = part.read_bytes() if isinstance(part, Path) else part.encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    folder = world.cache_folder() / f"{name}-{digest.hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    if offline:
        raise NotRun(f"{name} is not in the cache, and --offline forbids to fetch it")
    partial = folder.with_name(f"{folder.name}.partial-{os.getpid()}")
    partial.mkdir(parents=True)
    log = world.cache_folder() / f"{name}.log"
    log.unlink(missing_ok=True)
    world.say(f"fetching {name} into {folder}")
    try:
        make(Kitchen(name, partial, log))
        try:
            partial.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "output", None) or str(error)
        last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "")
        raise NotRun(f"cannot be fetched: {last[:200]} (log: {log})") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    world.say(f"fetched {name}")
    return folder


def tool(name: str) -> str:
    """The path of a program that must be on this machine. Raises NotRun when it is not."""
    found = shutil.which(name)
    if not found:
        raise NotRun(f"there is no {name} on this machine")
    return found


def go_proxy() -> str:
    """The module proxies of this machine; none of them `direct`, so that a missing module is an error at once."""
    named = subprocess.run(["go", "env", "GOPROXY"], capture_output=True, text=True, check=True).stdout.strip()
    return ",".join(proxy for proxy in named.split(",") if proxy != "direct")
