"""What is measured: servers side by side under one load, on the same cores, and what has to come out."""

from dataclasses import dataclass, field
from typing import Callable

from bench import measure
from bench.load import Load
from bench.results import Results
from bench.servers import Server


@dataclass(frozen=True)
class Row:
    """A server under a load. The first row of a scenario is what the others are compared with."""

    server: Server
    load: Load
    # What tells it from other rows of the same server.
    label: str = ""
    # Seconds that are sent before it is measured, where the hold and a little do not suffice.
    warmup: float = 0

    @property
    def name(self) -> str:
        return self.label or self.server.name


@dataclass(frozen=True)
class Goal:
    """A figure that has to be reached: `least` or `most`."""

    text: str
    figure: Callable[[Results], float | None]
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Scenario:
    """Rows that are measured in turn, round by round."""

    name: str
    title: str
    rows: list[Row]
    # What the table shows of each row, see `report`.
    columns: list[str]
    goals: list[Goal] = field(default_factory=list)
    # The cores of the server and of the load generator.
    server_cores: str = "0"
    load_cores: str = "1"
    take: Callable = measure.under_load
    # All rows of a round at once, on the same cores: what disturbs one disturbs all.
    together: bool = False
    # How many times as long as other scenarios it is measured.
    times: int = 1


def less(row: str, than: str, times: float) -> Goal:
    return Goal(f"times less CPU than {than}", lambda found: found.median_ratio(than, row, "cpu"), least=times)


def over(row: str, other: str, most: float, figure: str = "cpu", text: str = "CPU") -> Goal:
    return Goal(f"{text} of {row} over that of {other}", lambda found: found.median_ratio(row, other, figure), most=most)


def _against(load: Load, *servers: Server) -> list[Row]:
    return [Row(server, load) for server in servers]


# Every session is read: what they are compared with.
SIEVE, SIEVE_30 = Server("tailsieve", 5), Server("tailsieve", 30)
SIEVE_ERRORS, SIEVE_MORE = Server("tailsieve", 5, "errors"), Server("tailsieve", 5, more=50)
SIEVE_NOTHING, SIEVE_AGENTS = Server("tailsieve", 5, "nothing"), Server("tailsieve", 5, "agents")
DECODE, ROTEL = Server("decode"), Server("rotel")
OTELCOL, OTELCOL_30 = Server("otelcol", 5), Server("otelcol", 30)

_BUSY = ["cpu", "times_cpu", "rate", "peak"]
_PACED_30 = Load(rate=30_000)
_LARGE, _GZIP, _ZSTD = Load(), Load(compression="gzip"), Load(compression="zstd")
_SMALL = Load(spans=32, in_flight=8)
# Held for 30 s, 100,000 sessions of 40 spans.
_MANY = Load(rate=133_333)
_FROM_SDK = Row(SIEVE, _LARGE, "an SDK's requests")
_FROM_COLLECTOR = Row(SIEVE, Load(form="collector"), "a collector's requests")
# A session of four spans, one in each of four requests that are as far apart as there are sessions.
_NAMES_OF_OPEN = {1_024: "1 k sessions", 102_400: "100 k sessions", 1_024_000: "1 M sessions"}


def _sparse(sessions: int) -> Row:
    load = Load(rate=100_000, open=sessions, session=4, connections=2, in_flight=4)
    # Until those that were open first have long ended.
    return Row(Server("tailsieve", 0.01), load, _NAMES_OF_OPEN[sessions], 5 + 6 * sessions / load.rate)


ALL = [
    Scenario(
        "large", "512 spans a request, one core, as fast as it goes",
        _against(_LARGE, SIEVE, SIEVE_ERRORS, DECODE, ROTEL, OTELCOL), _BUSY,
        [over(SIEVE.name, SIEVE_ERRORS.name, 1.35), less(SIEVE.name, DECODE.name, 1.7), less(SIEVE.name, ROTEL.name, 3),
         less(SIEVE.name, OTELCOL.name, 6)],
    ),
    Scenario(
        "collector", "one resource or forty a request, 512 spans a request; tailsieve, 5 s hold, everything read",
        [_FROM_SDK, _FROM_COLLECTOR], _BUSY,
        [over(_FROM_COLLECTOR.name, _FROM_SDK.name, 1.3)],
    ),
    Scenario(
        "paced", "30,000 spans/s held for 30 s, two cores",
        _against(_PACED_30, SIEVE_30, OTELCOL_30), ["cpu", "times_cpu", "rate", "peak", "times_peak"],
        [less(SIEVE_30.name, OTELCOL_30.name, 6), over(SIEVE_30.name, OTELCOL_30.name, 0.45, "peak", "peak RSS")],
        # A collector that holds gigabytes collects its garbage once in half a minute.
        server_cores="0,1", load_cores="0,1", times=6,
    ),
    Scenario(
        "gzip", "512 spans a request, gzip, one core, as fast as it goes",
        _against(_GZIP, SIEVE, DECODE, ROTEL), _BUSY,
        [less(SIEVE.name, ROTEL.name, 2)],
    ),
    Scenario(
        "zstd", "512 spans a request, zstd, one core, as fast as it goes",
        _against(_ZSTD, SIEVE, DECODE), _BUSY,
    ),
    Scenario(
        "small", "32 spans a request, 32 requests under way, one core, as fast as it goes",
        _against(_SMALL, SIEVE, DECODE, ROTEL), _BUSY,
    ),
    Scenario(
        "rules", "fifty rules more, none of which matches, 512 spans a request, one core, as fast as it goes",
        _against(_LARGE, SIEVE, SIEVE_MORE), _BUSY,
    ),
    Scenario(
        "understanding-recorded",
        "reading what real instrumentations sent, all at once on one core, 10,000 spans/s each; both keep the same 1 %",
        _against(Load(recorded=True, rate=10_000), SIEVE_NOTHING, SIEVE_AGENTS), _BUSY,
        [over(SIEVE_AGENTS.name, SIEVE_NOTHING.name, 1.3)], together=True,
    ),
    Scenario(
        "hold", "held for 5 s and for 30 s, 100,000 spans/s, one core",
        _against(Load(rate=100_000), SIEVE, SIEVE_30), _BUSY,
    ),
    Scenario(
        "memory", "memory of 100,000 open sessions of 20-60 spans, held for 30 s at 133,333 spans/s, one core",
        [Row(SIEVE_30, _MANY, warmup=45)], ["open", "held_spans", "held", "rss", "rss_per_held", "cpu"],
        [Goal("RSS over wire bytes of held spans", lambda found: found.median(SIEVE_30.name, "rss_per_held"), most=1.25)],
        take=measure.holding,
    ),
    Scenario(
        "sessions", "many open sessions of four spans far apart, 512 sessions a request, 100,000 spans/s, one core",
        [_sparse(sessions) for sessions in _NAMES_OF_OPEN], ["open", "cpu", "times_cpu", "peak"],
        [over(_NAMES_OF_OPEN[1_024_000], _NAMES_OF_OPEN[1_024], 1.3)],
        take=measure.holding,
    ),
    Scenario(
        "delay", "from the last span of a session to its arrival at the backend, less the hold of 5 s; 30,000 spans/s",
        [Row(SIEVE, Load(rate=30_000, delays=True), warmup=1)], ["delay_median", "delay_p99", "delay_longest", "cpu"],
        server_cores="0,1", load_cores="0,1", take=measure.delays,
    ),
]
