"""The real tailsieve: built from this tree, run with the configuration of `deploy/`."""

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from suite import world
from suite.process import Process
from suite.scenario import Failed, equal

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

binary: Path = Path()


def build():
    """Builds the binary: in the release profile where that was built before, else in the debug profile."""
    global binary
    target = Path(os.environ.get("CARGO_TARGET_DIR") or world.ROOT / "target")
    release = (target / "release" / "tailsieve").is_file()
    world.say(f"building tailsieve ({'release' if release else 'debug'})")
    command = ["cargo", "build", "--locked", "--bin", "tailsieve", "--message-format", "json-render-diagnostics"]
    done = subprocess.run(command + (["--release"] if release else []), cwd=world.ROOT, stdout=subprocess.PIPE)
    if done.returncode != 0:
        raise SystemExit("tailsieve does not build")
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message.get("executable"):
            built = Path(message["executable"])
    # A copy, so that a build beside this run does not change what is tested.
    binary = world.work / "tailsieve"
    binary.write_bytes(built.read_bytes())
    binary.chmod(0o755)


class Tailsieve:
    """A running tailsieve. As a context manager it is stopped at the end, and must have left nothing behind."""

    def __init__(self, exporter: str, *more: Path, settle="500ms", idle="2s", **env: str):
        """`exporter` names a file of `deploy/exporters/`; `more` are configuration files laid over the others."""
        self.kept = world.work / f"kept-{len(list(world.work.iterdir()))}.jsonl"
        files = [world.DEPLOY / "tailsieve.yaml", world.DEPLOY / "exporters" / f"{exporter}.yaml", *more]
        settings = {
            "TAILSIEVE_GRPC": "127.0.0.1:0",
            "TAILSIEVE_HTTP": "127.0.0.1:0",
            "TAILSIEVE_HEALTH": "127.0.0.1:0",
            "TAILSIEVE_METRICS": "127.0.0.1:0",
            "TAILSIEVE_SETTLE": settle,
            "TAILSIEVE_IDLE_TIMEOUT": idle,
            "TAILSIEVE_ROUTINE": "0",
            "TAILSIEVE_FILE": str(self.kept),
        }
        arguments = [part for file in files for part in ("--config", file)]
        self.process = Process("tailsieve", [binary, "run", *arguments], world.environment(**settings | env))
        ready = world.wait_for(self._ready, "ready line of tailsieve", 30)
        listeners = ("grpc", "http", "metrics", "health")
        address = {key: re.search(r"127\.0\.0\.1:\d+", ready[key]).group() for key in listeners}
        self.grpc, self.http = address["grpc"], address["http"]
        self.metrics_url = f"http://{address['metrics']}/metrics"
        self.health_url = f"http://{address['health']}"

    def _ready(self) -> dict | None:
        self.process.must_live()
        for line in self.process.output().splitlines():
            if '"message":"ready"' in line:
                return json.loads(line)
        return None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.kill()
            return
        code = self.process.stop()
        equal(code, 0, f"exit code of tailsieve ({self.process.output()[-600:]})")
        if "panicked" in self.process.output():
            raise Failed(f"tailsieve panicked: {self.process.log}")

    def metrics(self) -> list[tuple[str, dict, float]]:
        """All samples of /metrics: name without prefix, labels, value."""
        self.process.must_live()
        with urllib.request.urlopen(self.metrics_url, timeout=10) as answer:
            text = answer.read().decode()
        samples = []
        for line in text.splitlines():
            if match := _SAMPLE.match(line):
                name = match[1].removeprefix("tailsieve_").removesuffix("_total")
                samples.append((name, dict(_LABEL.findall(match[2] or "")), float(match[3])))
        return samples

    def count(self, name: str, **labels: str) -> int:
        """The sum of the samples of that name with these labels."""
        rows = [value for sample, has, value in self.metrics() if sample == name and labels.items() <= has.items()]
        return int(sum(rows))

    def ledger(self) -> dict[str, int]:
        """The counts of the ledger, which must balance."""
        rows = {name: int(value) for name, labels, value in self.metrics() if not labels}
        parts = ("kept", "dropped", "held", "refused", "duplicate", "lost")
        found = {part: rows[f"ledger_{part}_spans"] for part in parts}
        equal(rows["ledger_received_spans"], sum(found.values()), f"ledger, received against {found}")
        return found | {"received": rows["ledger_received_spans"]}

    def verdicts(self) -> dict[tuple[str, str], int]:
        """Sessions judged, by rule and decision."""
        found: dict[tuple[str, str], int] = {}
        for name, labels, value in self.metrics():
            if name == "verdicts" and value:
                key = (labels["rule"], labels["decision"])
                found[key] = found.get(key, 0) + int(value)
        return found

    def settled(self, received: int, seconds: float = 60) -> dict[str, int]:
        """The ledger once that many spans came, all are judged and what is kept is sent."""

        def done():
            ledger = self.ledger()
            if ledger["received"] < received or ledger["held"]:
                return None
            queued = self.count("ledger_exporter_queued_spans")
            routed = self.count("ledger_exporter_routed_spans")
            return ledger if queued == 0 and routed == ledger["kept"] else None

        try:
            return world.wait_for(done, "verdict", seconds, 0.1)
        except Failed:
            raise Failed(f"not all judged and sent within {seconds:g} s: wanted {received}, {self.ledger()}") from None

    def health(self, path: str) -> int:
        """Status of a page of the health listener."""
        try:
            with urllib.request.urlopen(self.health_url + path, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code


