"""Known vulnerabilities in the locked requirements, asked of the public advisory database.

`make check` must also work offline: packages the database gives no answer about are counted as skipped,
loudly, and never fail the check. A vulnerability that is found does.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_SECONDS = 120


def main(requirements: str) -> int:
    """Audit one locked file; 1 when a known vulnerability was found."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [str(Path(sys.executable).parent / "pip-audit"), "--disable-pip", "--require-hashes"]
        command += [
            "--progress-spinner",
            "off",
            "--timeout",
            "10",
            "--format",
            "json",
            "--output",
            str(report),
        ]
        try:
            done = subprocess.run([*command, "-r", requirements], capture_output=True, check=False, timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            return _skipped(f"no answer in {_SECONDS} s")
        if not report.exists():
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
            return _skipped(lines[-1] if lines else f"pip-audit ended with {done.returncode}")
        return verdict(json.loads(report.read_text(encoding="utf-8"))["dependencies"])


def verdict(dependencies: list[dict[str, Any]]) -> int:
    """Say what was found; 1 when a vulnerability was."""
    audited = [entry for entry in dependencies if "skip_reason" not in entry]
    if not audited:
        return _skipped("it knows none of the packages; is this a private index?")
    found = [(entry["name"], entry["version"], flaw) for entry in audited for flaw in entry["vulns"]]
    for name, version, flaw in found:
        fixed = ", ".join(flaw["fix_versions"]) or "no version yet"
        sys.stdout.write(f"{name} {version}: {flaw['id']}, fixed in {fixed}\n")
    unknown = len(dependencies) - len(audited)
    sys.stdout.write(f"{len(audited)} packages audited, {len(found)} vulnerabilities, {unknown} packages SKIPPED\n")
    return 1 if found else 0


def _skipped(reason: str) -> int:
    sys.stdout.write(f"SKIPPED: nothing was audited, the advisory database gave no answer ({reason[:300]})\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
