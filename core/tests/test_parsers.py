"""The JSON parser: bounded in size and depth, and strict about what text may be."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ParseError

from core.parsers import MAX_DEPTH, BodyTooLarge, JSONParser
from core.responses import dumps


def parse(body: bytes):
    return JSONParser().parse(io.BytesIO(body))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_what_the_renderer_writes_the_parser_reads(value):
    assert parse(dumps(value)) == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1} {"b": 2}',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\xff"}',
        b'{"a": "\xc3\x28"}',
        '{"a": "x"}'.encode("utf-16"),
        b'{"a": "\\ud800"}',
        b'{"a": "\\udc00\\ud800"}',
        b'{"a": "\x00"}',
        b'{"a": "\n"}',
        b"\x00",
    ],
)
def test_what_is_not_strict_json_in_utf8_is_refused(body):
    with pytest.raises(ParseError) as caught:
        parse(body)
    assert caught.value.get_codes() == "malformed_json"
    assert caught.value.status_code == 400


@given(st.binary(max_size=200))
def test_no_bytes_bring_the_parser_down(body):
    try:
        parse(body)
    except ParseError as error:
        assert error.get_codes() == "malformed_json"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_depth_is_bounded_exactly(opening, closing):
    def nested(depth):
        return (opening * depth + "1" + closing * depth).encode()

    parse(nested(MAX_DEPTH))
    for depth in (MAX_DEPTH + 1, 500, 1000, 100_000):
        with pytest.raises(ParseError) as caught:
            parse(nested(depth))
        assert caught.value.get_codes() == "malformed_json"


def test_a_wide_body_is_not_taken_for_a_deep_one():
    assert parse(b"[" + b"[{}]," * 500 + b"[]]") == [[{}]] * 500 + [[]]


def test_a_body_of_the_greatest_size_is_read_and_one_byte_more_is_not(settings):
    settings.MAX_JSON_BODY_BYTES = 100
    assert parse(b'"' + b"x" * 98 + b'"') == "x" * 98
    with pytest.raises(BodyTooLarge) as caught:
        parse(b'"' + b"x" * 99 + b'"')
    assert caught.value.status_code == 413


def test_of_a_huge_body_no_more_than_the_limit_is_read(settings):
    settings.MAX_JSON_BODY_BYTES = 100
    stream = io.BytesIO(b"x" * 10_000)
    with pytest.raises(BodyTooLarge):
        JSONParser().parse(stream)
    assert stream.tell() == 101
