"""GET, PATCH and DELETE /api/v1/webhooks/{id}/"""

from uuid import uuid4

import pytest

from api.tests.answers import assert_anonymous, assert_lacks_scope, error, wrong_fields
from api.v1.webhooks.tests.support import LIST, detail, snapshot
from api_keys.tests.factories import make_key
from webhooks.models import WebhookDelivery, WebhookEndpoint
from webhooks.tests.factories import deliver_to_queue, make_endpoint, reload

pytestmark = pytest.mark.django_db
CHANGE = {"description": "changed", "event_types": ["*"]}


def calls(client, made):
    return [client.get(detail(made)), client.patch(detail(made), CHANGE), client.delete(detail(made))]


class TestRefused:
    @pytest.fixture(autouse=True)
    def _nothing_changed(self, made):
        before = snapshot(made)
        yield
        assert snapshot(made) == before

    def test_an_anonymous_caller(self, api, made):
        for response in calls(api, made):
            assert_anonymous(response)

    def test_an_outsider_also_an_administrator_is_told_nothing(self, as_other, as_admin, made):
        for client in (as_other, as_admin):
            assert {error(response) for response in calls(client, made)} == {(404, "not_found")}

    def test_a_key_without_the_scope(self, as_bare_key, as_reading_key, made):
        for response, scope in zip(calls(as_bare_key, made), ["read", "write", "write"], strict=True):
            assert_lacks_scope(response, f"webhooks:{scope}")
        for response in calls(as_reading_key, made)[1:]:
            assert_lacks_scope(response, "webhooks:write")

    @pytest.mark.parametrize(
        ("change", "wrong"),
        [
            ({"url": "https://127.0.0.1/"}, ("url", "address_refused")),
            ({"event_types": ["no.such"]}, ("event_types", "unknown_event_type")),
            ({"event_types": []}, ("event_types", "empty")),
        ],
    )
    def test_what_is_wrong_is_named(self, as_user, made, change, wrong):
        assert wrong_fields(as_user.patch(detail(made), {"description": "changed", **change})) == [wrong]

    def test_going_for_the_whole_platform(self, as_user, made):
        assert error(as_user.patch(detail(made), {"audience": "platform"})) == (403, "admin_required")


def test_an_owner_reads_it_without_any_secret(as_user, as_reading_key, made):
    for client in (as_user, as_reading_key):
        response = client.get(detail(made))
        assert response.json()["data"]["id"] == str(made.endpoint.pk)
        assert "secret" not in response.json()["data"]
        assert made.secret not in response.content.decode()


def test_an_unknown_one_is_not_found(as_user):
    assert error(as_user.get(f"{LIST}{uuid4()}/")) == (404, "not_found")


def test_changing_sets_what_is_named_and_leaves_the_rest(as_user, as_key, made):
    assert as_user.patch(detail(made), CHANGE).json()["data"]["description"] == "changed"
    assert as_key.patch(detail(made), {"url": "https://new.example.com/"}).status_code == 200
    endpoint = reload(made.endpoint)
    assert (endpoint.description, endpoint.url) == ("changed", "https://new.example.com/")


def test_a_key_cannot_lead_an_endpoint_of_the_platform_elsewhere(api, admin):
    platform = make_endpoint(admin, audience="platform")
    caller = api.as_key(make_key(admin).raw)
    assert error(caller.patch(detail(platform), {"url": "https://elsewhere.example.com/"})) == (403, "session_required")
    assert error(caller.post(detail(platform, "rotate-secret/"), {})) == (403, "session_required")
    assert reload(platform.endpoint).url == platform.endpoint.url


def test_deleting_removes_it_with_its_deliveries(as_user, user, made):
    deliver_to_queue(user)
    assert as_user.delete(detail(made)).status_code == 204
    assert not WebhookEndpoint.objects.exists()
    assert not WebhookDelivery.objects.exists()
    assert error(as_user.delete(detail(made))) == (404, "not_found")
