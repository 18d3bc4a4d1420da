"""GET /api/v1/webhooks/"""

import pytest

from api.tests.answers import assert_anonymous, assert_lacks_scope, error, wrong_fields
from api.v1.webhooks.tests.support import LIST
from webhooks import services
from webhooks.tests.factories import make_endpoint

pytestmark = pytest.mark.django_db


def shown(client, query=""):
    response = client.get(LIST + query)
    assert response.status_code == 200, response.json()
    return [row["description"] for row in response.json()["data"]]


def test_an_anonymous_caller_a_guest_and_a_key_without_the_scope_are_refused(api, as_guest, as_bare_key):
    assert_anonymous(api.get(LIST))
    assert error(as_guest.get(LIST)) == (403, "account_required")
    assert_lacks_scope(as_bare_key.get(LIST), "webhooks:read")


def test_everybody_sees_the_own_ones_newest_first(as_user, as_other, as_admin, as_reading_key, user, other):
    for owner, name in ((user, "first"), (other, "foreign"), (user, "second")):
        make_endpoint(owner, description=name)
    assert shown(as_user) == shown(as_reading_key) == ["second", "first"]
    assert shown(as_other) == ["foreign"]
    assert shown(as_admin) == []


@pytest.fixture
def some(user, as_user):
    made = make_endpoint(user, url="https://a.example.com/", description="all")
    make_endpoint(user, url="https://b.example.com/", description="users", event_types=["user.*"])
    off = make_endpoint(user, url="https://c.example.com/", description="off", event_types=["webhook.test"])
    services.disable_endpoint(endpoint=off.endpoint, actor=user)
    return made


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?is_active=true", ["users", "all"]),
        ("?is_active=false", ["off"]),
        ("?disabled_reason=by_owner", ["off"]),
        ("?disabled_reason=gone", []),
        ("?audience=own", ["off", "users", "all"]),
        ("?event_type=user.created", ["users", "all"]),
        ("?event_type=webhook.test", ["off", "all"]),
        ("?search=b.example", ["users"]),
        ("?search=al", ["all"]),
        ("?ordering=url", ["all", "users", "off"]),
        ("?ordering=-url", ["off", "users", "all"]),
        ("?page_size=1&page=2", ["users"]),
    ],
)
def test_filters_search_order_and_pages(as_user, some, query, names):
    assert shown(as_user, query) == names


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("?is_active=maybe", ("is_active", "invalid")),
        ("?audience=world", ("audience", "invalid_choice")),
        ("?ordering=secret", ("ordering", "unknown_field")),
        ("?page=0", ("page", "out_of_range")),
        ("?page_size=101", ("page_size", "out_of_range")),
    ],
)
def test_a_bad_parameter_is_named(as_user, query, wrong):
    assert wrong_fields(as_user.get(LIST + query)) == [wrong]
