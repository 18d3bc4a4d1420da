"""GET /api/v1/webhooks/{id}/deliveries/"""

from datetime import timedelta
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.utils import timezone

from api.tests.answers import assert_anonymous, assert_lacks_scope, error, wrong_fields
from api.v1.webhooks.tests.support import LIST, detail
from webhooks import services
from webhooks.models import WebhookDelivery
from webhooks.tests.factories import deliver_to_queue, end, make_endpoint

pytestmark = pytest.mark.django_db


def shown(client, made, query=""):
    response = client.get(detail(made, "deliveries/") + query)
    assert response.status_code == 200, response.json()
    return [row["id"] for row in response.json()["data"]]


@pytest.fixture
def log(user, made):
    """Four deliveries, an hour apart, the oldest first."""
    rows = [*deliver_to_queue(user, 3), services.send_test(endpoint=made.endpoint, actor=user)]
    start = timezone.now() - timedelta(hours=4)
    for index, row in enumerate(rows):
        WebhookDelivery.objects.filter(pk=row.pk).update(created_at=start + timedelta(hours=index))
        row.refresh_from_db()
    end(rows[0], "failed")
    end(rows[1], "succeeded")
    return rows


def test_others_are_refused(api, as_other, as_admin, as_bare_key, as_guest, made, log):
    path = detail(made, "deliveries/")
    assert_anonymous(api.get(path))
    for client in (as_other, as_admin):
        assert error(client.get(path)) == (404, "not_found")
    assert error(as_guest.get(path)) == (403, "account_required")
    assert_lacks_scope(as_bare_key.get(path), "webhooks:read")
    assert error(as_other.get(f"{LIST}{uuid4()}/deliveries/")) == (404, "not_found")


def test_the_owner_sees_this_endpoints_newest_first_without_bodies(as_user, as_reading_key, user, made, log):
    make_endpoint(user)
    deliver_to_queue(user)
    ids = {str(row.pk) for row in log}
    for client in (as_user, as_reading_key):
        found = [key for key in shown(client, made) if key in ids]
        assert found == [str(row.pk) for row in reversed(log)]
    row = as_user.get(detail(made, "deliveries/")).json()["data"][-1]
    assert (row["webhook"], row["status"], "body" in row) == (str(made.endpoint.pk), "failed", False)


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        ("?status=failed", [0]),
        ("?status=pending", [3, 2]),
        ("?event_type=webhook.test", [3]),
        ("?event_type=user.created", [2, 1, 0]),
        ("?is_test=true", [3]),
        ("?is_test=false&status=succeeded", [1]),
    ],
)
def test_filters(as_user, made, log, query, indexes):
    assert shown(as_user, made, query) == [str(log[index].pk) for index in indexes]


def test_a_range_of_time(as_user, made, log):
    start, stop = quote(log[1].created_at.isoformat()), quote(log[3].created_at.isoformat())
    assert shown(as_user, made, f"?start={start}&end={stop}") == [str(log[2].pk), str(log[1].pk)]


def test_pages_by_cursor(as_user, made, log):
    path = detail(made, "deliveries/") + "?page_size=3"
    first = as_user.get(path).json()
    cursor = first["meta"]["pagination"]["next_cursor"]
    second = as_user.get(f"{path}&cursor={cursor}").json()
    assert [row["id"] for row in first["data"] + second["data"]] == [str(row.pk) for row in reversed(log)]
    assert second["meta"]["pagination"]["next_cursor"] is None


@pytest.mark.parametrize("query", ["?status=lost", "?start=yesterday", "?is_test=maybe", "?cursor=abc", "?page_size=0"])
def test_a_bad_parameter_is_named(as_user, made, query):
    (field, _), *_ = wrong_fields(as_user.get(detail(made, "deliveries/") + query))
    assert field == query[1:].partition("=")[0]
