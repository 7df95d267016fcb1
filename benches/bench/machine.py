"""What the figures were measured on."""

import os
import platform
import re
import subprocess
from pathlib import Path

from suite import world


def machine() -> str:
    """Processor, cores, memory, system and compiler, in a line."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", info)
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())[1]) / (1 << 20)
    virtual = " (virtual)" if " hypervisor " in info else ""
    compiler = subprocess.run(["rustc", "--version"], cwd=world.ROOT, capture_output=True, text=True).stdout.split()
    rust = f", Rust {compiler[1]}" if len(compiler) > 1 else ""
    name = model[1] if model else platform.machine()
    system = f"Linux {platform.release()}"
    return f"{name}{virtual}, {os.cpu_count()} cores, {memory:.0f} GiB, {system}{rust}"


def commit() -> str:
    """The tree's commit, and whether the tree differs from it in more than the table that is written here."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=world.ROOT, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    changed = git("status", "--porcelain", "--", ".", ":!benches/README.md")
    return (git("rev-parse", "--short", "HEAD") or "of unknown commit") + (" with changes" if changed else "")
