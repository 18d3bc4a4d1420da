"""Keyset cursors: every row once and in order, forward and back, whatever is inserted; a forged cursor is 400."""

import base64
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from core.exceptions import Invalid
from core.models import AuditEntry
from core.pagination import KeysetPagination

pytestmark = pytest.mark.django_db
PROPERTY = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class View:
    keyset = ("created_at", "id")


class ThreeFields:
    keyset = ("action", "created_at", "id")


def fill(seconds, group=None):
    """Rows at these seconds (many may share one), findable by their group."""
    group = group or uuid4().hex
    AuditEntry.objects.bulk_create(
        AuditEntry(action=f"a{number % 3}", target_type="t", target_id=group, created_at=BEGIN + timedelta(seconds=second))
        for number, second in enumerate(seconds)
    )
    return group


def page(group, cursor=None, size=None, view=View):
    query = {key: value for key, value in (("cursor", cursor), ("page_size", size)) if value is not None}
    paginator = KeysetPagination()
    rows = paginator.paginate_queryset(
        AuditEntry.objects.filter(target_id=group), Request(APIRequestFactory().get("/", query)), view()
    )
    return rows, paginator.get_paginated_response([]).pagination


def walk(group, size, view=View):
    """All pages forward; the rows of each and the last page's pagination."""
    pages, cursor = [], None
    while True:
        rows, pagination = page(group, cursor, size, view)
        pages.append(rows)
        assert len(pages) <= 100, "the walk goes in circles"
        cursor = pagination["next_cursor"]
        if cursor is None:
            return pages, pagination


def flat(pages):
    return [row.pk for rows in pages for row in rows]


ROWS = st.lists(st.integers(0, 5), max_size=30)


@PROPERTY
@given(seconds=ROWS, size=st.integers(1, 12))
def test_walking_forward_gives_each_row_once_newest_first(seconds, size):
    group = fill(seconds)
    pages, _ = walk(group, size)
    expected = AuditEntry.objects.filter(target_id=group).order_by("-created_at", "-id")
    assert flat(pages) == [row.pk for row in expected]
    assert all(len(rows) == size for rows in pages[:-1])
    assert pages[-1] or len(pages) == 1


@PROPERTY
@given(seconds=st.lists(st.integers(0, 3), min_size=1, max_size=20), size=st.integers(1, 7))
def test_walking_back_from_the_end_gives_the_same_rows(seconds, size):
    group = fill(seconds)
    pages, pagination = walk(group, size)
    back = [pages[-1]]
    while cursor := pagination["previous_cursor"]:
        rows, pagination = page(group, cursor, size)
        if not rows:
            break
        back.insert(0, rows)
        assert len(back) <= 100, "the walk goes in circles"
    assert flat(back) == flat(pages)


@PROPERTY
@given(seconds=ROWS, size=st.integers(1, 7))
def test_a_keyset_of_three_fields_walks_as_well(seconds, size):
    group = fill(seconds)
    pages, _ = walk(group, size, ThreeFields)
    expected = AuditEntry.objects.filter(target_id=group).order_by("-action", "-created_at", "-id")
    assert flat(pages) == [row.pk for row in expected]


@PROPERTY
@given(seconds=st.lists(st.integers(0, 5), min_size=5, max_size=20), added=st.lists(st.integers(-3, 8), max_size=8))
def test_rows_inserted_during_a_walk_neither_repeat_nor_hide_the_others(seconds, added):
    group = fill(seconds)
    before = {row.pk for row in AuditEntry.objects.filter(target_id=group)}
    first, pagination = page(group, size=3)
    fill(added, group)
    seen, cursor = [row.pk for row in first], pagination["next_cursor"]
    while cursor:
        assert len(seen) <= 100, "the walk goes in circles"
        rows, pagination = page(group, cursor, 3)
        seen += [row.pk for row in rows]
        cursor = pagination["next_cursor"]
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


def test_a_deleted_boundary_row_does_not_matter():
    # The cursor is a position, not a row: one between two rows works too.
    group = fill([0, 10])
    position = cursor_of("n", (BEGIN + timedelta(seconds=5)).isoformat(), str(UUID(int=0)))
    rows, pagination = page(group, position)
    assert [row.created_at for row in rows] == [BEGIN]
    assert pagination["next_cursor"] is None
    assert pagination["previous_cursor"] is not None


def test_the_first_and_an_only_page_say_that_there_is_nothing_beside_them():
    _, pagination = page(fill([1, 2]))
    assert pagination == {"page_size": 25, "next_cursor": None, "previous_cursor": None}
    _, pagination = page(fill([]))
    assert pagination == {"page_size": 25, "next_cursor": None, "previous_cursor": None}


def test_a_page_costs_one_query_and_no_count(django_assert_num_queries):
    group = fill(range(30))
    with django_assert_num_queries(1) as queries:
        page(group, size=10)
    assert "COUNT(" not in queries[0]["sql"].upper()
    assert "OFFSET" not in queries[0]["sql"].upper()


def cursor_of(*values):
    return base64.urlsafe_b64encode(orjson.dumps(values)).rstrip(b"=").decode()


def refused(**query):
    with pytest.raises(Invalid) as caught:
        page("g", **query)
    (detail,) = caught.value.details
    return detail.field, detail.code


NOW, SOME = "2026-01-01T00:00:00+00:00", str(UUID(int=7))


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!!",
        "=",
        "é",
        "a" * 513,
        base64.urlsafe_b64encode(b"{").decode(),
        base64.urlsafe_b64encode(b"7").decode(),
        base64.urlsafe_b64encode(b"null").decode(),
        base64.urlsafe_b64encode(b"[]").decode(),
        base64.urlsafe_b64encode(b'{"n": 1}').decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        cursor_of("x", NOW, SOME),
        cursor_of("n"),
        cursor_of("n", NOW),
        cursor_of("n", NOW, SOME, SOME),
        cursor_of("n", None, SOME),
        cursor_of("n", NOW, None),
        cursor_of("n", 5, SOME),
        cursor_of("n", NOW, 7),
        cursor_of("n", [NOW], SOME),
        cursor_of("n", "2026-01-01T00:00:00", SOME),
        cursor_of("n", "2026-01-01", SOME),
        cursor_of("n", "0001-01-01T00:00:00+23:59", SOME),
        cursor_of("p", "9999-12-31T23:59:59-23:59", SOME),
        cursor_of("n", "2026-13-45T99:00:00Z", SOME),
        cursor_of("n", "yesterday", SOME),
        cursor_of("n", "\x00", SOME),
        cursor_of("n", NOW, "not-a-uuid"),
        cursor_of("n", NOW, "\x00"),
        cursor_of("n", NOW, "'; DROP TABLE core_auditentry; --"),
    ],
)
def test_a_cursor_this_list_did_not_make_is_refused(cursor):
    assert refused(cursor=cursor) == ("cursor", "invalid_cursor")


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-01-01T00:00:00+23:59"])
@pytest.mark.parametrize("direction", ["n", "p"])
def test_the_ends_of_time_are_a_position_like_any_other(moment, direction):
    page(fill([1]), cursor_of(direction, moment, SOME))


@PROPERTY
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_no_cursor_brings_the_list_down(cursor):
    try:
        page("g", cursor)
    except Invalid as error:
        assert error.details[0].code == "invalid_cursor"


@pytest.mark.parametrize("size", ["0", "-1", "101", "1.5", "ten", "", " 5", "٣", "9" * 30, "1e2", "+5", "0x10", "\x00"])
def test_a_page_size_out_of_bounds_is_refused(size):
    assert refused(size=size) == ("page_size", "out_of_range")


def test_the_schema_tells_the_parameters_and_the_kind_of_paging():
    paginator = KeysetPagination()
    assert [parameter["name"] for parameter in paginator.get_schema_operation_parameters(None)] == ["cursor", "page_size"]
    assert paginator.get_paginated_response_schema({"type": "array"})["x-pagination"] == "CursorPagination"
