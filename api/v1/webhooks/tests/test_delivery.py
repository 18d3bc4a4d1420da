"""GET /api/v1/webhooks/deliveries/{id}/"""

from uuid import uuid4

import pytest

from api.tests.answers import assert_anonymous, assert_lacks_scope, error
from api.v1.webhooks.tests.support import LIST, of_delivery
from api_keys.tests.factories import make_key
from webhooks.tests.factories import deliver_to_queue, end, make_due, make_endpoint
from webhooks.tests.receiver import answers

pytestmark = pytest.mark.django_db


@pytest.fixture
def delivery(user, made):
    return deliver_to_queue(user)[0]


def test_others_are_refused(api, as_other, as_admin, as_bare_key, delivery):
    path = of_delivery(delivery)
    assert_anonymous(api.get(path))
    for client in (as_other, as_admin):
        assert error(client.get(path)) == (404, "not_found")
    assert_lacks_scope(as_bare_key.get(path), "webhooks:read")
    assert error(as_other.get(f"{LIST}deliveries/{uuid4()}/")) == (404, "not_found")


def test_the_owner_sees_the_very_body(as_user, as_reading_key, delivery):
    for client in (as_user, as_reading_key):
        data = client.get(of_delivery(delivery)).json()["data"]
        assert (data["body"], data["attempt_log"], data["event_id"]) == (delivery.body, [], str(delivery.event_id))


def test_what_an_administrators_endpoint_of_the_whole_platform_sent_is_not_for_keys(api, admin, user, settings):
    make_endpoint(admin, audience="platform")
    (delivery,) = deliver_to_queue(user)
    end(delivery, "failed")
    key = api.as_key(make_key(admin, scopes=["webhooks:read", "webhooks:write"]).raw)
    assert error(key.get(of_delivery(delivery))) == (403, "session_required")
    assert error(key.post(f"{of_delivery(delivery)}replay/")) == (403, "session_required")
    delivery.refresh_from_db()
    assert delivery.status == "failed"
    assert api.as_user(admin).get(of_delivery(delivery)).json()["data"]["body"] == delivery.body


def test_and_what_its_attempts_met_with_newest_first_but_no_secret(as_user, user, receiver, sender):
    made = make_endpoint(user, url=receiver(answers(500, b"broken"), answers(200, b"fine")).url)
    (delivery,) = deliver_to_queue(user)
    sender.drain()
    make_due()
    sender.drain()
    response = as_user.get(of_delivery(delivery))
    data = response.json()["data"]
    assert (data["status"], data["attempts"], data["last_status_code"], data["last_error"]) == ("succeeded", 2, 200, "")
    seen = [(one["number"], one["status_code"], one["error"], one["response_head"]) for one in data["attempt_log"]]
    assert seen == [(2, 200, "", "fine"), (1, 500, "bad_status", "broken")]
    assert data["attempt_log"][0]["request_headers"]["webhook-id"] == f"msg_{delivery.event_id.hex}"
    assert made.secret not in response.content.decode()
