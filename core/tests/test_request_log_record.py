"""The line of a request: PostgreSQL's COPY text, which no value can break."""

import sys
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.request_log import COLUMNS, KeyUse, consumers, format_line, on_loaded
from core.request_log.record import escape

FIELDS = {
    "record_id": str(UUID(int=1)),
    "timestamp_us": 1_800_000_000_000_000,
    "method": "GET",
    "endpoint": "/api/v1/users/{id}/",
    "status_code": 200,
    "duration_us": 1500,
    "bytes_in": 0,
    "bytes_out": 120,
    "ip_address": "203.0.113.7",
    "user_id": None,
    "api_key_id": None,
    "request_id": "abc",
    "module": "users",
}


def columns(**fields):
    line = format_line(**{**FIELDS, **fields})
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return dict(zip(COLUMNS, line[:-1].decode().split("\t"), strict=True))


def test_a_line_has_each_column_once_and_null_for_what_is_not_known():
    found = columns()
    assert found["id"] == str(UUID(int=1))
    assert found["endpoint"] == "/api/v1/users/{id}/"
    assert found["user_id"] == r"\N"
    assert columns(ip_address=None)["ip_address"] == r"\N"


@pytest.mark.parametrize("method", ["", "BREW", "GET\t", "get", "X" * 1000])
def test_a_method_we_do_not_know_is_other(method):
    assert columns(method=method)["method"] == "OTHER"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00")))
def test_an_escaped_value_stays_one_value_of_one_line_and_can_be_read_back(text):
    found = columns(endpoint=escape(text))["endpoint"]
    back, i = "", 0
    while i < len(found):
        if found[i] == "\\":
            back += {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}[found[i + 1]]
            i += 2
        else:
            back += found[i]
            i += 1
    assert back == text


def test_a_consumer_is_registered_once():
    known = consumers()

    def consumer(uses: list[KeyUse]) -> None:
        pass

    registered = sys.modules["core.request_log.consumers"]._consumers
    try:
        on_loaded(consumer)
        on_loaded(consumer)
        assert consumers() == (*known, consumer)
    finally:
        registered.remove(consumer)
