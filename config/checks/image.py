"""Owns the checks of the container image: the Dockerfile, and what the build may see."""

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path

from config.checks.report import find_tool, run_tool

# Top-level packages that no image needs.
NOT_SHIPPED = frozenset({"bench", "docs", "docker", "requirements"})
NEEDED_BY_BUILD = (
    "manage.py",
    "docker/generate_env.py",
    "docker/healthcheck.py",
    "docker/nginx",
    "docker/production.env.example",
)
_PINNED = re.compile(r":(?:[a-z]+-)?v?\d+\.\d+(\.\d+)?([-.][\w.-]+)?$|@sha256:[0-9a-f]{64}$")
_BASE_IMAGE = re.compile(r"^ARG\s+\w*IMAGE=(\S+)|^FROM\s+(\S+)", re.MULTILINE)
# The whole multi-line instruction: a backslash continues the line.
_INSTRUCTION = re.compile(r"^(CMD|ENTRYPOINT)\s+((?:.*\\\n)*.*)$", re.MULTILINE)


def is_pinned(image: str) -> bool:
    """Whether the image names one release (at least major and minor) or one digest."""
    return bool(_PINNED.search(image))


def hadolint(root: Path) -> Iterator[str]:
    """Yield what hadolint finds in the Dockerfile."""
    result = run_tool([find_tool("hadolint"), "--no-color", root / "docker" / "Dockerfile"])
    if result.code:
        yield from result.output.splitlines()


def dockerfile_rules(root: Path) -> Iterator[str]:
    """Yield breaches of our rules: pinned bases, hashes, no root, exec form, a health check."""
    text = (root / "docker" / "Dockerfile").read_text(encoding="utf-8")
    stages = set(re.findall(r"^FROM\s+\S+\s+AS\s+(\S+)", text, re.MULTILINE))
    for match in _BASE_IMAGE.finditer(text):
        image = match[1] or match[2]
        if not image.startswith("${") and image not in stages and not is_pinned(image):
            yield f"base image {image} is not pinned to a release"
    if "--require-hashes" not in text:
        yield "packages are installed without --require-hashes"
    for stage in ("app", "proxy"):
        yield from _stage_rules(stage, text)
    for match in _INSTRUCTION.finditer(text):
        if not match[2].lstrip().startswith("["):
            yield f"{match[1]} is not in exec form: a shell would swallow the signals"


def _stage_rules(stage: str, text: str) -> Iterator[str]:
    parts = re.split(r"^FROM\s+\S+\s+AS\s+", text, flags=re.MULTILINE)
    body = next((part for part in parts if part.split(maxsplit=1)[:1] == [stage]), None)
    if body is None:
        yield f"there is no stage {stage!r}"
        return
    users = re.findall(r"^USER\s+(\S+)", body, re.MULTILINE)
    if not users or users[-1].split(":")[0] in {"0", "root"}:
        yield f"stage {stage} runs as root"
    if "HEALTHCHECK" not in body:
        yield f"stage {stage} has no health check"


def build_context(root: Path) -> Iterator[str]:
    """Yield top-level packages the image would miss, and files named in the allow-list that do not exist."""
    lines = [line.strip() for line in (root / ".dockerignore").read_text(encoding="utf-8").splitlines()]
    rules = [line for line in lines if line and not line.startswith("#")]
    if not rules or rules[0] != "*":
        yield ".dockerignore does not begin by leaving everything out"
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    packages = {path.parent.name for path in root.glob("*/__init__.py")}
    for package in sorted(packages - NOT_SHIPPED - allowed):
        yield f"package {package}/ is not let into the image by .dockerignore"
    for name in NEEDED_BY_BUILD:
        if name not in allowed:
            yield f"{name} is not let into the image by .dockerignore"
    for secret in (".env", ".data", ".git", "docker/tls"):
        if any(fnmatch.fnmatch(secret, pattern) for pattern in allowed):
            yield f"{secret} would be sent to the image build"
