"""What was measured of a scenario, round by round, and what it comes to."""

import json
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Spread:
    """The median of the rounds, and the least and the most of them."""

    median: float
    least: float
    most: float


@dataclass
class Results:
    scenario: str
    date: str
    commit: str
    versions: str
    command: str
    seconds: float
    # Figures by row, one dictionary a round.
    rounds: dict[str, list[dict]] = field(default_factory=dict)
    # Rows that were not measured, and why.
    missing: dict[str, str] = field(default_factory=dict)

    def spread(self, row: str, figure: str) -> Spread | None:
        return _spread([measured[figure] for measured in self.rounds.get(row, [])])

    def median(self, row: str, figure: str) -> float | None:
        found = self.spread(row, figure)
        return found and found.median

    def ratio(self, row: str, to: str, figure: str) -> Spread | None:
        """Round by round, so that what disturbs a round disturbs both."""
        pairs = zip(self.rounds.get(row, []), self.rounds.get(to, []))
        return _spread([one[figure] / other[figure] for one, other in pairs if other[figure]])

    def median_ratio(self, row: str, to: str, figure: str) -> float | None:
        found = self.ratio(row, to, figure)
        return found and found.median

    def write(self, folder: Path):
        (folder / f"{self.scenario}.json").write_text(json.dumps(asdict(self), indent=1) + "\n")

    @staticmethod
    def read(folder: Path, scenario: str) -> "Results | None":
        file = folder / f"{scenario}.json"
        return Results(**json.loads(file.read_text())) if file.is_file() else None


def _spread(values: list[float]) -> Spread | None:
    return Spread(statistics.median(values), min(values), max(values)) if values else None
