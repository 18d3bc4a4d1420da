"""The client's address: what the socket says, and what is believed of X-Forwarded-For."""

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from core.addresses import client_address


def address(proxies, forwarded=None, socket="198.51.100.9", *, settings):
    settings.TRUSTED_PROXY_COUNT = proxies
    meta = {"REMOTE_ADDR": socket} if socket is not None else {}
    if forwarded is not None:
        meta["HTTP_X_FORWARDED_FOR"] = forwarded
    request = RequestFactory().get("/", **meta)
    if socket is None:
        del request.META["REMOTE_ADDR"]
    return client_address(request)


@pytest.mark.parametrize("claim", [None, "203.0.113.7", "203.0.113.7, 203.0.113.8", "nonsense"])
def test_without_proxies_the_header_is_never_read(settings, claim):
    assert address(0, claim, settings=settings) == "198.51.100.9"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (1, "203.0.113.7", "203.0.113.7"),
        # The client wrote 6.6.6.6 itself; the proxy appended whom it saw.
        (1, "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        (2, "203.0.113.7, 10.0.0.1", "203.0.113.7"),
        (2, "6.6.6.6, 203.0.113.7, 10.0.0.1", "203.0.113.7"),
        (2, "6.6.6.6,,203.0.113.7,10.0.0.1", "203.0.113.7"),
        # Fewer hops than proxies: somebody reached us past them, so nothing in the header is theirs.
        (2, "203.0.113.7", "198.51.100.9"),
        (1, "", "198.51.100.9"),
        (1, " , ,", "198.51.100.9"),
        (1, None, "198.51.100.9"),
        (1, "nonsense", None),
        (1, "203.0.113.7:8080", None),
        (1, "203.0.113.7\x00", None),
    ],
)
def test_behind_proxies_the_address_is_counted_from_the_right(settings, proxies, forwarded, expected):
    assert address(proxies, forwarded, settings=settings) == expected


@pytest.mark.parametrize(
    ("socket", "expected"),
    [
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        ("unix:", None),
        (None, None),
    ],
)
def test_one_address_has_one_form_and_an_unknown_one_is_none(settings, socket, expected):
    assert address(0, socket=socket, settings=settings) == expected


@given(claims=st.lists(st.ip_addresses().map(str), max_size=5), real=st.ip_addresses(v=4).map(str))
def test_nothing_a_client_writes_changes_the_address_one_proxy_reports(claims, real):
    from django.test import override_settings

    with override_settings(TRUSTED_PROXY_COUNT=1):
        header = ", ".join([*claims, real])
        request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=header)
        assert client_address(request) == real
