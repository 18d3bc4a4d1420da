"""The checks of the deployment files pass on the tree's own files, and each catches a file that is broken."""

import re
import shutil
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest
import yaml

from config.checks import compose, environment, image, nginx, units
from config.checks.deployment import ROOT, deployment_checks
from config.checks.report import NotCheckedError, find_tool, run_checks
from config.local.components import REALTIME_OPTIONS

COMPOSE, DEVELOPMENT, STAGING = compose.BASE, *compose.OVERRIDES
CopiedTree = Path


@pytest.fixture
def tree(tmp_path: Path) -> CopiedTree:
    """Copy everything the checks look at, free to be broken."""
    shutil.copytree(ROOT / "docker", tmp_path / "docker", ignore=shutil.ignore_patterns("tls"))
    shutil.copytree(ROOT / "config" / "settings", tmp_path / "config" / "settings")
    for name in (COMPOSE, DEVELOPMENT, STAGING, ".dockerignore"):
        shutil.copy(ROOT / name, tmp_path / name)
    # Documents exactly what is used now, whatever the tree's own file says meanwhile.
    used = environment.read_by_settings(tmp_path) | environment.set_by_units(tmp_path)
    used |= compose.application_environment(tmp_path / COMPOSE) | compose.interpolated(tmp_path / COMPOSE)
    used |= environment.documented(tmp_path / "docker" / "production.env.example")
    (tmp_path / ".env.example").write_text("".join(f"{name}=\n" for name in sorted(used)), encoding="utf-8")
    return tmp_path


def break_file(path: Path, old: str, new: str) -> None:
    """Replace text that must be there: a test against a file that says something else would prove nothing."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def problems(check: Callable[[], Iterable[str]]) -> str:
    """Return what the check says, or skip where this machine cannot run it."""
    try:
        return "\n".join(check())
    except NotCheckedError as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("name", [name for name in deployment_checks(ROOT) if "settings" not in name])
def test_own_files_pass(name: str) -> None:
    assert problems(deployment_checks(ROOT)[name]) == ""


@pytest.mark.parametrize("name", [name for name in deployment_checks(ROOT) if "settings" in name])
def test_production_settings_pass_the_deploy_check(name: str) -> None:
    assert problems(deployment_checks(ROOT)[name]) == ""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("python:3.11.15-slim-trixie", "python:latest", "not pinned"),
        ("USER 10001:10001\n", "", "stage app runs as root"),
        ("USER 101:101\n", "USER root\n", "stage proxy runs as root"),
        ("--require-hashes ", "", "without --require-hashes"),
        ('CMD ["granian"', 'CMD granian ["', "not in exec form"),
    ],
)
def test_dockerfile_rules(tree: CopiedTree, old: str, new: str, expected: str) -> None:
    break_file(tree / "docker" / "Dockerfile", old, new)
    assert expected in problems(partial(image.dockerfile_rules, tree))


def test_dockerfile_is_linted(tree: CopiedTree) -> None:
    break_file(tree / "docker" / "Dockerfile", "WORKDIR /app\n", "WORKDIR app\nRUN cd /tmp && sudo true\n")
    found = problems(partial(image.hadolint, tree))
    assert "DL3000" in found
    assert "DL3004" in found


def test_a_package_missing_from_the_image_is_found(tree: CopiedTree) -> None:
    (tree / "novelty").mkdir()
    (tree / "novelty" / "__init__.py").touch()
    assert "novelty/" in problems(partial(image.build_context, tree))


def test_secrets_stay_out_of_the_image_build(tree: CopiedTree) -> None:
    break_file(tree / ".dockerignore", "!manage.py", "!manage.py\n!.env*")
    assert ".env would be sent" in problems(partial(image.build_context, tree))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("    shm_size: 256m\n", "    shm_sise: 256m\n", "shm_sise"),
        ("restart: unless-stopped", "restart: [sometimes]", "restart"),
    ],
)
def test_compose_schema(tree: CopiedTree, old: str, new: str, expected: str) -> None:
    break_file(tree / COMPOSE, old, new)
    assert expected in problems(partial(compose.schema, tree / COMPOSE))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "postgres:18.6-alpine",
            "postgres:latest",
            "postgres: image postgres:latest is neither built here nor pinned",
        ),
        ("    shm_size: 256m\n", '    ports: ["5432:5432"]\n', "postgres: publishes"),
        ("    internal: true\n", "    internal: false\n", "network inside leads outside"),
        ("  init: true\n  read_only: true\n", "  init: true\n", "web: its root file system is writable"),
        ("[ALL]", "[NET_RAW]", "worker: keeps capabilities"),
        ("  restart: unless-stopped\n", "", "beat: is not restarted"),
        ('    restart: "no"\n', "", "migrate: runs once, yet would be restarted"),
        ("[CMD, python, docker/healthcheck.py, shipper]", "[]", "shipper: has no health check"),
        ("[CMD, python, docker/healthcheck.py, realtime]", "[]", "realtime: has no health check"),
        ("  spool: {}\n", "", "volume spool is not declared"),
        ("{condition: service_healthy}", "{condition: service_started}", "only to be started"),
        (
            "command: [python, manage.py, ship_request_log]",
            "command: python manage.py ship_request_log",
            "is a string",
        ),
    ],
)
def test_compose_rules(tree: CopiedTree, old: str, new: str, expected: str) -> None:
    break_file(tree / COMPOSE, old, new)
    assert expected in problems(partial(compose.base_rules, tree))


@pytest.mark.parametrize(
    ("name", "service", "addition", "expected"),
    [
        (STAGING, "postgres", {"ports": ["127.0.0.1:5432:5432"]}, "postgres: publishes"),
        (DEVELOPMENT, "web", {"ports": ["8000:8000"]}, "web: publishes"),
        (STAGING, "postgres", {"image": "postgres:alpine"}, "is not pinned"),
        (STAGING, "mongo", {}, "mongo: no such service"),
    ],
)
def test_override_rules(tree: CopiedTree, name: str, service: str, addition: dict[str, object], expected: str) -> None:
    document = compose.load(tree / name)
    document["services"].setdefault(service, {}).update(addition)
    (tree / name).write_text(yaml.safe_dump(document), encoding="utf-8")
    assert expected in problems(partial(compose.override_rules, tree, name))


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (COMPOSE, '      PORT: "8000"\n', '      PORTT: "8000"\n'),
        (COMPOSE, "${WEB_THREADS:-4}", "${PORTT:-4}"),
        ("docker/systemd/atelier-web@.service", "WEB_WORKERS=2", "PORTT=2"),
        (COMPOSE, '      REALTIME_PORT: "8001"\n', '      REALTIME_PORTT: "8001"\n'),
        ("docker/production.env.example", "WEB_WORKERS=2", "PORTT=2"),
        ("config/settings/components/web.py", '"PORT"', '"PORTT"'),
    ],
)
def test_an_undocumented_variable_is_found(tree: CopiedTree, path: str, old: str, new: str) -> None:
    break_file(tree / path, old, new)
    assert "PORTT" in problems(partial(environment.names_in_step, tree))


def test_every_way_of_starting_the_realtime_process_says_the_same() -> None:
    command = compose.load(ROOT / COMPOSE)["services"]["realtime"]["command"]
    unit = (ROOT / "docker" / "systemd" / "atelier-realtime@.service").read_text(encoding="utf-8")
    (started,) = re.findall(r"^ExecStart=\S+/(uvicorn (?:.*\\\n)*.*)$", unit, re.MULTILINE)
    place = ["uvicorn", "config.asgi:application", "--host"]
    assert command == [*place, "0.0.0.0", "--port", "8001", *REALTIME_OPTIONS]
    assert started.replace("\\\n", " ").split() == [*place, "127.0.0.1", "--port", "%i", *REALTIME_OPTIONS]


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        ("nginx.conf", "server_tokens off;", "server_token off;", 'unknown directive "server_token"'),
        ("nginx.conf", "server_tokens off;", "server_tokens on;", "missing: server_tokens off"),
        ("sites/https.conf", "location /metrics", "location /elsewhere", "/metrics is open"),
        ("sites/https.conf", "location /ws/v1/", "location /socket/", "location /ws/v1/ does not lead to the realtime processes"),
        (
            "snippets/forwarded.conf",
            "X-Forwarded-For $remote_addr",
            "X-Forwarded-For $http_x_forwarded_for",
            "X-Forwarded-For",
        ),
        ("snippets/tls.conf", "ssl_protocols TLSv1.2", "ssl_protocols TLSv1 TLSv1.2", "outdated protocols"),
        (
            "snippets/forwarded.conf",
            "proxy_connect_timeout 2s;",
            "proxy_connect_timeout 2s",
            "proxy_connect_timeout",
        ),
        ("sites/https.conf", "limit_conn connections 100;", "", "missing: limit_conn connections 100"),
        ("snippets/realtime.conf", "limit_conn sockets 300;", "", "missing: limit_conn sockets 300"),
    ],
)
def test_nginx_rules(tree: CopiedTree, path: str, old: str, new: str, expected: str) -> None:
    break_file(tree / "docker" / "nginx" / path, old, new)
    assert expected in problems(partial(nginx.syntax_and_rules, tree))


@pytest.mark.parametrize("on_host", [False, True])
def test_nginx_itself_refuses_a_broken_file(tree: CopiedTree, *, on_host: bool) -> None:
    break_file(
        tree / "docker" / "nginx" / "snippets" / "proxy.conf",
        "http://atelier_web",
        "http://$nowhere_to_be_found",
    )
    assert "nowhere_to_be_found" in problems(partial(nginx.tested_by_nginx, tree, on_host=on_host))


def test_a_misspelt_unit_key_is_found(tree: CopiedTree) -> None:
    break_file(tree / "docker" / "systemd" / "atelier-beat.service", "Restart=", "Restrat=")
    assert "Restrat" in problems(partial(units.verified, tree))


def test_a_unit_that_starts_a_missing_program_is_found(tree: CopiedTree) -> None:
    break_file(tree / "docker" / "systemd" / "atelier-beat.service", "bin/celery", "bin/sellery")
    assert "sellery" in problems(partial(units.verified, tree))


def test_an_unconfined_service_is_found(tree: CopiedTree) -> None:
    (tree / "docker" / "systemd" / "atelier-.service.d" / "common.conf").write_text("[Service]\n", encoding="utf-8")
    assert "atelier-web@8000.service" in problems(partial(units.confined, tree))


def test_what_cannot_be_checked_is_said_and_failures_end_with_one(capsys: pytest.CaptureFixture[str]) -> None:
    def absent() -> Iterable[str]:
        find_tool("no-such-program-anywhere")
        return ()

    assert run_checks({"present": lambda: (), "absent": absent}) == 0
    assert "NOT CHECKED  absent: no-such-program-anywhere is not installed" in capsys.readouterr().out
    assert run_checks({"broken": lambda: ["it leaks"]}) == 1
    assert "it leaks" in capsys.readouterr().out
