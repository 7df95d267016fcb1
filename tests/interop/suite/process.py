"""Child processes: each in a group of its own, with its output in a file, and none of them outliving the suite."""

import atexit
import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

from suite import world
from suite.scenario import Failed

_running: list["Process"] = []
_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A running child."""

    def __init__(self, name: str, command: list, env: dict[str, str] | None = None, cwd: Path | None = None):
        self.name = name
        self.log = world.work / f"{world.slug(name)}-{len(list(world.work.iterdir()))}.log"
        with open(self.log, "wb") as out:
            self.child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=env if env is not None else world.environment(),
                cwd=cwd or world.work,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        _running.append(self)

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def alive(self) -> bool:
        return self.child.poll() is None

    def must_live(self):
        if not self.alive():
            raise Failed(f"{self.name} has ended with {self.child.returncode}: {self.output()[-1500:]}")

    def wait(self, seconds: float) -> int:
        """Its exit code, when it ends by itself in time."""
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"{self.name} did not end within {seconds:g} s: {self.output()[-1500:]}") from None

    def stop(self, seconds: float = 30) -> int:
        """Ends it in order, and returns its exit code."""
        if self.alive():
            self.child.send_signal(signal.SIGTERM)
        code = self.wait(seconds)
        self._bury()
        return code

    def kill(self):
        """Ends it and all that it started."""
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()
        self._bury()

    def _bury(self):
        if self in _running:
            _running.remove(self)


def run(name: str, command: list, env: dict[str, str] | None = None, cwd: Path | None = None, seconds=120) -> str:
    """Runs a program to its end and returns what it printed."""
    process = Process(name, command, env, cwd)
    code = process.wait(seconds)
    process._bury()
    if code != 0:
        raise Failed(f"{name} ended with {code}: {process.output()[-1500:]}")
    return process.output()


def run_slowly(name: str, command: list, log: Path, cwd: Path, env: dict[str, str]):
    """Runs a long step with a line of progress every half minute; raises CalledProcessError with the log's end."""
    begun = time.monotonic()
    with open(log, "ab") as out:
        child = subprocess.Popen(
            ["nice", "-n", "10", *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=env,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
    try:
        while True:
            try:
                code = child.wait(30)
                break
            except subprocess.TimeoutExpired:
                world.say(f"  {name}: {command[0]} has been at it for {time.monotonic() - begun:.0f} s")
                if time.monotonic() - begun > 1800:
                    raise
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise
    if code != 0:
        raise subprocess.CalledProcessError(code, list(map(str, command)), log.read_text(errors="replace")[-800:])


def kill_all():
    """Ends whatever still runs."""
    for process in list(_running):
        process.kill()


def _on_signal(number, _frame):
    raise SystemExit(128 + number)


atexit.register(kill_all)
signal.signal(signal.SIGTERM, _on_signal)
signal.signal(signal.SIGHUP, _on_signal)
