"""Checks the deployment files: `python -m config.checks.deployment`. Owns the list of checks.

Runs without a container engine, without network, and says loudly what it could not look at. Ends with 1 when
a check failed.
"""

import sys
from functools import partial
from pathlib import Path

from config.checks import compose, environment, image, nginx, production, units
from config.checks.report import Check, run_checks

ROOT = Path(__file__).resolve().parents[2]


def deployment_checks(root: Path) -> dict[str, Check]:
    """Return the checks by the line that names them in the output."""
    checks: dict[str, Check] = {
        "Dockerfile: hadolint": partial(image.hadolint, root),
        "Dockerfile: our rules": partial(image.dockerfile_rules, root),
        "Dockerfile: what the build sees": partial(image.build_context, root),
    }
    for name in (compose.BASE, *compose.OVERRIDES):
        checks[f"{name}: compose specification"] = partial(compose.schema, root / name)
    checks[f"{compose.BASE}: our rules"] = partial(compose.base_rules, root)
    for name in compose.OVERRIDES:
        checks[f"{name}: our rules"] = partial(compose.override_rules, root, name)
    return checks | {
        "environment variables: documented": partial(environment.names_in_step, root),
        "nginx: parsed, our rules": partial(nginx.syntax_and_rules, root),
        "nginx: nginx -t for containers": partial(nginx.tested_by_nginx, root, on_host=False),
        "nginx: nginx -t for a host": partial(nginx.tested_by_nginx, root, on_host=True),
        "systemd units: verified": partial(units.verified, root),
        "systemd units: confined": partial(units.confined, root),
        "production settings: check --deploy": partial(production.deploy_check, root, "config.settings.production"),
        "staging settings: check --deploy": partial(production.deploy_check, root, "config.settings.staging"),
    }


if __name__ == "__main__":
    sys.exit(run_checks(deployment_checks(ROOT)))
