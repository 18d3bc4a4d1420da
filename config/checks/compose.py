"""Owns the checks of the compose files: against the specification's schema, and our own rules.

Refuses to imitate the engine's merging of several files: each file is judged alone, an override only by what
it adds.
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml

from config.checks.image import is_pinned
from config.checks.report import find_tool, run_tool

BASE = "docker-compose.yml"
OVERRIDES = ("docker-compose.development.yml", "docker-compose.staging.yml")
SERVICES = frozenset({"nginx", "web", "realtime", "worker", "relay", "beat", "shipper", "postgres", "redis", "migrate"})
STORES = frozenset({"postgres", "redis"})
_INTERPOLATED = re.compile(r"(?<!\$)\$\{(\w+)")


def load(path: Path) -> dict[str, Any]:
    """Parse one compose file, merge keys resolved."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document if isinstance(document, dict) else {}


def schema(path: Path) -> Iterator[str]:
    """Yield where the file departs from the compose specification; the schema comes with the checker."""
    tool = find_tool("check-jsonschema")
    result = run_tool([tool, "--builtin-schema", "vendor.compose-spec", str(path)])
    if result.code:
        yield from result.output.splitlines()


def interpolated(path: Path) -> set[str]:
    """Return the names of the variables that compose fills into the file, comments left out."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name for line in lines if not line.lstrip().startswith("#") for name in _INTERPOLATED.findall(line)}


def application_environment(path: Path) -> set[str]:
    """Return the names of the variables that the file gives to processes of the application."""
    services = load(path).get("services", {})
    application = SERVICES - STORES - {"nginx"}
    return {name for key in application & services.keys() for name in services[key].get("environment", {})}


def base_rules(root: Path) -> Iterator[str]:
    """Yield breaches of our rules in the main file."""
    document = load(root / BASE)
    services: dict[str, dict[str, Any]] = document.get("services", {})
    yield from (f"service {name} is missing" for name in sorted(SERVICES - services.keys()))
    one_shot = {
        name
        for service in services.values()
        for name, link in _links(service).items()
        if link.get("condition") == "service_completed_successfully"
    }
    built = {service.get("image") for service in services.values() if "build" in service}
    for name, service in services.items():
        rules = [_running(service, once=name in one_shot), _image(service, built), _exposure(name, service)]
        rules.append(_dependencies(service, services.keys()))
        if name in SERVICES - STORES:
            rules.append(_confinement(service))
        yield from (f"{name}: {problem}" for rule in rules for problem in rule)
    yield from _topology(document)


def override_rules(root: Path, name: str) -> Iterator[str]:
    """Yield breaches in an override file: unknown services, unpinned images, ports open to others."""
    known = load(root / BASE).get("services", {})
    built = {_repository(service["image"]) for service in known.values() if "build" in service}
    for key, service in load(root / name).get("services", {}).items():
        if key not in known:
            yield f"{key}: no such service in {BASE}"
        image = service.get("image", "")
        if image and _repository(image) not in built and not is_pinned(image):
            yield f"{key}: image {image} is not pinned"
        for port in service.get("ports", []):
            # A developer's own machine may listen, to itself.
            if "development" not in name or not str(port).startswith("127.0.0.1:"):
                yield f"{key}: publishes {port}"


def _repository(image: str) -> str:
    return image.split(":", 1)[0]


def _links(service: dict[str, Any]) -> dict[str, dict[str, Any]]:
    links = service.get("depends_on", {})
    return links if isinstance(links, dict) else {name: {} for name in links}


def _running(service: dict[str, Any], *, once: bool) -> Iterator[str]:
    if not once and not service.get("healthcheck", {}).get("test"):
        yield "has no health check"
    restart = service.get("restart", "no")
    if once and restart != "no":
        yield "runs once, yet would be restarted"
    if not once and restart == "no":
        yield "is not restarted when it dies"
    if not service.get("logging", {}).get("options", {}).get("max-size"):
        yield "may fill the disk with its log (logging.options.max-size)"
    if not service.get("deploy", {}).get("resources", {}).get("limits", {}).get("memory"):
        yield "has no memory limit"
    if isinstance(service.get("command"), str):
        yield "its command is a string: a shell would swallow the signals"


def _image(service: dict[str, Any], built: set[Any]) -> Iterator[str]:
    image = service.get("image", "")
    if image not in built and not is_pinned(image):
        yield f"image {image or '(none)'} is neither built here nor pinned to a release"


def _exposure(name: str, service: dict[str, Any]) -> Iterator[str]:
    if service.get("ports") and name != "nginx":
        yield f"publishes {service['ports']}; only nginx may"
    if service.get("privileged") or "host" in (service.get("network_mode"), service.get("pid")):
        yield "is not confined to its container"
    if any("docker.sock" in str(volume) for volume in service.get("volumes", [])):
        yield "is given the engine's socket"


def _confinement(service: dict[str, Any]) -> Iterator[str]:
    if not service.get("read_only"):
        yield "its root file system is writable"
    if service.get("cap_drop") != ["ALL"]:
        yield "keeps capabilities (cap_drop)"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "may gain privileges (security_opt)"


def _dependencies(service: dict[str, Any], known: Collection[str]) -> Iterator[str]:
    for target, link in _links(service).items():
        if target not in known:
            yield f"waits for {target}, which does not exist"
        if link.get("condition", "service_started") == "service_started":
            yield f"waits for {target} only to be started, not to be healthy or done"


def _topology(document: dict[str, Any]) -> Iterator[str]:
    services, networks = document.get("services", {}), document.get("networks", {})
    for name in sorted(STORES & services.keys()):
        for network in services[name].get("networks", ["default"]):
            if not (networks.get(network) or {}).get("internal"):
                yield f"{name}: network {network} leads outside"
    mounts = {name: _volumes(service) for name, service in services.items()}
    for name in ("web", "realtime", "shipper"):
        if "spool" not in mounts.get(name, set()):
            yield f"{name}: does not share the volume of the request-log spool"
    declared = document.get("volumes", {}).keys()
    for name, used in mounts.items():
        yield from (f"{name}: volume {volume} is not declared" for volume in sorted(used - declared))


def _volumes(service: dict[str, Any]) -> set[str]:
    """Names of the named volumes: what stands before the first colon, unless it is a path or a variable."""
    sources = {str(volume).split(":", 1)[0] for volume in service.get("volumes", [])}
    return {source for source in sources if re.fullmatch(r"[a-z][a-z0-9_-]*", source)}
