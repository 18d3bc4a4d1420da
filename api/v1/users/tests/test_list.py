"""GET /api/v1/users/"""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from api.v1.users.tests.support import URL, assert_refused_and_unchanged
from users.models import User
from users.tests.factories import make_guest, make_user
from users.tests.support import fields_of

pytestmark = pytest.mark.django_db


def names(caller, **query) -> list[str]:
    response = caller.get(URL, query)
    assert response.status_code == 200, response.content
    return [row["username"] for row in response.json()["data"]]


@pytest.fixture
def people(admin):
    """Four accounts apart in every way the list can be filtered by."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    make_user(username="ada", first_name="Ada", last_name="Lovelace", created_at=start)
    make_user(username="bob", email="builder@example.org", is_active=False, created_at=start + timedelta(days=1))
    make_user(username="eve", is_staff=True, created_at=start + timedelta(days=2), last_login=timezone.now())
    make_guest(username="visitor", created_at=start + timedelta(days=3))
    User.objects.filter(pk=admin.pk).update(created_at=start + timedelta(days=4))
    return admin


def test_only_administrators_see_the_list(api, everybody):
    assert_refused_and_unchanged(api, "users:read", lambda caller: caller.get(URL))


def test_an_administrators_key_with_the_scope_sees_it_too(admin_key, people):
    assert len(names(admin_key)) == 5


def test_everybody_is_listed_the_newest_first(as_admin, people):
    assert names(as_admin) == ["chief", "visitor", "eve", "bob", "ada"]


def test_a_row_has_what_an_administrator_needs_and_no_secret(as_admin, people):
    row = as_admin.get(URL, {"search": "visitor"}).json()["data"][0]
    assert (row["is_guest"], row["guest_resource"], row["email"]) == (True, "room:1", None)
    assert {"password", "tokens_valid_after"}.isdisjoint(row)
    assert row["created_at"] == "2026-01-04T00:00:00Z"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"is_active": "false"}, ["bob"]),
        ({"is_active": "true", "is_guest": "false"}, ["chief", "eve", "ada"]),
        ({"is_staff": "true"}, ["chief", "eve"]),
        ({"is_staff": "1"}, ["chief", "eve"]),
        ({"is_guest": "True"}, ["visitor"]),
        ({"created_after": "2026-01-03T00:00:00Z"}, ["chief", "visitor", "eve"]),
        ({"created_before": "2026-01-03T00:00:00Z"}, ["bob", "ada"]),
        ({"created_after": "2026-01-02T00:00:00Z", "created_before": "2026-01-03T01:00:00+01:00"}, ["bob"]),
        ({"search": "LOVE"}, ["ada"]),
        ({"search": "example.org"}, ["bob"]),
        ({"search": "ada lovelace"}, ["ada"]),
        ({"search": "ada nobody"}, []),
        ({"search": "%"}, []),
        ({"search": "'; DROP TABLE users_user; --"}, []),
        ({"search": "", "is_active": ""}, ["chief", "visitor", "eve", "bob", "ada"]),
        ({"ordering": "username"}, ["ada", "bob", "chief", "eve", "visitor"]),
        ({"ordering": "-username"}, ["visitor", "eve", "chief", "bob", "ada"]),
        ({"ordering": "created_at"}, ["ada", "bob", "eve", "visitor", "chief"]),
        ({"ordering": "-email,username", "is_guest": "false", "is_staff": "false"}, ["bob", "ada"]),
    ],
    ids=str,
)
def test_the_list_can_be_narrowed_searched_and_ordered(as_admin, people, query, expected):
    assert names(as_admin, **query) == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"is_active": "banana"}, "is_active"),
        ({"is_staff": "2"}, "is_staff"),
        ({"is_guest": "null"}, "is_guest"),
        ({"created_after": "yesterday"}, "created_after"),
        ({"created_before": "2026-13-01T00:00:00Z"}, "created_before"),
        ({"created_before": "2026-02-30"}, "created_before"),
        ({"created_after": "\x00"}, "created_after"),
        ({"ordering": "password"}, "ordering"),
        ({"ordering": "-tokens_valid_after"}, "ordering"),
        ({"ordering": "profile__locale"}, "ordering"),
        ({"ordering": "username,"}, "ordering"),
        ({"ordering": "--username"}, "ordering"),
        ({"search": "x" * 201}, "search"),
        ({"search": "a\x00b"}, "search"),
        ({"page": "0"}, "page"),
        ({"page": "-1"}, "page"),
        ({"page": "1.5"}, "page"),
        ({"page": "99999999999999999999"}, "page"),
        ({"page": "2"}, "page"),
        ({"page": "last"}, "page"),
        ({"page": "\u0663"}, "page"),
        ({"page_size": "0"}, "page_size"),
        ({"page_size": "101"}, "page_size"),
        ({"page_size": ""}, "page_size"),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_a_bad_value_is_refused_by_its_name(as_admin, people, query, field):
    assert list(fields_of(as_admin.get(URL, query))) == [field]


@pytest.mark.parametrize("name", ["created_after", "created_before"])
@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00", "9999-12-31"])
def test_times_at_the_ends_of_the_calendar_are_answered_and_no_error(as_admin, people, name, time):
    assert as_admin.get(URL, {name: time}).status_code in {200, 400}


def test_the_pages_together_are_the_whole_list_once(as_admin, people):
    for number in range(8):
        make_user(username=f"more{number}")
    seen = []
    for page in range(1, 5):
        body = as_admin.get(URL, {"page": page, "page_size": 4, "ordering": "username"}).json()
        seen += [row["username"] for row in body["data"]]
        assert body["meta"]["pagination"] == {
            "page": page,
            "page_size": 4,
            "total_pages": 4,
            "total": 13,
            "has_next": page < 4,
        }
    assert seen == sorted(seen)
    assert len(set(seen)) == 13


def test_the_number_of_queries_does_not_grow_with_the_rows(as_admin, admin, django_assert_num_queries):
    as_admin.get(URL)
    with django_assert_num_queries(2):
        assert len(names(as_admin)) == 1
    for _ in range(20):
        make_user()
    with django_assert_num_queries(2):
        assert len(names(as_admin)) == 21
