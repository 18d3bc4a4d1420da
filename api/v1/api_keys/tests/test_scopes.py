"""GET /api/v1/api-keys/scopes/"""

import pytest

from api.tests.answers import assert_anonymous, assert_lacks_scope
from api.v1.api_keys.tests.support import LIST
from core import registry

pytestmark = pytest.mark.django_db
SCOPES = f"{LIST}scopes/"


def test_an_anonymous_caller_is_refused(api):
    assert_anonymous(api.get(SCOPES))


def test_a_key_without_the_scope_is_refused(as_bare_key):
    assert_lacks_scope(as_bare_key.get(SCOPES), "api_keys:read")


def test_every_declared_scope_is_listed_with_its_meaning_and_who_may_give_it(as_user, as_reading_key):
    for client in (as_user, as_reading_key):
        rows = client.get(SCOPES).json()["data"]
        assert [row["scope"] for row in rows] == sorted(registry.scopes())
        assert {row["scope"]: row["description"] for row in rows} == registry.scopes()
        assert {row["scope"] for row in rows if row["admin_only"]} == registry.admin_scopes() == {"users:read", "users:write"}


def test_it_costs_no_query_once_the_caller_is_known(as_user, django_assert_num_queries):
    as_user.get(SCOPES)
    with django_assert_num_queries(0):
        as_user.get(SCOPES)
