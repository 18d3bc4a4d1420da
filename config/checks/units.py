"""Owns the checks of the systemd units. Works on a copy in which the programs exist; installs nothing."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from config.checks.report import NotCheckedError, find_tool, run_tool

# Of 100, as systemd-analyze(1) counts: 0 is fully confined, an ordinary service has 96.
EXPOSURE_LIMIT = 20
_PROGRAMS = ("python", "granian", "uvicorn", "celery")
_OFFLINE_SECURITY_SINCE = 250


def _copy(root: Path, target: Path) -> list[Path]:
    """Copy units and make stand-ins for what they start; return the units, a template by one instance."""
    units, home = target / "units", target / "opt" / "atelier"
    shutil.copytree(root / "docker" / "systemd", units)
    (home / ".venv" / "bin").mkdir(parents=True)
    (home / "docker").mkdir()
    programs = [home / ".venv" / "bin" / name for name in _PROGRAMS]
    for program in [*programs, home / "docker" / "wait-until.sh"]:
        program.write_text("#!/bin/sh\n", encoding="utf-8")
        program.chmod(0o755)
    for path in [*units.glob("*.service"), *units.glob("*/*.conf")]:
        path.write_text(path.read_text(encoding="utf-8").replace("/opt/atelier", str(home)), encoding="utf-8")
    for template in units.glob("*@.service"):
        template.rename(template.with_name(template.name.replace("@", "@8000")))
    return sorted([*units.glob("*.service"), *units.glob("*.target")])


def verified(root: Path) -> Iterator[str]:
    """Yield what `systemd-analyze verify` says; unknown keys are only warnings to it, and problems here."""
    tool = find_tool("systemd-analyze")
    with tempfile.TemporaryDirectory(prefix="atelier-units-") as folder:
        units = _copy(root, Path(folder))
        result = run_tool([tool, "verify", "--man=no", *units])
        said = [line.replace(f"{folder}/units/", "") for line in result.output.splitlines()]
        yield from dict.fromkeys(line for line in said if "atelier" in line)
        if result.code and not said:
            yield f"systemd-analyze verify ended with {result.code}"


def confined(root: Path) -> Iterator[str]:
    """Yield services more exposed than the limit. Raises NotCheckedError where systemd cannot tell."""
    tool = find_tool("systemd-analyze")
    match = re.match(r"systemd (\d+)", run_tool([tool, "--version"]).output)
    if not match or int(match[1]) < _OFFLINE_SECURITY_SINCE:
        raise NotCheckedError(f"systemd before {_OFFLINE_SECURITY_SINCE} judges running services only")
    with tempfile.TemporaryDirectory(prefix="atelier-units-") as folder:
        for unit in _copy(root, Path(folder)):
            if unit.suffix != ".service":
                continue
            result = run_tool([tool, "security", "--offline=true", f"--threshold={EXPOSURE_LIMIT}", "--no-pager", unit])
            if result.code:
                yield f"{unit.name}: {result.output.splitlines()[-1] if result.output else 'no verdict'}"
