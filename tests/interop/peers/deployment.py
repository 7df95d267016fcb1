"""The files of `deploy/` that need a cluster or an image builder to run: checked as far as it goes without."""

import json
import os
import re
import shutil
from pathlib import Path

from peers.python_sdk import python, run_python
from suite import cache, tailsieve, world
from suite.process import run
from suite.scenario import Failed, check, equal, scenario
from suite.tailsieve import Tailsieve

_KUBERNETES = world.DEPLOY / "kubernetes"
_CHECKER = world.PROGRAMS / "kubernetes"
_KUBERNETES_VERSION = "1.34"


def effective(*files: Path, **env: str) -> str:
    """The configuration that these files come to, as tailsieve prints it; an error fails the scenario."""
    return run("tailsieve check", [tailsieve.binary, "check", *files], world.environment(**env), seconds=30)


def seconds(text: str, key: str) -> float:
    """A duration in printed configuration, in seconds."""
    found = re.search(rf"^\s*{key}: \"?([0-9.]+)(ms|s|m)\"?$", text, re.MULTILINE)
    check(found, f"{key} is not in the effective configuration")
    return float(found[1]) * {"ms": 0.001, "s": 1, "m": 60}[found[2]]


@scenario("deploy/", "every exporter's configuration checks, with defaults")
def configurations() -> str:
    files = sorted((world.DEPLOY / "exporters").glob("*.yaml"))
    for file in files:
        effective(world.DEPLOY / "tailsieve.yaml", file)
    return ", ".join(file.stem for file in files)


@scenario("deploy/", "probes answer as the manifests ask")
def probes() -> str:
    with Tailsieve("file") as sieve:
        for path in ("/healthz", "/readyz"):
            equal(sieve.health(path), 200, path)
    return "/healthz and /readyz"


@scenario("deploy/kubernetes", "schemas, config, ports, probes, selectors")
def kubernetes() -> str:
    installed = python("kubernetes", _CHECKER / "requirements.txt")
    files = [str(file) for file in sorted(_KUBERNETES.glob("*.yaml"))]
    output = run_python("manifests", installed, _CHECKER / "manifests.py", _KUBERNETES_VERSION, *files)
    manifests = json.loads(next(line for line in output.splitlines() if line.startswith("manifests "))[10:])
    kinds = {(one["kind"], one["metadata"]["name"]): one for one in manifests}
    workload = kinds["StatefulSet", "tailsieve"]["spec"]
    pod = workload["template"]["spec"]
    (container,) = pod["containers"]
    env = {variable["name"]: variable["value"] for variable in container["env"]}

    # The configuration inside is the one that stands beside, and is right with the container's environment.
    data = kinds["ConfigMap", "tailsieve"]["data"]
    equal(data["tailsieve.yaml"], (world.DEPLOY / "tailsieve.yaml").read_text(), "ConfigMap, tailsieve.yaml")
    equal(data["exporter.yaml"], (world.DEPLOY / "exporters" / "jaeger.yaml").read_text(), "ConfigMap, exporter.yaml")
    inside = world.work / "configmap"
    inside.mkdir(exist_ok=True)
    for name, text in data.items():
        (inside / name).write_text(text)
    named = [argument.removeprefix("/config/") for argument in container["args"] if argument.startswith("/config/")]
    equal(sorted(named), sorted(data), "files that the container is given")
    printed = effective(*(inside / name for name in named), **env)

    # Ports, probes and the time to stop agree with it.
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    listening = {int(port) for port in re.findall(r"0\.0\.0\.0:(\d+)", printed)}
    equal(set(ports.values()), listening, "container ports, against what is listened on")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        get = container[probe]["httpGet"]
        equal(f"0.0.0.0:{ports[get['port']]}", env["TAILSIEVE_HEALTH"], f"{probe}: port")
        equal(get["path"], "/healthz" if probe == "livenessProbe" else "/readyz", f"{probe}: path")
    shutdown = seconds(printed, "shutdown_timeout")
    check(pod["terminationGracePeriodSeconds"] > shutdown, "the grace period is no longer than shutdown_timeout")

    # Everything that selects pods selects these, and every named port is one of theirs.
    labels = workload["template"]["metadata"]["labels"]
    equal(workload["selector"]["matchLabels"], labels, "selector of the StatefulSet")
    budget = kinds["PodDisruptionBudget", "tailsieve"]["spec"]
    equal(budget["selector"]["matchLabels"], labels, "selector of the budget")
    services = [one for one in manifests if one["kind"] == "Service"]
    equal(len(services), 2, "Services")
    for service in services:
        equal(service["spec"]["selector"], labels, f"selector of {service['metadata']['name']}")
        for port in service["spec"]["ports"]:
            equal(ports.get(port["targetPort"]), port["port"], f"{service['metadata']['name']}: {port['name']}")
    check(("Service", workload["serviceName"]) in kinds, f"there is no Service {workload['serviceName']}")

    # It runs without rights.
    check(pod["securityContext"]["runAsNonRoot"], "the pod may run as root")
    check(container["securityContext"]["readOnlyRootFilesystem"], "the container may write to its image")
    check(not container["securityContext"]["allowPrivilegeEscalation"], "the container may gain rights")
    listed = re.findall(r"^  - (\S+)$", (_KUBERNETES / "kustomization.yaml").read_text(), re.MULTILINE)
    present = [file.name for file in _KUBERNETES.glob("*.yaml") if file.name != "kustomization.yaml"]
    equal(sorted(listed), sorted(present), "resources of the kustomization")
    return f"{len(manifests)} manifests valid for Kubernetes {_KUBERNETES_VERSION}"


@scenario("deploy/systemd", "systemd-analyze verify", required=False)
def systemd() -> str:
    analyze = cache.tool("systemd-analyze")
    text = (world.DEPLOY / "systemd" / "tailsieve.service").read_text()
    # It looks for the binary, which is not installed here.
    unit = world.work / "tailsieve.service"
    unit.write_text(text.replace("/usr/bin/tailsieve", str(tailsieve.binary)))
    said = run("systemd-analyze", [analyze, "verify", "--man=no", "--recursive-errors=no", unit], seconds=60)
    # What it does not know it warns of, with exit code 0.
    about_us = [line for line in said.splitlines() if "tailsieve.service" in line]
    check(not about_us, f"systemd-analyze: {' '.join(about_us)}")
    printed = effective(world.DEPLOY / "tailsieve.yaml", world.DEPLOY / "exporters" / "jaeger.yaml")
    stop = re.search(r"^TimeoutStopSec=(\d+)s$", text, re.MULTILINE)
    longer = stop and float(stop[1]) > seconds(printed, "shutdown_timeout")
    check(longer, "TimeoutStopSec is no longer than shutdown_timeout")
    return "no complaint"


@scenario("deploy/Dockerfile", "stages, sources, user, ports, command")
def dockerfile() -> str:
    text = (world.DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    words = [(word, rest.split()) for word, rest in lines]
    stages = [rest for word, rest in words if word == "FROM"]
    equal(len(stages), 2, "stages")
    check(all(":" in image[0] and not image[0].endswith(":latest") for image in stages), "an image has no version")
    (user,) = [rest[0] for word, rest in words if word == "USER"]
    check(not user.startswith(("0", "root")), "the image runs as root")

    # What is copied is there, is not ignored, and is enough for cargo and the compiler.
    context = world.work / "context"
    shutil.rmtree(context, ignore_errors=True)
    ignore = (world.DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = [line[1:] for line in ignore if line.startswith("!")]
    for word, rest in words:
        if word == "COPY" and not rest[0].startswith("--from"):
            for source in rest[:-1]:
                check((world.ROOT / source).exists(), f"COPY {source}: there is no such thing")
                check(source in allowed, f"COPY {source}: is ignored by Dockerfile.dockerignore")
                put(world.ROOT / source, context / source)
    metadata = ["cargo", "metadata", "--offline", "--no-deps", "--format-version", "1"]
    run("cargo metadata", metadata, {**os.environ}, context)
    for source in (context / "src").rglob("*.rs"):
        for included in re.findall(r'include_(?:str|bytes)!\(\s*"([^"]+)"', source.read_text()):
            there = (source.parent / included).is_file()
            check(there, f"{source.relative_to(context)} includes {included}, which is not copied")

    # It listens where it says.
    settings = dict(pair.split("=") for word, rest in words if word == "ENV" for pair in rest)
    exposed = {port for word, rest in words if word == "EXPOSE" for port in rest}
    equal(exposed, {address.rsplit(":")[-1] for address in settings.values()}, "EXPOSE, against the addresses in ENV")
    equal(next(rest for word, rest in words if word == "ENTRYPOINT"), ['["/usr/bin/tailsieve"]'], "ENTRYPOINT")
    command = json.loads(" ".join(next(rest for word, rest in words if word == "CMD")))
    files = [world.DEPLOY / part.removeprefix("/etc/tailsieve/") for part in command if part.startswith("/etc/")]
    printed = effective(*files, **settings)
    if missing := [port for port in exposed if f"0.0.0.0:{port}" not in printed]:
        raise Failed(f"not listened on: {missing}")
    return "no image was built: there is no builder to be had here"


def put(source: Path, target: Path):
    """Copies a file or a folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)
