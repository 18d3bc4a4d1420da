"""Owns the check that the deployed settings load and pass Django's deployment checks without a warning."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from config.checks.report import NotCheckedError, run_tool

_FINDING = re.compile(r"\S+: \(\S+\) ")
# Nothing else of the caller's environment: it may hold development's settings.
_KEPT = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "TMPDIR")


def deploy_check(root: Path, settings: str) -> Iterator[str]:
    """Yield what `check --deploy` says under throw-away secrets. Raises NotCheckedError without manage.py."""
    if not (root / "manage.py").exists():
        raise NotCheckedError("there is no manage.py")
    with tempfile.TemporaryDirectory(prefix="atelier-check-") as folder:
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | {"DATA_DIR": folder}
        generate = str(root / "docker" / "generate_env.py")
        under_secrets = [sys.executable, generate, "--domain", "api.example.com", "--run", "--"]
        check = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
        result = run_tool([*under_secrets, *check, "--settings", settings], cwd=root, env=environment)
    if result.code:
        lines = result.output.splitlines()
        # A finding's first line names it; without findings the end of the traceback says what is wrong.
        yield from [line for line in lines if _FINDING.match(line)] or lines[-12:]
