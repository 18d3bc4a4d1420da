"""GET /api/v1/analytics/api-logs/export/"""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils.dateparse import parse_datetime

from analytics import reading
from analytics.models import APILog
from analytics.tests.factories import line, log
from api.tests.answers import wrong_fields
from api.v1.analytics import export
from api.v1.analytics.tests.support import BASE, assert_refuses_strangers
from api_keys.tests.factories import make_key

pytestmark = pytest.mark.django_db
EXPORT = f"{BASE}api-logs/export/"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def body(response):
    assert response.status_code == 200
    assert response.streaming
    return b"".join(response.streaming_content).decode()


def table(response):
    return list(csv.DictReader(io.StringIO(body(response))))


def lines(response):
    return [json.loads(text) for text in body(response).splitlines()]


@pytest.fixture
def requests(user, other):
    log(
        *(line(NOON + timedelta(seconds=number), user_id=user.pk, request_id=f"u{number}") for number in range(5)),
        *(line(NOON, user_id=other.pk, request_id=f"o{number}", status_code=500) for number in range(2)),
        line(NOON, ip_address=None, request_id="nobody"),
    )


def test_strangers_are_refused(api, as_bare_key):
    assert_refuses_strangers(api, as_bare_key, EXPORT, "logs:read")


def test_a_user_and_its_key_export_their_own_newest_first_and_an_administrator_all(api, as_user, as_admin, user, requests):
    own = [f"u{number}" for number in (4, 3, 2, 1, 0)]
    assert [row["request_id"] for row in table(as_user.get(EXPORT))] == own
    assert [row["request_id"] for row in table(api.as_key(make_key(user, scopes=["logs:read"]).raw).get(EXPORT))] == own
    assert len(table(as_admin.get(EXPORT))) == 8


def test_csv_and_ndjson_hold_the_same_values(as_admin, requests):
    csv_answer, json_answer = as_admin.get(f"{EXPORT}?format=csv"), as_admin.get(f"{EXPORT}?format=ndjson")
    assert csv_answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert json_answer.headers["Content-Type"] == "application/x-ndjson"
    assert csv_answer.headers["Content-Disposition"] == 'attachment; filename="requests.csv"'
    assert json_answer.headers["Content-Disposition"] == 'attachment; filename="requests.ndjson"'
    objects = lines(json_answer)
    assert [{name: "" if value is None else str(value) for name, value in row.items()} for row in objects] == table(csv_answer)
    assert list(objects[0]) == list(export.COLUMNS)
    assert objects[0]["timestamp"] == "2026-03-10T12:00:04Z"
    assert parse_datetime(objects[0]["timestamp"]) == NOON + timedelta(seconds=4)
    assert {row["ip_address"] for row in objects} == {"192.0.2.1", None}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("request_id=u3", {"u3"}),
        ("status_class=5", {"o0", "o1"}),
        ("start=2026-03-10T12:00:03Z", {"u3", "u4"}),
        ("limit=2", {"u4", "u3"}),
        ("limit=1&status_class=2", {"u4"}),
        ("status_class=3", set()),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_the_filters_of_the_list_and_a_limit_hold(as_admin, requests, query, expected, kind):
    response = as_admin.get(f"{EXPORT}?format={kind}&{query}")
    rows = table(response) if kind == "csv" else lines(response)
    assert {row["request_id"] for row in rows} == expected


def test_an_empty_export_is_a_header_alone(as_user):
    assert body(as_user.get(EXPORT)) == ",".join(export.COLUMNS) + "\r\n"
    assert body(as_user.get(f"{EXPORT}?format=ndjson")) == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_what_a_spreadsheet_would_take_for_a_formula_is_disarmed_in_csv_and_left_alone_in_json(text):
    row = APILog(timestamp=NOON, request_id=text, endpoint='a,b"c\nd')
    (found,) = csv.DictReader(io.StringIO(b"".join(export.csv_lines([row])).decode(), newline=""))
    assert found["request_id"] == f"'{text}"
    assert found["endpoint"] == 'a,b"c\nd'
    assert json.loads(b"".join(export.ndjson_lines([row])))["request_id"] == text


@pytest.mark.parametrize("number", [0, 1, 199, 200, 201, 400])
def test_blocks_are_put_together_to_all_the_rows(number):
    rows = [APILog(timestamp=NOON, request_id=str(index)) for index in range(number)]
    found = csv.DictReader(io.StringIO(b"".join(export.csv_lines(rows)).decode()))
    assert [row["request_id"] for row in found] == [str(index) for index in range(number)]
    assert b"".join(export.ndjson_lines(rows)).count(b"\n") == number


def test_rows_are_read_while_they_are_sent_not_before(as_admin, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(reading, "CHUNK", 200)
    log(*(line(NOON + timedelta(seconds=number)) for number in range(900)))
    as_admin.get(f"{EXPORT}?limit=1")
    with django_assert_num_queries(0):
        response = as_admin.get(EXPORT)
    stream = iter(response.streaming_content)
    with django_assert_num_queries(1):
        next(stream)
    with django_assert_num_queries(4):
        rest = b"".join(stream)
    assert rest.count(b"\n") == 700


def test_a_stream_is_logged_when_it_ends_with_the_bytes_it_sent(as_admin, requests, load_spool):
    sent = len(body(as_admin.get(EXPORT)).encode())
    load_spool()
    row = APILog.objects.get(endpoint=EXPORT)
    assert (row.status_code, row.bytes_out) == (200, sent)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("format=xml", "format"),
        ("format=", "format"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=1000001", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("limit=x", "limit"),
        ("limit=%D9%A3", "limit"),
        ("status_class=9", "status_class"),
        ("ip_address=x", "ip_address"),
        ("start=x", "start"),
    ],
)
def test_a_bad_value_is_named(as_admin, query, field):
    assert wrong_fields(as_admin.get(f"{EXPORT}?{query}"))[0][0] == field
