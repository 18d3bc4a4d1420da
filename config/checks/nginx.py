"""Owns the checks of the nginx configuration: parsed always, tested by nginx where it is installed.

Works on a copy, with a certificate made for the moment. Refuses to touch the files of the tree or a running
nginx.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from config.checks.report import NotCheckedError, find_tool, run_tool

# First releases that know what the configuration for containers uses.
HTTP2_DIRECTIVE_SINCE = (1, 25, 1)
RESOLVE_SINCE = (1, 27, 3)
_SAFE_PROTOCOLS = {"TLSv1.2", "TLSv1.3"}
# Newer than the parser's own list of directives.
_NEWER_THAN_PARSER = frozenset({"http2"})
_UNKNOWN = re.compile(r"unknown directive \"(.*)\" in ")


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a copy of the configuration listens on the loopback, and where the application would be."""

    http: int = 18080
    https: int = 18443
    status: int = 18081
    application: int = 18000
    realtime: int = 18001


def write_certificate(directory: Path) -> None:
    """Write a certificate signed by itself, valid for an hour, under the names the configuration expects."""
    directory.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(tz=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (directory / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (directory / "privkey.pem").write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))


def nginx_version() -> tuple[int, ...]:
    """Return the installed nginx's version. Raises NotCheckedError without one."""
    output = run_tool([find_tool("nginx"), "-v"]).output
    match = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", output)
    return tuple(int(part) for part in match.groups()) if match else (0, 0, 0)


def make_copy(root: Path, target: Path, *, ports: Ports, version: tuple[int, ...] | None, on_host: bool = False) -> Path:
    """Copy the configuration so that it runs as any user, even on an older nginx; return the main file."""
    shutil.copytree(root / "docker" / "nginx", target, dirs_exist_ok=True)
    write_certificate(target / "tls")
    (target / "tmp").mkdir(exist_ok=True)
    (target / "www").mkdir(exist_ok=True)
    if not (target / "mime.types").exists():
        (target / "mime.types").write_text("types { application/json json; text/css css; image/png png; }\n", encoding="utf-8")
    if on_host:
        (target / "upstream.conf").write_bytes((target / "upstream.host.conf").read_bytes())
    for path in target.rglob("*.conf"):
        text = _relocate(path.read_text(encoding="utf-8"), target, ports)
        path.write_text(_adapt(text, version, ports) if version else text, encoding="utf-8")
    main = target / "nginx.conf"
    # Not among the files: systemd and the image each name their own.
    main.write_text(f"pid {target}/nginx.pid;\n{main.read_text(encoding='utf-8')}", encoding="utf-8")
    return main


def _relocate(text: str, target: Path, ports: Ports) -> str:
    # First: the other replacements bring in paths that may lie under /tmp themselves.
    text = text.replace(" /tmp/", f" {target}/tmp/")  # noqa: S108 - a word of the text, no file
    text = text.replace("/var/log/nginx", str(target))
    text = text.replace("/srv/atelier", str(target / "www"))
    text = text.replace("listen 127.0.0.1:8081;", f"listen 127.0.0.1:{ports.status};")
    text = re.sub(r"listen 80\b", f"listen 127.0.0.1:{ports.http}", text)
    text = re.sub(r"listen 443\b", f"listen 127.0.0.1:{ports.https}", text)
    text = text.replace("server 127.0.0.1:8000", f"server 127.0.0.1:{ports.application}")
    return re.sub(r"server 127\.0\.0\.1:810\d", f"server 127.0.0.1:{ports.realtime}", text)


def _adapt(text: str, version: tuple[int, ...], ports: Ports) -> str:
    if version < HTTP2_DIRECTIVE_SINCE and "http2 on;" in text:
        text = text.replace("http2 on;", "").replace(" ssl default_server", " ssl http2 default_server")
    if version < RESOLVE_SINCE:
        text = text.replace("server web:8000 resolve", f"server 127.0.0.1:{ports.application}")
        text = text.replace("server realtime:8001 resolve", f"server 127.0.0.1:{ports.realtime}")
    return text


@contextmanager
def _temporary_copy(root: Path, version: tuple[int, ...] | None, *, on_host: bool) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="atelier-nginx-") as folder:
        yield make_copy(root, Path(folder), ports=Ports(), version=version, on_host=on_host)


def parsed(root: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Return all directives of all files in one tree, and the parser's complaints."""
    with _temporary_copy(root, None, on_host=False) as main:
        strict = _parse(main, "--strict")
        tree = _parse(main)["config"][0]["parsed"]
        # In these blocks names are free, which the parser does not know.
        free = {name for inside, name, _ in flatten(tree) if inside.startswith(("map ", "types"))} | _NEWER_THAN_PARSER
        complaints = [
            error["error"].replace(f"{main.parent}/", "")
            for error in strict["errors"]
            if not ((match := _UNKNOWN.match(error["error"])) and match[1] in free)
        ]
        return tree, complaints


def _parse(main: Path, *options: str) -> dict[str, Any]:
    result = run_tool([find_tool("crossplane"), "parse", "--combine", *options, main])
    if result.code:
        raise NotCheckedError(f"crossplane ended with {result.code}")
    document: dict[str, Any] = json.loads(result.output)
    return document


def flatten(directives: list[dict[str, Any]], inside: str = "") -> Iterator[tuple[str, str, list[str]]]:
    """Yield (surrounding block, directive, arguments) of a parsed tree, outermost first."""
    for item in directives:
        yield inside, item["directive"], item["args"]
        yield from flatten(item.get("block", []), " ".join([item["directive"], *item["args"]]))


def syntax_and_rules(root: Path) -> Iterator[str]:
    """Yield syntax errors, or breaches of the rules that keep the application safe behind nginx."""
    tree, complaints = parsed(root)
    yield from complaints
    if not tree:
        return
    found = list(flatten(tree))
    facts = {(inside, name, " ".join(args)) for inside, name, args in found}
    anywhere = {(name, value) for _, name, value in facts}
    for expected in (
        ("server_tokens", "off"),
        ("ssl_session_tickets", "off"),
        ("proxy_set_header", "X-Forwarded-For $remote_addr"),
        ("proxy_set_header", "X-Forwarded-Proto $scheme"),
        ("proxy_set_header", "X-Request-ID $atelier_request_id"),
        ("proxy_set_header", "Upgrade $http_upgrade"),
        ("limit_conn", "connections 100"),
        ("limit_conn", "sockets 300"),
    ):
        if expected not in anywhere:
            yield f"missing: {' '.join(expected)}"
    for name in (
        "client_max_body_size",
        "limit_req",
        "client_header_timeout",
        "client_body_timeout",
    ):
        if name not in {key for key, _ in anywhere}:
            yield f"missing: {name}"
    for place, (name, value), otherwise in (
        ("location /metrics", ("return", "404"), "is open to the outside"),
        ("location /ws/v1/", ("proxy_pass", "http://atelier_realtime"), "does not lead to the realtime processes"),
        ("location = /api/v1/events/", ("proxy_pass", "http://atelier_realtime"), "does not lead to the realtime processes"),
    ):
        if (place, name, value) not in facts:
            yield f"{place} {otherwise}"
    for _, name, args in found:
        if name == "ssl_protocols" and not set(args) <= _SAFE_PROTOCOLS:
            yield f"outdated protocols: {' '.join(args)}"


def tested_by_nginx(root: Path, *, on_host: bool) -> Iterator[str]:
    """Yield what `nginx -t` says against a copy. Raises NotCheckedError without nginx."""
    version = nginx_version()
    with _temporary_copy(root, version, on_host=on_host) as main:
        result = run_tool([find_tool("nginx"), "-t", "-q", "-p", main.parent, "-c", main])
        if result.code or result.output:
            yield from result.output.replace(f"{main.parent}/", "").splitlines()
