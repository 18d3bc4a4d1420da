"""What the runner says when it is ready, and small pieces beside it."""

from pathlib import Path

import pytest

from config.local import audit, bootstrap
from config.local.banner import banner, read_env_file
from config.local.files import FileLock, remembered_secret, write_private
from config.local.layout import Layout, WebAddress
from config.local.logs import Followed
from config.local.state import InstanceState, ProcessState

_DEMO = """# made by prepare
ATELIER_URL=http://localhost:8123
ATELIER_ADMIN_USERNAME=demo-admin
ATELIER_ADMIN_PASSWORD='it''s quoted'
export ATELIER_API_KEY=atl_live_abc=
"""


def test_the_banner_has_addresses_credentials_and_three_commands(tmp_path: Path) -> None:
    write_private(tmp_path / "demo.env", _DEMO)

    text = banner("http://localhost:8000", tmp_path / "demo.env", socket="ws://localhost:8001/ws/v1/")

    for expected in (
        "http://localhost:8123/api/docs/",
        "/api/redoc/",
        "/admin/",
        "ws://localhost:8001/ws/v1/",
        "demo-admin / its quoted",
    ):
        assert expected in text
    commands = [line.strip() for line in text.splitlines() if line.strip().startswith("curl")]
    assert len(commands) == 3
    assert "/api/v1/auth/login/" in commands[0]
    assert commands[1].endswith("/api/v1/auth/me/ -H 'Authorization: ApiKey atl_live_abc='")
    assert "/api/v1/analytics/usage-stats/" in commands[2]


def test_without_demo_data_the_banner_has_addresses_only(tmp_path: Path) -> None:
    text = banner("http://localhost:8000", tmp_path / "demo.env", socket="ws://localhost:8001/ws/v1/")

    assert "http://localhost:8000/admin/" in text
    assert "curl" not in text
    assert read_env_file(tmp_path / "demo.env") == {}


@pytest.mark.parametrize(
    ("host", "realtime", "expected"),
    [
        ("127.0.0.1", 0, "ws://localhost:8001/ws/v1/"),
        ("0.0.0.0", 9000, "ws://localhost:9000/ws/v1/"),
        ("192.0.2.7", 0, "ws://192.0.2.7:8001/ws/v1/"),
    ],
)
def test_the_socket_is_beside_the_api(host: str, realtime: int, expected: str) -> None:
    assert WebAddress(host, 8000, 2, 4, realtime=realtime).socket_url == expected


def test_secrets_are_written_for_their_owner_only_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "password"

    made = remembered_secret(path)

    assert len(made) >= 32
    assert remembered_secret(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["password"]


def test_a_lock_names_its_holder_until_released(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.holder() is None
    assert first.acquire()
    assert not second.acquire()
    assert second.holder() == int((tmp_path / "lock").read_text())

    first.release()

    assert second.holder() is None
    assert second.acquire()


def test_a_state_file_that_cannot_be_read_is_no_state(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state = InstanceState(pid=1, phase="ready", url="x", processes=[ProcessState("web", 2, "running", 0.0, 0)])
    state.write(path)
    assert InstanceState.read(path) == state
    for broken in ("", "{", "[]", '{"pid": 1}'):
        path.write_text(broken)
        assert InstanceState.read(path) is None


def test_a_log_is_followed_line_by_line_and_over_its_rotation(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    followed = Followed(log, from_end=True)
    assert followed.new_lines() == [f"line {number}" for number in range(90, 100)]

    with log.open("a") as target:
        target.write("whole\nhalf")
    assert followed.new_lines() == ["whole"]
    with log.open("a") as target:
        target.write(" done\n")
    assert followed.new_lines() == ["half done"]

    log.write_text("anew\n")
    assert followed.new_lines() == ["anew"]
    assert Followed(log, from_end=False).new_lines() == ["anew"]


def test_an_empty_data_dir_means_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATA_DIR", "")
    assert Layout.from_environment().root.name == ".data"
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert Layout.from_environment().root == tmp_path


def test_uv_alone_is_taken_from_the_locked_requirements() -> None:
    before, after = "urllib3==2.0 \\\n    --hash=sha256:1\n", "    # via x\nvine==5\n"
    block = ["uv==0.9.0 \\\n", "    --hash=sha256:2 \\\n", "    --hash=sha256:3\n"]
    assert list(bootstrap.locked_block("".join([before, *block, after]), "uv")) == block


def test_indexes_of_pip_are_handed_to_uv() -> None:
    settings = [
        "global.index-url='https://index.example/simple'",
        ":env:.find-links='/wheels'",
        "global.timeout='5'",
    ]
    assert bootstrap.uv_environment(settings) == {
        "UV_DEFAULT_INDEX": "https://index.example/simple",
        "UV_FIND_LINKS": "/wheels",
    }


@pytest.mark.parametrize(
    ("dependencies", "code", "said"),
    [
        (
            [{"name": "a", "version": "1", "vulns": []}],
            0,
            "1 packages audited, 0 vulnerabilities, 0 packages SKIPPED",
        ),
        ([{"name": "a", "skip_reason": "unknown"}], 0, "SKIPPED: nothing was audited"),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}],
            1,
            "a 1: CVE-1, fixed in 2",
        ),
    ],
)
def test_the_audit_fails_for_a_vulnerability_and_says_what_it_skipped(
    dependencies: list[dict[str, object]], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.verdict(dependencies) == code
    assert said in capsys.readouterr().out
