"""An answer comes back whole, from the address that was checked; each redirect is judged like a first hop."""

import pytest

from core.outgoing import AddressRefused, OutgoingFailed, request
from core.outgoing import client as outgoing_client
from core.tests.support import closed_port, http_server, plain, raw_server


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
