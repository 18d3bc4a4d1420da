"""POST /api/v1/webhooks/{id}/enable/ and /disable/"""

import pytest

from api.tests.answers import assert_anonymous, assert_lacks_scope, error
from api.v1.webhooks.tests.support import detail, snapshot
from webhooks import services
from webhooks.models import WebhookDelivery
from webhooks.tests.factories import deliver_to_queue

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("action", ["enable/", "disable/"])]


def test_others_are_refused_and_change_nothing(api, as_other, as_admin, as_bare_key, as_reading_key, user, made, action):
    if action == "enable/":
        services.disable_endpoint(endpoint=made.endpoint, actor=user)
    before = snapshot(made)
    path = detail(made, action)
    assert_anonymous(api.post(path))
    for client in (as_other, as_admin):
        assert error(client.post(path)) == (404, "not_found")
    for client in (as_bare_key, as_reading_key):
        assert_lacks_scope(client.post(path), "webhooks:write")
    assert snapshot(made) == before


def test_the_owner_and_its_key_may_and_twice_is_harmless(as_user, as_key, made, action):
    for client in (as_user, as_key, as_user):
        data = client.post(detail(made, action)).json()["data"]
        assert data["is_active"] is (action == "enable/")
        assert data["disabled_reason"] == ("" if action == "enable/" else "by_owner")
        assert (data["disabled_at"] is None) is (action == "enable/")


def test_what_waits_is_cancelled_by_switching_off(as_user, user, made, action):
    deliver_to_queue(user)
    as_user.post(detail(made, action))
    assert WebhookDelivery.objects.get().status == ("pending" if action == "enable/" else "cancelled")
