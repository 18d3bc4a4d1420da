"""No server makes us read or wait for more than we said."""

import gzip
import time

import pytest

from core.outgoing import OutgoingFailed, ResponseTooLarge, request
from core.tests.support import http_server, plain, raw_server


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
