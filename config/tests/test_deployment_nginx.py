"""The nginx configuration at work, before a stand-in for the application. Skipped where there is no nginx."""

import json
import os
import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from threading import Thread

import httpx
import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request, Response
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from config.checks.deployment import ROOT
from config.checks.nginx import Ports, make_copy, nginx_version
from config.checks.report import NotCheckedError, find_tool

# One nginx for all of the module's tests, instead of one in each test process.
pytestmark = pytest.mark.xdist_group("nginx")


# Instead of 300, which take a minute to open here.
SOCKETS = 20


class Echo(BaseHTTPRequestHandler):
    """Answers with what reached it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with path and headers."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.dumps({"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
        """Say nothing: the test's output is for the test."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running nginx: clients of its two listeners, and its access log."""

    https: httpx.Client
    http: httpx.Client
    access_log: Path


def free_ports(count: int) -> list[int]:
    """Return ports that were free a moment ago."""
    sockets = [socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    """Wait until nginx listens."""
    for _ in range(100):
        assert process.poll() is None, "nginx ended"
        try:
            client.get("/")
        except httpx.ConnectError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("nginx does not listen")


@contextmanager
def nginx_before(application_port: int, folder: Path, realtime_port: int | None = None) -> Iterator[Proxy]:
    """Run nginx with a copy of the configuration, in front of whatever listens on those ports."""
    try:
        version, program = nginx_version(), find_tool("nginx")
    except NotCheckedError as reason:
        pytest.skip(str(reason))
    http, https, status = free_ports(3)
    realtime = application_port if realtime_port is None else realtime_port
    ports = Ports(http=http, https=https, status=status, application=application_port, realtime=realtime)
    main = make_copy(ROOT, folder, ports=ports, version=version)
    limit = folder / "snippets" / "realtime.conf"
    limit.write_text(limit.read_text(encoding="utf-8").replace("limit_conn sockets 300;", f"limit_conn sockets {SOCKETS};"))
    for name, content in {
        "static/site.css": "a{}",
        "media/page.html": "<script>",
        "media/face.png": "png",
    }.items():
        (folder / "www" / name).parent.mkdir(exist_ok=True)
        (folder / "www" / name).write_text(content, encoding="utf-8")
    # Started by root, nginx would become a user who may not enter pytest's private folders.
    directives = "daemon off; user root;" if os.geteuid() == 0 else "daemon off;"
    process = subprocess.Popen([program, "-p", folder, "-c", main, "-g", directives])
    secure = httpx.Client(base_url=f"https://127.0.0.1:{https}", verify=False)
    plain = httpx.Client(base_url=f"http://127.0.0.1:{http}")
    try:
        wait_for(plain, process)
        yield Proxy(secure, plain, folder / "access.log")
    finally:
        process.terminate()
        process.wait(timeout=10)
        secure.close()
        plain.close()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Run nginx in front of the stand-in."""
    application = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    Thread(target=application.serve_forever, daemon=True).start()
    with nginx_before(application.server_port, tmp_path_factory.mktemp("nginx")) as running:
        yield running
    application.shutdown()
    application.server_close()


@contextmanager
def realtime_stand_in() -> Iterator[int]:
    """The port of a server that tells what reached it, over a socket or over HTTP, and then echoes."""

    def answer(_socket: ServerConnection, request: Request) -> Response | None:
        if "upgrade" in request.headers:
            return None
        body = json.dumps({"realtime": request.path, "headers": {k.lower(): v for k, v in request.headers.items()}}).encode()
        headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"})
        return Response(200, "OK", headers, body)

    def echo(socket: ServerConnection) -> None:
        assert socket.request is not None
        socket.send(json.dumps({k.lower(): v for k, v in socket.request.headers.items()}))
        for message in socket:
            socket.send(message)

    with serve(echo, "127.0.0.1", 0, process_request=answer, ping_interval=None) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.socket.getsockname()[1]
        server.shutdown()


@pytest.fixture
def socket_url(tmp_path: Path) -> Iterator[str]:
    """The socket's address at an nginx that has a realtime stand-in behind it, and no web process."""
    (nobody,) = free_ports(1)
    with realtime_stand_in() as port, nginx_before(nobody, tmp_path, port) as running:
        yield f"wss://{running.https.base_url.netloc.decode()}/ws/v1/"


def trusting() -> ssl.SSLContext:
    """Believes the certificate of the moment."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def assert_envelope(response: httpx.Response, status: int, code: str) -> None:
    """The answer is the application's error envelope, with the request id of its header."""
    assert response.status_code == status
    assert response.headers["content-type"].startswith("application/json")
    body = response.json()
    assert body["success"] is False
    assert body["error"]["code"] == code
    assert body["meta"]["request_id"] == response.headers["x-request-id"]


def test_plain_http_redirects_pages(proxy: Proxy) -> None:
    response = proxy.http.get("/admin/?y=1")
    assert response.status_code == 308
    assert response.headers["location"] == "https://127.0.0.1/admin/?y=1"


def test_plain_http_refuses_the_api_so_that_no_client_learns_to_send_its_key_in_clear(proxy: Proxy) -> None:
    response = proxy.http.post("/api/v1/x/?y=1")
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "https_required"


def test_a_claimed_address_never_reaches_the_application(proxy: Proxy) -> None:
    claims = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http", "Forwarded": "for=203.0.113.9"}
    headers = proxy.https.get("/api/v1/x/", headers=claims).json()["headers"]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert "forwarded" not in headers


def test_a_sound_request_id_passes_and_another_is_replaced(proxy: Proxy) -> None:
    sound = proxy.https.get("/api/v1/x/", headers={"X-Request-ID": "abc-12345678"}).json()["headers"]
    assert sound["x-request-id"] == "abc-12345678"
    forged = proxy.https.get("/metrics", headers={"X-Request-ID": 'x","success":true,"y":"'})
    assert_envelope(forged, 404, "not_found")
    assert '"' not in forged.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/media/no-such-file.png"])
def test_closed_and_missing_answer_404_in_the_envelope(proxy: Proxy, path: str) -> None:
    assert_envelope(proxy.https.get(path), 404, "not_found")


def test_what_nginx_refuses_has_the_envelope(proxy: Proxy) -> None:
    assert_envelope(proxy.https.request("TRACE", "/api/v1/x/"), 405, "method_not_allowed")
    assert_envelope(proxy.https.get("/api/", headers={"X-Long": "a" * 20_000}), 400, "bad_request")
    assert_envelope(proxy.https.get("/api/?" + "a" * 20_000), 414, "uri_too_long")
    assert_envelope(proxy.https.post("/api/v1/x/", content=b"x" * ((21 << 20) + 1)), 413, "body_too_large")


def test_static_files_are_served_and_others_asked_of_the_application(proxy: Proxy) -> None:
    response = proxy.https.get("/static/site.css")
    assert response.text == "a{}"
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert proxy.https.get("/static/of-the-next-release.css").json()["path"] == "/static/of-the-next-release.css"


def test_uploads_cannot_act(proxy: Proxy) -> None:
    page, face = proxy.https.get("/media/page.html"), proxy.https.get("/media/face.png")
    assert page.headers["content-disposition"] == "attachment"
    assert face.headers["content-disposition"] == "inline"
    for response in (page, face):
        assert response.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert response.headers["x-content-type-options"] == "nosniff"
    assert proxy.https.delete("/media/face.png").status_code == 403


def test_queries_stay_out_of_the_log(proxy: Proxy) -> None:
    proxy.https.get("/api/v1/logged/?token=do-not-log-me")
    time.sleep(0.1)
    log = proxy.access_log.read_text(encoding="utf-8")
    assert '"path":"/api/v1/logged/"' in log
    assert "do-not-log-me" not in log
    assert all(json.loads(line) for line in log.splitlines())


def test_sockets_reach_the_realtime_process_with_who_asks_and_from_where(socket_url: str) -> None:
    claims = {"X-Forwarded-For": "203.0.113.9", "X-Request-ID": "abc-12345678"}
    with connect(socket_url, ssl=trusting(), origin="https://app.example.com", additional_headers=claims) as socket:
        told = json.loads(socket.recv(timeout=5))
        assert told["x-forwarded-for"] == "127.0.0.1"
        assert told["x-forwarded-proto"] == "https"
        assert told["x-request-id"] == "abc-12345678"
        assert told["origin"] == "https://app.example.com"
        assert told["host"] == socket_url.split("/")[2]
        # Larger than nginx's buffers, both ways.
        for message in ("hello", "x" * 300_000):
            socket.send(message)
            assert socket.recv(timeout=5) == message
        # Beyond the time limits of ordinary requests there is still somebody: nothing of ours ends a silent socket at once.
        time.sleep(1)
        socket.send("again")
        assert socket.recv(timeout=5) == "again"


def test_long_polls_reach_the_realtime_process_and_the_rest_of_events_does_not(socket_url: str) -> None:
    base = socket_url.replace("wss", "https").removesuffix("/ws/v1/")
    with httpx.Client(verify=False, base_url=base) as caller:
        answer = caller.get("/api/v1/events/?stream=user:1&wait=30").json()
        assert answer["realtime"] == "/api/v1/events/?stream=user:1&wait=30"
        assert answer["headers"].get("upgrade") is None
        assert_envelope(caller.get("/api/v1/events/streams/"), 503, "unavailable")


def test_one_address_has_a_bounded_number_of_sockets(socket_url: str) -> None:
    with ExitStack() as opened:
        for _ in range(SOCKETS):
            opened.enter_context(connect(socket_url, ssl=trusting(), ping_interval=None))
        with pytest.raises(InvalidStatus) as refused, connect(socket_url, ssl=trusting()):
            pass
        assert refused.value.response.status_code == 429
    with httpx.Client(verify=False) as caller:
        # The limit of sockets is not that of requests.
        assert caller.get(socket_url.replace("wss", "https").replace("/ws/v1/", "/api/v1/x/")).status_code == 503


def test_without_the_application_callers_are_told_to_come_back(tmp_path: Path) -> None:
    (nobody,) = free_ports(1)
    with nginx_before(nobody, tmp_path) as alone:
        response = alone.https.get("/api/v1/x/")
        assert_envelope(response, 503, "unavailable")
        assert response.headers["retry-after"] == "5"


def test_a_flood_from_one_address_is_cut(tmp_path: Path) -> None:
    (nobody,) = free_ports(1)
    with nginx_before(nobody, tmp_path) as alone:
        # From several threads: one after the other a busy machine may be slower than the limit.
        with ThreadPoolExecutor(8) as pool:
            responses = list(pool.map(lambda _: alone.https.get("/api/v1/x/"), range(1500)))
        refused = [response for response in responses if response.status_code == 429]
        assert refused
        assert_envelope(refused[0], 429, "rate_limited")
        assert refused[0].headers["retry-after"] == "1"
