"""What a page says of itself is read without trust: bounded in size and time, one line each."""

import time

import pytest

from modules.chat.pages import PARSED_BYTES, about

HTML = {"content-type": "text/html"}


def title(body: bytes, kind: str = "text/html") -> str | None:
    found = about({"content-type": kind}, body)
    return found.title if found is not None else None


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"<title>A &amp; B</title>", "A & B"),
        (b"<TITLE>\n a\t b \n</TITLE>", "a b"),
        (b"<title>one</title><title>two</title>", "one"),
        (b"<title>one</title><meta property=og:title content=better>", "better"),
        (b"<meta name='twitter:title' content='bird'>", "bird"),
        (b"<title>a\x00b\xe2\x80\xaec\xe2\x80\x8bd</title>", "abcd"),
        (b"<title>" + b"x" * 1000 + b"</title>", "x" * 299 + "…"),
        (b"<title>\xff\xfe</title>", "\ufffd\ufffd"),
        (b"<title></title>", None),
        (b"<title> \xe2\x80\x8b </title>", None),
        (b"<p>no head", None),
        (b"<body><title>late</title>", None),
        (b"", None),
        (b"<title>never closed", "never closed"),
        (b"<![if x]><title>a</title>", "a"),
        (b"<script>'<title>no</title>'</script><title>yes</title>", "yes"),
    ],
)
def test_the_title(body: bytes, found: str | None) -> None:
    assert title(body) == found


@pytest.mark.parametrize(
    ("kind", "body", "found"),
    [
        ("text/html; charset=iso-8859-1", b"<title>\xe9</title>", "é"),
        ("text/html", b"<meta charset=windows-1251><title>\xe4\xe0</title>", "да"),
        ("text/html; charset=unicode_escape", b"<title>\\x41</title>", "\\x41"),
        ("text/html; charset=nonsense", "<title>é</title>".encode(), "é"),
        ("TEXT/HTML", b"<title>a</title>", "a"),
        ("text/plain", b"<title>a</title>", None),
    ],
)
def test_what_it_is_written_in(kind: str, body: bytes, found: str | None) -> None:
    assert title(body, kind) == found


def test_the_description_and_the_site() -> None:
    body = b"<title>t</title><meta name=description content='  what\nit is '><meta property=og:site_name content=Site>"
    found = about(HTML, body)
    assert found is not None
    assert (found.description, found.site_name) == ("what it is", "Site")
    found = about(HTML, b"<title>t</title><meta name=description content='" + b"y" * 5000 + b"'>")
    assert found is not None
    assert len(found.description) == 600


@pytest.mark.parametrize(
    "piece",
    [
        *(b"<", b"<!", b"<!--", b"<!-->", b"<a ", b"<a b='", b"</", b"</a", b"<![", b"<![CDATA[", b"<?", b"&", b"&#", b"<title>"),
        *(
            b"<meta ",
            b"<script>",
            b"<meta content='x'>",
            b"<!doctype ",
            b"<a/",
            b"<a b=c ",
            b"\x00",
            b"<svg><title>",
            b"-->",
            b"&amp",
        ),
    ],
    ids=repr,
)
def test_a_page_made_to_take_long_does_not(piece: bytes) -> None:
    body = piece * (PARSED_BYTES // len(piece))
    for page in (body, b"<title>" + body):
        began = time.thread_time()
        about(HTML, page)
        assert time.thread_time() - began < 2
