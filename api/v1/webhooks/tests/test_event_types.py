"""GET /api/v1/webhooks/event-types/"""

import pytest

from api.tests.answers import assert_anonymous, assert_lacks_scope
from api.v1.webhooks.tests.support import LIST
from events import catalogue

pytestmark = pytest.mark.django_db
TYPES = f"{LIST}event-types/"


def test_others_are_refused(api, as_bare_key):
    assert_anonymous(api.get(TYPES))
    assert_lacks_scope(as_bare_key.get(TYPES), "webhooks:read")


def test_every_type_of_the_catalogue_is_described_with_a_schema_that_its_example_fits(as_user, as_reading_key):
    for client in (as_user, as_reading_key):
        rows = client.get(TYPES).json()["data"]
        assert [row["name"] for row in rows] == [kind.name for kind in catalogue.event_types()]
        assert {"user.created", "webhook.disabled", "webhook.test"} <= {row["name"] for row in rows}
        for row in rows:
            assert row["description"]
            assert set(row["schema"]["required"]) <= set(row["example"]) == set(row["schema"]["properties"])


def test_what_webhooks_tell_is_described_field_by_field():
    for name in ("webhook.disabled", "webhook.test"):
        assert catalogue.undescribed(catalogue.find(name)) == []


def test_each_listed_type_can_be_asked_for(as_user):
    for row in as_user.get(TYPES).json()["data"]:
        body = {"url": "https://hooks.example.com/", "event_types": [row["name"], f"{row['name'].partition('.')[0]}.*"]}
        assert as_user.post(LIST, body).status_code == 201
