"""The way out of the house: public addresses only, checked once and connected to as checked; time and size are capped.

Real servers on loopback (allowed by name for the test) and a resolver of the test's own behind `socket.getaddrinfo`.
"""

import gzip
import ipaddress
import socket
import ssl
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from core.outgoing import AddressRefused, OutgoingFailed, ResponseTooLarge, request
from core.outgoing import client as outgoing_client
from core.outgoing.addresses import is_public
from core.tests.support import closed_port, http_server, raw_server

PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "::",
    "::1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2002:a9fe:a9fe::",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    # Teredo: the client's address is stored inverted.
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]


class Names:
    """A resolver: name -> successive answers; literal addresses go to the real one."""

    def __init__(self):
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        self._real = socket.getaddrinfo

    def __call__(self, host, port, *args, **kwargs):
        name = host.decode() if isinstance(host, bytes) else host
        if name not in self.answers:
            try:
                ipaddress.ip_address(name)
            except ValueError:
                if not any(c.isalpha() for c in name.replace("0x", "")):
                    return self._real(host, port, *args, **kwargs)
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None
            return self._real(host, port, *args, **kwargs)
        self.asked.append(name)
        queue = self.answers[name]
        addresses = queue.pop(0) if len(queue) > 1 else queue[0]
        return [
            (
                socket.AF_INET6 if ":" in a else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (a, port, 0, 0) if ":" in a else (a, port),
            )
            for a in addresses
        ]


@pytest.fixture
def names(monkeypatch):
    resolver = Names()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return resolver


@pytest.fixture
def allow(names, settings):
    """Make a name of loopback and let it be called there; the URL."""

    def permit(port, name="api.example.test", addresses=("127.0.0.1",), scheme="http"):
        names.answers[name] = [list(addresses)]
        settings.OUTGOING_ALLOWED_PRIVATE = settings.OUTGOING_ALLOWED_PRIVATE | {f"{name}:{port}"}
        return f"{scheme}://{name}:{port}"

    return permit


def plain(body=b"hello", status=200, headers=()):
    def answer(handler):
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    return answer


class TestAddresses:
    @pytest.mark.parametrize("address", PRIVATE)
    def test_no_private_address_is_public_in_any_notation(self, address):
        assert not is_public(ipaddress.ip_address(address))

    @pytest.mark.parametrize("address", PUBLIC)
    def test_a_public_address_is(self, address):
        assert is_public(ipaddress.ip_address(address))

    @given(st.ip_addresses(v=4))
    def test_every_way_to_wrap_an_ipv4_address_is_judged_like_the_address(self, address):
        number = int(address)
        wrapped = [
            ipaddress.IPv6Address((0xFFFF << 32) | number),
            ipaddress.IPv6Address((0x2002 << 112) | (number << 80)),
            ipaddress.IPv6Address((0x64FF9B << 96) | number),
        ]
        assert {is_public(item) for item in wrapped} == {is_public(address)}

    @pytest.mark.parametrize("address", PRIVATE)
    def test_a_name_that_leads_there_is_refused_before_anything_is_sent(self, names, address):
        names.answers["inside.example.test"] = [[address]]
        with pytest.raises(AddressRefused):
            request("GET", "http://inside.example.test/")

    def test_one_private_answer_among_public_ones_is_enough_to_refuse(self, names):
        names.answers["mixed.example.test"] = [["8.8.8.8", "10.0.0.1"]]
        with pytest.raises(AddressRefused):
            request("GET", "http://mixed.example.test/")

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "2130706433",
            "0177.0.0.1",
            "0x7f000001",
            "0x7f.1",
            "127.1",
            "0",
            "[fe80::1%25eth0]",
            "[64:ff9b::169.254.169.254]",
            "169.254.169.254",
            "127.0.0.1.",
            "①②⑦.⓪.⓪.①",
        ],
    )
    def test_no_spelling_of_an_inner_host_is_called(self, names, host):
        with pytest.raises(OutgoingFailed):
            request("GET", f"http://{host}/", timeout=1)

    def test_the_loopback_name_of_this_host_is_refused(self):
        with pytest.raises(AddressRefused):
            request("GET", "http://localhost/")

    def test_a_name_nobody_knows_is_a_failure_that_may_pass(self, names):
        with pytest.raises(OutgoingFailed) as caught:
            request("GET", "http://nobody.example.test/")
        assert caught.value.permanent is False
        assert not isinstance(caught.value, AddressRefused)

    def test_a_name_without_an_address_is_a_failure(self, names):
        names.answers["empty.example.test"] = [[]]
        with pytest.raises(OutgoingFailed):
            request("GET", "http://empty.example.test/")


class TestURLs:
    @pytest.mark.parametrize(
        "url",
        [
            "ftp://example.test/",
            "file:///etc/passwd",
            "gopher://example.test/",
            "javascript:alert(1)",
            "//example.test/",
            "example.test",
            "",
            "http://",
            "http:///path",
            "http://user:password@example.test/",
            "http://user@example.test/",
            "http://example.test:22/",
            "http://example.test:6379/",
            "http://example.test:0/",
            "http://example.test:99999/",
            "http://example.test:-1/",
            "http://example.test:port/",
            "http://[::1/",
            "http://a\x00b/",
            "http://example.test/\r\nX: y",
            "x" * 70_000,
        ],
    )
    def test_what_is_no_plain_http_address_is_refused_for_good(self, names, url):
        names.answers["example.test"] = [["8.8.8.8"]]
        with pytest.raises(AddressRefused) as caught:
            request("GET", url)
        assert caught.value.permanent is True
        assert caught.value.stable_code == "address_refused"


class TestExchange:
    def test_an_answer_comes_back_whole(self, allow):
        with http_server(plain(b"hello", 201, [("X-A", "b")])) as server:
            url = allow(server.server_port) + "/path?q=1"
            answer = request("POST", url, headers={"X-Mine": "1"}, content=b"body")
        assert (answer.status_code, answer.body, answer.headers["x-a"], answer.url) == (201, b"hello", "b", url)
        assert 0 < answer.elapsed < 5
        ((path, headers),) = server.seen
        assert path == "/path?q=1"
        assert headers["X-Mine"] == "1"
        assert headers["Host"] == f"api.example.test:{server.server_port}"
        assert headers["User-Agent"] == "Atelier/1"

    def test_the_callers_headers_cannot_speak_for_another_host(self, allow):
        with http_server(plain()) as server:
            url = allow(server.server_port)
            request("GET", url, headers={"host": "inside", "accept-encoding": "gzip", "user-agent": "Mine/2"})
        ((_, headers),) = server.seen
        assert headers["Host"] == f"api.example.test:{server.server_port}"
        assert headers["Accept-Encoding"] == "identity"
        assert headers["user-agent"] == "Mine/2"

    def test_the_address_that_was_checked_is_the_one_connected_to(self, allow, names):
        # DNS rebinding: the second look-up would lead elsewhere. There is no second look-up.
        with http_server(plain(b"checked")) as checked:
            url = allow(checked.server_port)
            names.answers["api.example.test"] = [["127.0.0.1"], ["127.0.0.66"]]
            assert request("GET", url).body == b"checked"
        assert names.asked == ["api.example.test"]

    def test_each_request_looks_the_name_up_anew(self, allow, names):
        with http_server(plain()) as server:
            url = allow(server.server_port)
            request("GET", url)
            request("GET", url)
        assert names.asked == ["api.example.test"] * 2

    def test_no_proxy_of_the_environment_is_used(self, allow, monkeypatch):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
        outgoing_client._client.cache_clear()
        with http_server(plain()) as server:
            assert request("GET", allow(server.server_port)).status_code == 200

    def test_cookies_are_not_kept_from_one_request_to_the_next(self, allow):
        with http_server(plain(headers=[("Set-Cookie", "session=1; Path=/")])) as server:
            url = allow(server.server_port)
            other = allow(server.server_port, "other.example.test")
            for target in (url, url, other):
                request("GET", target)
        assert all("Cookie" not in headers for _, headers in server.seen)

    def test_nobody_listening_is_a_failure_that_may_pass(self, allow):
        with pytest.raises(OutgoingFailed) as caught:
            request("GET", allow(closed_port()))
        assert caught.value.permanent is False
        assert "127.0.0.1" not in caught.value.message

    @pytest.mark.parametrize(
        "reply",
        [
            b"",
            b"nonsense\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
            b"\x16\x03\x01" + b"\x00" * 100,
        ],
        ids=["nothing", "nonsense", "cut", "chunks", "headers", "tls"],
    )
    def test_an_answer_that_is_none_is_a_failure(self, allow, reply):
        with raw_server(lambda connection: connection.sendall(reply)) as port, pytest.raises(OutgoingFailed):
            request("GET", allow(port), timeout=2)


class TestRedirects:
    def to(self, location, status=302):
        return plain(b"moved", status, [("Location", location)])

    def test_none_is_followed_unless_allowed(self, allow):
        with http_server(self.to("/there")) as server:
            answer = request("GET", allow(server.server_port))
        assert (answer.status_code, answer.body, len(server.seen)) == (302, b"moved", 1)

    def test_as_many_as_allowed_are_followed_and_the_last_answer_is_given(self, allow):
        def answer(handler):
            number = int(handler.path.strip("/") or 0)
            self.to(f"/{number + 1}")(handler)

        with http_server(answer) as server:
            url = allow(server.server_port)
            last = request("GET", url, max_redirects=3)
        assert [path for path, _ in server.seen] == ["/", "/1", "/2", "/3"]
        assert (last.status_code, last.url) == (302, url + "/3")

    @pytest.mark.parametrize(
        "location",
        [
            "http://169.254.169.254/latest/meta-data/",
            "http://127.0.0.1/",
            "http://localhost/",
            "http://[::1]/",
            "//10.0.0.1/",
            "http://2130706433/",
            "file:///etc/passwd",
            "ftp://example.test/",
            "http://user:secret@example.test/",
            "http://example.test:22/",
        ],
    )
    def test_a_redirect_inside_is_refused_like_a_first_hop(self, allow, names, location):
        names.answers["localhost"] = [["127.0.0.1"]]
        with http_server(self.to(location)) as server, pytest.raises(AddressRefused):
            request("GET", allow(server.server_port), max_redirects=5)
        assert len(server.seen) == 1

    def test_a_name_that_turns_private_between_hops_is_refused(self, allow, names, settings):
        with http_server(self.to("http://turns.example.test/")) as server:
            url = allow(server.server_port)
            names.answers["turns.example.test"] = [["10.0.0.1"]]
            with pytest.raises(AddressRefused):
                request("GET", url, max_redirects=1)

    def test_credentials_do_not_travel_to_another_origin(self, allow):
        secrets = {"Authorization": "Bearer x", "Cookie": "a=b", "X-Api-Key": "k", "X-Signature": "s", "Accept": "text/plain"}
        with http_server(plain()) as there:
            target = allow(there.server_port, "there.example.test")
            with http_server(self.to(target)) as here:
                request("GET", allow(here.server_port), headers=secrets, max_redirects=1)
        ((_, first),) = here.seen
        ((_, second),) = there.seen
        assert all(first[name] == value for name, value in secrets.items())
        assert second["Accept"] == "text/plain"
        assert not {"Authorization", "Cookie", "X-Api-Key", "X-Signature"} & set(second)

    def test_credentials_stay_within_an_origin(self, allow):
        def answer(handler):
            (self.to("/there") if handler.path == "/" else plain())(handler)

        with http_server(answer) as server:
            request("GET", allow(server.server_port), headers={"Authorization": "Bearer x"}, max_redirects=1)
        assert [headers.get("Authorization") for _, headers in server.seen] == ["Bearer x", "Bearer x"]

    def test_a_post_is_never_sent_twice(self, allow):
        with http_server(self.to("/there", 307)) as server:
            assert request("POST", allow(server.server_port), content=b"x", max_redirects=5).status_code == 307
        assert len(server.seen) == 1


class TestCaps:
    def test_an_answer_larger_than_the_cap_is_cut_off(self, allow):
        sent = []

        def talk(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            for _ in range(10_000):
                connection.sendall(b"x" * 10_000)
                sent.append(10_000)

        with raw_server(talk) as port, pytest.raises(ResponseTooLarge) as caught:
            request("GET", allow(port), max_bytes=100_000)
        assert caught.value.permanent is True
        assert sum(sent) < 50_000_000

    def test_an_answer_of_just_the_cap_is_taken(self, allow):
        with http_server(plain(b"x" * 1000)) as server:
            url = allow(server.server_port)
            assert len(request("GET", url, max_bytes=1000).body) == 1000
            with pytest.raises(ResponseTooLarge):
                request("GET", url, max_bytes=999)

    def test_a_compressed_body_is_refused_before_it_unfolds(self, allow):
        bomb = gzip.compress(b"\0" * 50_000_000)
        with http_server(plain(bomb, headers=[("Content-Encoding", "gzip")])) as server, pytest.raises(OutgoingFailed):
            request("GET", allow(server.server_port), max_bytes=100_000_000)

    @pytest.mark.parametrize(
        "opening",
        [
            b"",
            b"HTTP/1.1 200 OK\r\nX-Slow: ",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ],
        ids=["status", "headers", "body", "sized-body", "chunks"],
    )
    def test_a_server_that_drips_is_left_when_the_time_is_over(self, allow, opening):
        def talk(connection):
            connection.sendall(opening)
            for _ in range(200):
                connection.sendall(b"1\r\na\r\n" if b"chunked" in opening else b"a")
                time.sleep(0.05)

        with raw_server(talk) as port:
            url = allow(port)
            started = time.monotonic()
            with pytest.raises(OutgoingFailed) as caught:
                request("GET", url, timeout=0.6)
        assert time.monotonic() - started < 2.5
        assert caught.value.permanent is False

    def test_a_server_that_is_silent_is_left_when_the_time_is_over(self, allow):
        with raw_server(lambda connection: time.sleep(3)) as port:
            url = allow(port)
            started = time.monotonic()
            with pytest.raises(OutgoingFailed):
                request("GET", url, timeout=0.4)
        assert time.monotonic() - started < 2.5

    def test_redirects_share_one_deadline(self, allow):
        def answer(handler):
            time.sleep(0.25)
            plain(b"", 302, [("Location", "/again")])(handler)

        with http_server(answer) as server:
            url = allow(server.server_port)
            started = time.monotonic()
            with pytest.raises(OutgoingFailed):
                request("GET", url, timeout=0.7, max_redirects=20)
        assert time.monotonic() - started < 2.5


def _certificate(tmp_path, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / f"{name}.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
def tls_server(tmp_path):
    """A TLS server whose certificate names api.example.test; the file to trust it by."""
    file = _certificate(tmp_path, "api.example.test")
    with http_server(plain(b"private")) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        yield server, file


@pytest.fixture
def trust(monkeypatch):
    def use(file):
        monkeypatch.setattr("certifi.where", lambda: str(file))
        outgoing_client._client.cache_clear()

    yield use
    outgoing_client._client.cache_clear()


class TestTLS:
    def test_the_certificate_is_checked_against_the_name_although_the_address_is_pinned(self, tls_server, trust, allow):
        server, file = tls_server
        trust(file)
        assert request("GET", allow(server.server_port, scheme="https")).body == b"private"

    def test_another_name_at_the_same_address_is_refused(self, tls_server, trust, allow):
        server, file = tls_server
        trust(file)
        with pytest.raises(OutgoingFailed):
            request("GET", allow(server.server_port, "other.example.test", scheme="https"))
        assert server.seen == []

    def test_a_certificate_nobody_vouches_for_is_refused(self, tls_server, allow):
        server, _ = tls_server
        with pytest.raises(OutgoingFailed):
            request("GET", allow(server.server_port, scheme="https"))
        assert server.seen == []

    def test_a_handshake_that_never_ends_is_left_in_time(self, allow):
        with raw_server(lambda connection: time.sleep(3)) as port:
            url = allow(port, scheme="https")
            started = time.monotonic()
            with pytest.raises(OutgoingFailed):
                request("GET", url, timeout=0.5)
        assert time.monotonic() - started < 2.5
