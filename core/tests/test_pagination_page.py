"""Page numbers: bounds, totals, and two queries whatever the page."""

from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from core.exceptions import Invalid
from core.models import AuditEntry
from core.pagination import MAX_OFFSET, PageNumberPagination

pytestmark = pytest.mark.django_db


def fill(count):
    group = uuid4().hex
    AuditEntry.objects.bulk_create(AuditEntry(action="a", target_type="t", target_id=group) for _ in range(count))
    return group


def page(group, **query):
    paginator = PageNumberPagination()
    queryset = AuditEntry.objects.filter(target_id=group).order_by("-id")
    rows = paginator.paginate_queryset(queryset, Request(APIRequestFactory().get("/", query)))
    return rows, paginator.get_paginated_response([]).pagination


def refused(group="g", **query):
    with pytest.raises(Invalid) as caught:
        page(group, **query)
    (detail,) = caught.value.details
    return detail.field, detail.code


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(0, 40), size=st.integers(1, 15))
def test_all_pages_together_hold_each_row_once_in_order(count, size):
    group = fill(count)
    seen, number = [], 1
    while True:
        rows, pagination = page(group, page=number, page_size=size)
        seen += [row.pk for row in rows]
        assert pagination["page"] == number
        assert pagination["page_size"] == size
        assert pagination["total"] == count
        assert pagination["total_pages"] == max(1, -(-count // size))
        if not pagination["has_next"]:
            break
        number += 1
    assert seen == [row.pk for row in AuditEntry.objects.filter(target_id=group).order_by("-id")]
    assert refused(group, page=number + 1, page_size=size) == ("page", "out_of_range")


def test_twenty_five_rows_are_a_page_unless_asked_otherwise():
    rows, pagination = page(fill(30))
    assert len(rows) == 25
    assert (pagination["page"], pagination["has_next"]) == (1, True)


def test_an_empty_list_has_a_first_page():
    assert page(fill(0)) == ([], {"page": 1, "page_size": 25, "total_pages": 1, "total": 0, "has_next": False})


BAD = ["0", "-1", "1.0", "one", "", " 1", "1 ", "٣", "²", "9" * 40, str(2**63), "1e3", "+1", "\x00", "NaN"]


@pytest.mark.parametrize("number", [*BAD, str(MAX_OFFSET + 1)])
def test_a_page_number_that_is_none_is_refused_before_any_query(number, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert refused(page=number) == ("page", "out_of_range")


@pytest.mark.parametrize("size", [*BAD, "101"])
def test_a_page_size_out_of_bounds_is_refused_before_any_query(size, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert refused(page_size=size) == ("page_size", "out_of_range")


def test_no_page_lies_beyond_the_greatest_offset():
    assert refused(page=MAX_OFFSET // 100 + 1, page_size=100) == ("page", "out_of_range")


def test_a_page_costs_two_queries_however_far_it_lies(django_assert_num_queries):
    group = fill(30)
    for number in (1, 3):
        with django_assert_num_queries(2):
            page(group, page=number, page_size=10)


def test_the_schema_tells_the_parameters_and_the_kind_of_paging():
    paginator = PageNumberPagination()
    assert [parameter["name"] for parameter in paginator.get_schema_operation_parameters(None)] == ["page", "page_size"]
    assert paginator.get_paginated_response_schema({"type": "array"})["x-pagination"] == "PagePagination"
