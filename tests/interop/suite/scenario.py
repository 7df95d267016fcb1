"""What a scenario is, and how it may end."""

from dataclasses import dataclass
from typing import Callable


class Failed(Exception):
    """The scenario ran and something was not as it has to be."""


class NotRun(Exception):
    """The peer could not be had. Never a pass."""


@dataclass(frozen=True)
class Scenario:
    peer: str
    name: str
    required: bool
    run: Callable[[], str]


ALL: list[Scenario] = []


def scenario(peer: str, name: str, required: bool = True):
    """Registers a function: it returns a line that says what was seen, or raises Failed or NotRun."""

    def register(function):
        ALL.append(Scenario(peer, name, required, function))
        return function

    return register


def check(condition, message: str):
    """Fails the scenario unless `condition` holds."""
    if not condition:
        raise Failed(message)


def equal(got, wanted, what: str):
    """Fails the scenario unless the two are equal."""
    if got != wanted:
        raise Failed(f"{what}: got {got!r}, wanted {wanted!r}")
