"""Checks that the locked requirements are in step: `python -m config.checks.requirements`. Offline.

Owns the comparison of requirements/*.in with requirements/*.txt: whoever adds, removes or tightens a line
without `make lock` fails here. Refuses to resolve anything: what a fresh resolution would choose is no
question of this check.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from config.checks.lockfile import Declared, Pin, read_declared, read_lock
from config.checks.report import Check, run_checks

ROOT = Path(__file__).resolve().parents[2]
_REASON = re.compile(r"\s#\s*\S")


def pairs(folder: Path) -> Iterator[str]:
    """Yield lists without a lock and locks without a list."""
    lists, locks = {path.stem for path in folder.glob("*.in")}, {path.stem for path in folder.glob("*.txt")}
    yield from (f"{name}.in has no {name}.txt: run `make lock`" for name in sorted(lists - locks))
    yield from (f"{name}.txt has no {name}.in" for name in sorted(locks - lists))
    if not lists:
        yield f"there is no list in {folder.name}/"


def reasons(folder: Path) -> Iterator[str]:
    """Yield lines of the lists that do not say why they are there, or cannot be read."""
    for path in sorted(folder.glob("*.in")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            text = line.strip()
            if not text or text.startswith(("#", "-r ")):
                continue
            if not _REASON.search(line):
                yield f"{path.name}:{number}: no reason after {text!r}"
            try:
                Requirement(text.split(" #", 1)[0].strip())
            except InvalidRequirement as error:
                yield f"{path.name}:{number}: {error}"


def pinned_as_declared(folder: Path, name: str) -> Iterator[str]:
    """Yield what the list asks for and the lock lacks, and what the lock ascribes to the list wrongly."""
    lock, declared = read_lock(folder / f"{name}.txt"), read_declared(folder / f"{name}.in")
    for entry in declared:
        pin = lock.get(entry.name)
        if pin is None:
            yield f"{entry.name} ({entry.source}) is not locked"
            continue
        if not entry.requirement.specifier.contains(pin.version, prereleases=True):
            yield f"{entry.name}=={pin.version} does not satisfy {entry.requirement} ({entry.source})"
        if f"-r requirements/{entry.source}" not in pin.via:
            yield f"{entry.name} is locked, but not because of {entry.source}"
    asked = {(entry.name, f"-r requirements/{entry.source}") for entry in declared}
    for pin in lock.values():
        for reason in sorted(pin.via):
            if reason.startswith("-r ") and (pin.name, reason) not in asked:
                yield f"{pin.name} is locked for {reason.removeprefix('-r ')}, which does not ask for it"


def extras_locked(declared: list[Declared], lock: Mapping[str, Pin]) -> Iterator[str]:
    """Yield what a declared extra needs and the lock lacks.

    A lock does not record extras, so this asks the metadata of the installed distribution, provided that its
    version is the locked one; otherwise nothing can be said.
    """
    for entry in declared:
        pin = lock.get(entry.name)
        for extra in sorted(entry.requirement.extras) if pin else ():
            for needed in _needed_by(entry.name, extra, pin.version if pin else ""):
                if needed not in lock:
                    yield f"{entry.name}[{extra}] ({entry.source}) needs {needed}, which is not locked"


def _needed_by(name: str, extra: str, version: str) -> Iterator[str]:
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return
    if distribution.version != version:
        return
    for text in distribution.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)


def extras(folder: Path, name: str) -> Iterator[str]:
    """Yield what the extras of one list need and its lock lacks."""
    yield from extras_locked(read_declared(folder / f"{name}.in"), read_lock(folder / f"{name}.txt"))


def hashed(folder: Path, name: str) -> Iterator[str]:
    """Yield pins without a hash, and lines by which a lock would depend on one registry."""
    path = folder / f"{name}.txt"
    yield from (f"{pin.name} has no hash" for pin in read_lock(path).values() if not pin.hashes)
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("-") or "://" in line:
            yield f"unexpected line: {line}"


def needed(folder: Path, name: str) -> Iterator[str]:
    """Yield pins that nothing needs: not reachable from a line of the lists along the `# via` comments."""
    lock = read_lock(folder / f"{name}.txt")
    for pin in lock.values():
        for reason in sorted(pin.via):
            if not reason.startswith("-r ") and reason not in lock:
                yield f"{pin.name} is there for {reason}, which is not"
    reached = {pin.name for pin in lock.values() if any(reason.startswith("-r ") for reason in pin.via)}
    waiting = lock.keys() - reached
    while found := {name for name in waiting if lock[name].via & reached}:
        reached |= found
        waiting -= found
    yield from (f"{name} is needed by nothing" for name in sorted(waiting))


def identical(folder: Path) -> Iterator[str]:
    """Yield packages that two locks pin differently: what is tested would not be what runs."""
    seen: dict[str, tuple[str, Pin]] = {}
    for path in sorted(folder.glob("*.txt")):
        for pin in read_lock(path).values():
            first, other = seen.setdefault(pin.name, (path.name, pin))
            if (other.version, other.hashes) != (pin.version, pin.hashes):
                yield f"{pin.name}: {other.version} in {first}, {pin.version} in {path.name}, or other hashes"


def requirement_checks(folder: Path) -> dict[str, Check]:
    """Return the checks by the line that names them in the output."""
    checks: dict[str, Check] = {
        "requirements: a lock for each list": partial(pairs, folder),
        "requirements: a reason for each line": partial(reasons, folder),
        "requirements: the same pins everywhere": partial(identical, folder),
    }
    for path in sorted(folder.glob("*.in")):
        name = path.stem
        if not path.with_suffix(".txt").exists():
            continue
        checks[f"{name}.txt: what {name}.in asks for"] = partial(pinned_as_declared, folder, name)
        checks[f"{name}.txt: what the extras need"] = partial(extras, folder, name)
        checks[f"{name}.txt: hashes"] = partial(hashed, folder, name)
        checks[f"{name}.txt: nothing unneeded"] = partial(needed, folder, name)
    return checks


if __name__ == "__main__":
    sys.exit(run_checks(requirement_checks(ROOT / "requirements")))
