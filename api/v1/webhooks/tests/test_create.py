"""POST /api/v1/webhooks/"""

import pytest

from api.tests.answers import assert_anonymous, assert_lacks_scope, error, wrong_fields
from api.v1.webhooks.tests.support import LIST, URL
from api_keys.tests.factories import make_key
from webhooks import services, signing
from webhooks.models import WebhookEndpoint

pytestmark = pytest.mark.django_db
BODY = {"url": URL, "event_types": ["user.*"]}


class TestRefused:
    @pytest.fixture(autouse=True)
    def _nothing_is_made(self, db):
        yield
        assert not WebhookEndpoint.objects.exists()

    def test_an_anonymous_caller(self, api):
        assert_anonymous(api.post(LIST, BODY))

    def test_a_guest(self, as_guest):
        assert error(as_guest.post(LIST, BODY)) == (403, "account_required")

    def test_a_key_without_the_scope(self, as_bare_key, as_reading_key):
        assert_lacks_scope(as_bare_key.post(LIST, BODY), "webhooks:write")
        assert_lacks_scope(as_reading_key.post(LIST, BODY), "webhooks:write")

    def test_the_whole_platform_for_who_is_no_administrator(self, as_user):
        assert error(as_user.post(LIST, {**BODY, "audience": "platform"})) == (403, "admin_required")

    def test_the_whole_platform_by_an_administrators_key(self, api, admin):
        caller = api.as_key(make_key(admin).raw)
        assert error(caller.post(LIST, {**BODY, "audience": "platform"})) == (403, "session_required")

    @pytest.mark.parametrize(
        ("change", "wrong"),
        [
            ({"url": ""}, ("url", "blank")),
            ({"url": None}, ("url", "null")),
            ({"url": "x" * 2001}, ("url", "max_length")),
            ({"url": "http://hooks.example.com/"}, ("url", "https_required")),
            ({"url": "https://10.0.0.1/"}, ("url", "address_refused")),
            ({"url": "https://a\x00b/"}, ("url", "null_characters_not_allowed")),
            ({"event_types": []}, ("event_types", "empty")),
            ({"event_types": "user.*"}, ("event_types", "not_a_list")),
            ({"event_types": ["nothing.like_it"]}, ("event_types", "unknown_event_type")),
            ({"event_types": ["*"] * 51}, ("event_types", "max_length")),
            ({"audience": "world"}, ("audience", "invalid_choice")),
            ({"description": "x" * 201}, ("description", "max_length")),
            ({"secret": "hush"}, ("secret", "invalid_secret")),
        ],
    )
    def test_what_is_wrong_is_named(self, as_user, change, wrong):
        assert wrong_fields(as_user.post(LIST, {**BODY, **change})) == [wrong]

    def test_what_is_missing_is_named(self, as_user):
        assert wrong_fields(as_user.post(LIST, {})) == [("url", "required"), ("event_types", "required")]


def test_the_secret_is_in_this_answer_and_nowhere_else(as_user, user):
    response = as_user.post(LIST, {**BODY, "description": "mine"})
    assert response.status_code == 201
    data = response.json()["data"]
    assert response.headers["Location"] == f"{LIST}{data['id']}/"
    assert response.headers["Cache-Control"] == "no-store"
    assert len(signing.parse_secret(data["secret"])) == 32
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.owner, endpoint.url, endpoint.event_types, endpoint.audience) == (user, URL, ["user.*"], "own")
    assert (data["is_active"], data["disabled_reason"], data["description"]) == (True, "", "mine")
    for path in (LIST, response.headers["Location"]):
        assert data["secret"] not in as_user.get(path).content.decode()


def test_a_key_with_the_scope_makes_one_for_its_owner(as_key, user):
    assert as_key.post(LIST, BODY).status_code == 201
    assert WebhookEndpoint.objects.get().owner == user


def test_an_administrator_listens_to_the_platform(as_admin):
    assert as_admin.post(LIST, {**BODY, "audience": "platform"}).json()["data"]["audience"] == "platform"


def test_an_idempotent_repeat_answers_the_same_secret(as_user):
    answers = [as_user.post(LIST, BODY, headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert answers[0].json()["data"] == answers[1].json()["data"]
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert WebhookEndpoint.objects.count() == 1


def test_there_is_a_most(as_user, monkeypatch):
    monkeypatch.setattr(services, "MAX_ENDPOINTS", 1)
    as_user.post(LIST, BODY)
    assert error(as_user.post(LIST, BODY)) == (409, "too_many_webhooks")
    assert WebhookEndpoint.objects.count() == 1
