"""Owns the making of a deployment's environment: fills docker/production.env.example with fresh secrets.

    python3 docker/generate_env.py --domain api.example.com > .env
    python3 docker/generate_env.py --run -- python manage.py check --deploy

The second form runs one command under throw-away secrets and forgets them (image build, checks). It needs
nothing but the standard library, and refuses to write a file itself: where secrets land is the caller's
decision.
"""

# ruff: noqa: INP001 - a script that runs by itself, in no package

import argparse
import base64
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TEMPLATE = Path(__file__).with_name("production.env.example")
_PLACEHOLDER = re.compile(r"<(domain|secret|fernet|same:(?P<other>[A-Z_]+))>")
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)


def fill(template: str, domain: str) -> dict[str, str]:
    """Return the template's variables with placeholders replaced; each `<secret>` is 256 bits of its own."""
    values: dict[str, str] = {}

    def replacement(match: re.Match[str]) -> str:
        if other := match["other"]:
            return values[other]
        # Hex: safe in URLs, in compose files and in shells.
        made = {"domain": domain, "secret": secrets.token_hex(32), "fernet": _fernet_key()}
        return made[match[1]]

    for line in template.splitlines():
        name, separator, raw = line.partition("=")
        if separator and not line.startswith("#"):
            values[name] = _PLACEHOLDER.sub(replacement, raw)
    return values


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def render(template: str, domain: str) -> str:
    """Return the template's text, comments kept, with its values filled in."""
    values = fill(template, domain)
    lines = []
    for line in template.splitlines():
        name, separator, _ = line.partition("=")
        lines.append(f"{name}={values[name]}" if separator and not line.startswith("#") else line)
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the environment to standard output, or run the command after `--` under it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domain", default="localhost", help="the host name the API answers on")
    parser.add_argument("--run", action="store_true", help="run the command after -- under throw-away values")
    parser.add_argument("command", nargs="*")
    options = parser.parse_args(arguments)
    if not _DOMAIN.fullmatch(options.domain):
        parser.error("--domain takes a bare host name")
    if options.run != bool(options.command):
        parser.error("--run and a command after -- go together")
    template = TEMPLATE.read_text(encoding="utf-8")
    if not options.run:
        sys.stdout.write(render(template, options.domain))
        return 0
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        **fill(template, options.domain),
    }
    return subprocess.run(options.command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
