"""GET /api/v1/api-keys/"""

from datetime import timedelta

import pytest
from django.utils import timezone

from api.tests.answers import assert_anonymous, assert_lacks_scope, error, wrong_fields
from api.v1.api_keys.tests.support import LIST
from api_keys import services
from api_keys.models import APIKey
from api_keys.tests.factories import make_key

pytestmark = pytest.mark.django_db


def names(response):
    assert response.status_code == 200, response.json()
    return [row["name"] for row in response.json()["data"]]


def test_an_anonymous_caller_is_refused(api):
    assert_anonymous(api.get(LIST))


def test_a_guest_is_refused(as_guest):
    assert error(as_guest.get(LIST)) == (403, "account_required")


def test_a_key_without_the_scope_is_refused(as_bare_key):
    assert_lacks_scope(as_bare_key.get(LIST), "api_keys:read")


def test_a_key_with_the_scope_sees_its_owners_keys(as_reading_key, other):
    make_key(other)
    assert names(as_reading_key.get(LIST)) == ["reader"]


def test_an_owner_sees_its_own_newest_first_and_an_administrator_all(as_user, as_admin, user, other):
    for owner, name in ((user, "first"), (other, "foreign"), (user, "second")):
        make_key(owner, name=name)
    assert names(as_user.get(LIST)) == ["second", "first"]
    assert names(as_admin.get(LIST)) == ["second", "foreign", "first"]


def test_the_raw_key_and_its_digest_are_in_no_row(as_user, user):
    made = make_key(user)
    response = as_user.get(LIST)
    assert made.raw not in response.content.decode()
    assert APIKey.objects.get().digest.rpartition("$")[2] not in response.content.decode()
    assert not {"key", "digest"} & set(response.json()["data"][0])


def test_revoked_keys_stay_listed(as_user, user):
    services.revoke_key(key=make_key(user).key, actor=user)
    assert [row["status"] for row in as_user.get(LIST).json()["data"]] == ["revoked"]


class TestFilters:
    @pytest.fixture(autouse=True)
    def _keys(self, user):
        now = timezone.now()
        make_key(user, name="active")
        make_key(user, name="test", environment="test", scopes=["logs:read"])
        APIKey.objects.filter(pk=make_key(user, name="off", scopes=[]).key.pk).update(is_active=False)
        APIKey.objects.filter(pk=make_key(user, name="old", scopes=[]).key.pk).update(expires_at=now - timedelta(days=1))
        make_key(user, name="ending", scopes=[], expires_at=now + timedelta(days=1))
        services.revoke_key(key=make_key(user, name="gone", scopes=[]).key, actor=user)

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("status=active", {"active", "test", "ending"}),
            ("status=inactive", {"off"}),
            ("status=expired", {"old"}),
            ("status=revoked", {"gone"}),
            ("environment=test", {"test"}),
            ("environment=live&status=active", {"active", "ending"}),
            ("scope=logs:read", {"active", "test"}),
            ("scope=logs", set()),
            ("search=end", {"ending"}),
            ("search=OWNER@example.com off", {"off"}),
            ("search=nothing", set()),
        ],
    )
    def test_each_narrows_the_list(self, as_user, query, expected):
        assert set(names(as_user.get(f"{LIST}?{query}"))) == expected

    def test_status_of_the_filter_is_status_of_the_row(self, as_user):
        for status in ("active", "inactive", "expired", "revoked"):
            rows = as_user.get(f"{LIST}?status={status}").json()["data"]
            assert rows
            assert {row["status"] for row in rows} == {status}

    def test_by_owner_for_an_administrator(self, as_admin, admin, user):
        make_key(admin, name="own")
        assert names(as_admin.get(f"{LIST}?owner={admin.pk}")) == ["own"]
        assert len(names(as_admin.get(f"{LIST}?owner={user.pk}"))) == 6

    def test_another_owner_is_an_empty_list_for_everybody_else(self, as_user, other):
        make_key(other)
        assert names(as_user.get(f"{LIST}?owner={other.pk}")) == []

    def test_by_the_visible_ends_of_a_key(self, as_user, user):
        made = make_key(user, name="wanted")
        assert names(as_user.get(f"{LIST}?search={made.key.last_four}&ordering=name"))[-1:] == ["wanted"]

    @pytest.mark.parametrize(
        ("ordering", "expected"),
        [
            ("name", ["active", "ending", "gone", "off", "old", "test"]),
            ("-name", ["test", "old", "off", "gone", "ending", "active"]),
            ("created_at", ["active", "test", "off", "old", "ending", "gone"]),
        ],
    )
    def test_the_order_is_chosen(self, as_user, ordering, expected):
        assert names(as_user.get(f"{LIST}?ordering={ordering}")) == expected

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("status=asleep", "status"),
            ("environment=moon", "environment"),
            ("owner=me", "owner"),
            ("scope=" + "x" * 65, "scope"),
            ("scope=a%00b", "scope"),
            ("search=a%00b", "search"),
            ("search=" + "x" * 201, "search"),
            ("ordering=digest", "ordering"),
            ("ordering=owner__password", "ordering"),
            ("page=0", "page"),
            ("page=-1", "page"),
            ("page=99", "page"),
            ("page=99999999999999999999", "page"),
            ("page=one", "page"),
            ("page_size=101", "page_size"),
            ("page_size=0", "page_size"),
            ("page_size=%D9%A3", "page_size"),
        ],
    )
    def test_a_bad_value_is_named(self, as_user, query, field):
        assert wrong_fields(as_user.get(f"{LIST}?{query}"))[0][0] == field


def test_pages_hold_every_key_once(as_user, user):
    for number in range(7):
        make_key(user, name=str(number))
    seen = []
    for page in (1, 2, 3):
        response = as_user.get(f"{LIST}?page={page}&page_size=3")
        seen += names(response)
        assert response.json()["meta"]["pagination"] == {
            "page": page,
            "page_size": 3,
            "total_pages": 3,
            "total": 7,
            "has_next": page < 3,
        }
    assert seen == list("6543210")


def test_the_queries_do_not_grow_with_the_rows(as_user, user, django_assert_num_queries):
    make_key(user)
    as_user.get(LIST)
    with django_assert_num_queries(2):
        as_user.get(LIST)
    for _ in range(19):
        make_key(user)
    as_user.get(LIST)
    with django_assert_num_queries(2):
        assert len(names(as_user.get(LIST))) == 20
