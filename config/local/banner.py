"""What is printed when the product is ready: addresses, demo credentials, and three commands to paste."""

import shlex
from pathlib import Path

from config.local.files import read_or_none

_PAGES = (
    ("API", "/api/v1/"),
    ("Swagger", "/api/docs/"),
    ("ReDoc", "/api/redoc/"),
    ("Admin", "/admin/"),
)
_CHAT = "/examples/chat/index.html"


def banner(url: str, demo_env: Path, *, socket: str) -> str:
    """Return the text; without demo data (a database with users of its own) the credentials are left out."""
    values = read_env_file(demo_env)
    base = values.get("ATELIER_URL", url).rstrip("/")
    lines = ["", "Atelier is ready.", "", *(f"  {name:<8} {base}{path}" for name, path in _PAGES)]
    lines += [f"  {'Socket':<8} {socket}"]
    username, password = values.get("ATELIER_ADMIN_USERNAME"), values.get("ATELIER_ADMIN_PASSWORD")
    api_key = values.get("ATELIER_API_KEY")
    if username and password:
        lines += ["", f"  Demo admin    {username} / {password}"]
    if api_key:
        lines += [f"  Demo API key  {api_key}"]
    users = values.get("ATELIER_CHAT_USERS")
    if users:
        lines += [
            "",
            f"  Demo chat     {base}{_CHAT}",
            *(f"                {' / '.join(user.split(':'))}" for user in users.split(",")),
        ]
    if username and password and api_key:
        lines += ["", *(f"  {command}" for command in _commands(base, username, password, api_key))]
        lines += ["", f"  The same values are in {demo_env}."]
    return "\n".join([*lines, ""])


def read_env_file(path: Path) -> dict[str, str]:
    """Return the NAME=value lines of a file; a missing file has none."""
    values: dict[str, str] = {}
    for line in (read_or_none(path) or "").splitlines():
        name, separator, value = line.removeprefix("export ").partition("=")
        if separator and not name.lstrip().startswith("#"):
            values[name.strip()] = " ".join(shlex.split(value)) if value[:1] in {'"', "'"} else value.strip()
    return values


def _commands(base: str, username: str, password: str, api_key: str) -> list[str]:
    body = f'{{"username": "{username}", "password": "{password}"}}'
    key = shlex.quote(f"Authorization: ApiKey {api_key}")
    return [
        f"curl -s {base}/api/v1/auth/login/ -H 'Content-Type: application/json' -d {shlex.quote(body)}",
        f"curl -s {base}/api/v1/auth/me/ -H {key}",
        f"curl -s {base}/api/v1/analytics/usage-stats/ -H {key}",
    ]
