"""No inner address is called, in whatever spelling, and nothing that is no plain HTTP address."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.outgoing import AddressRefused, OutgoingFailed, request
from core.outgoing.addresses import is_public

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
