"""GET /api/v1/whatsapp/hooks/cloud_api/ and .../{session_id}/: Meta asks whether the address is ours."""

import json
from uuid import uuid4

import pytest

from api import gate
from api.tests.answers import error
from core import crypto
from modules.whatsapp.tests.factories import connected

pytestmark = pytest.mark.django_db
PATH = "/api/v1/whatsapp/hooks/cloud_api/"
TOKEN = "what-meta-is-to-say"
QUERY = {"hub.mode": "subscribe", "hub.verify_token": TOKEN, "hub.challenge": "1158201444"}


@pytest.fixture(autouse=True)
def _the_operators_token(settings):
    settings.WHATSAPP_CLOUD_API_VERIFY_TOKEN = TOKEN


def test_with_the_right_token_the_challenge_comes_back_as_text(api):
    answer = api.get(PATH, QUERY)
    assert (answer.status_code, answer.content) == (200, b"1158201444")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_challenge_is_never_a_page(api):
    answer = api.get(PATH, {**QUERY, "hub.challenge": "<script>" + "x" * 1000})
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert len(answer.content) == 200


@pytest.mark.parametrize(
    "change",
    [
        {"hub.verify_token": ""},
        {"hub.verify_token": "wrong"},
        {"hub.verify_token": TOKEN + " "},
        {"hub.verify_token": "\u00e9\x00"},
        {"hub.mode": "unsubscribe"},
        {"hub.mode": ""},
    ],
)
def test_anything_else_is_refused_without_the_challenge(api, change):
    answer = api.get(PATH, {**QUERY, **change})
    assert error(answer) == (403, "invalid_signature")
    assert "1158201444" not in answer.content.decode()


def test_with_no_token_set_nobody_is_let_in(api, settings):
    settings.WHATSAPP_CLOUD_API_VERIFY_TOKEN = ""
    for token in ("", TOKEN):
        assert error(api.get(PATH, {**QUERY, "hub.verify_token": token})) == (403, "invalid_signature")
    assert error(api.get(PATH)) == (403, "invalid_signature")


def test_a_session_may_have_a_token_of_its_own(api, user):
    secrets = crypto.encrypt(json.dumps({"verify_token": "mine"}).encode())
    path = f"{PATH}{connected(user, driver='cloud_api', credentials=secrets).pk}/"
    assert api.get(path, {**QUERY, "hub.verify_token": "mine"}).status_code == 200
    assert error(api.get(path, QUERY)) == (403, "invalid_signature")
    assert error(api.get(PATH, {**QUERY, "hub.verify_token": "mine"})) == (403, "invalid_signature")


def test_what_is_not_there_is_not_found(api, user):
    waha = connected(user, driver="waha")
    hooks = "/api/v1/whatsapp/hooks"
    for path in (f"{PATH}{uuid4()}/", f"{hooks}/waha/", f"{hooks}/waha/{waha.pk}/", f"{hooks}/sandbox/", f"{hooks}/pigeon/"):
        assert error(api.get(path, QUERY)) == (404, "not_found")


def test_tokens_cannot_be_tried_out_without_end(api, settings):
    settings.LIMIT_ANONYMOUS = "2/60"
    gate.anonymous_policy.cache_clear()
    try:
        answers = [api.get(PATH, {**QUERY, "hub.verify_token": "guess"}).status_code for _ in range(3)]
    finally:
        gate.anonymous_policy.cache_clear()
    assert answers == [403, 403, 429]
