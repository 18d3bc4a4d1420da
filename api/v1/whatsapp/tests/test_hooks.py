"""POST /api/v1/whatsapp/hooks/{driver}/ and .../{driver}/{session_id}/"""

import json
from typing import Any
from uuid import uuid4

import pytest

from api import gate
from api.tests.answers import error
from api.v1.whatsapp import hook_views
from api.v1.whatsapp.tests.support import MESSAGES, SESSIONS, everything, ids
from core import crypto
from modules.whatsapp.models import InboundEvent
from modules.whatsapp.tests import fake_cloud_hooks as meta
from modules.whatsapp.tests import fake_waha_hooks as waha
from modules.whatsapp.tests.factories import ALICE, connected, hear_all

pytestmark = pytest.mark.django_db
HOOKS = "/api/v1/whatsapp/hooks/"
KEY = "hmac-key"
APP_SECRET = "app-secret"
CLOUD = HOOKS + "cloud_api/"
CHAT = "14155552671@c.us"


def encrypted(**secrets: str) -> bytes:
    return crypto.encrypt(json.dumps(secrets).encode())


@pytest.fixture
def of_waha(user, settings):
    """A session at a WAHA server that signs with KEY."""
    settings.WHATSAPP_WAHA_URL, settings.WHATSAPP_WAHA_HMAC_KEY = "http://waha.example.com", ""
    return connected(user, driver="waha", credentials=encrypted(hmac_key=KEY))


@pytest.fixture
def of_meta(user, settings):
    """A session whose number Meta calls 1055501; the operator's app signs with APP_SECRET."""
    settings.WHATSAPP_CLOUD_API_APP_SECRET = APP_SECRET
    secrets = encrypted(phone_number_id="1055501", access_token="token")
    return connected(user, driver="cloud_api", credentials=secrets, routing_id="1055501")


def path_of(session: Any) -> str:
    return f"{HOOKS}{session.driver}/{session.pk}/"


def hello(event_id: str = "evt_1") -> bytes:
    payload = waha.message(CHAT, "hello", key="3EB0")
    return json.dumps(waha.envelope("message", "atl", payload, event_id=event_id)).encode()


def call(api: Any, path: str, body: bytes, headers: dict[str, str]) -> Any:
    return api.post(path, body, content_type="application/json", headers=headers)


def from_waha(api: Any, session: Any, body: bytes, key: str = KEY) -> Any:
    return call(api, path_of(session), body, waha.sign(key, body))


def from_meta(api: Any, path: str, *values: dict[str, Any], secret: str = APP_SECRET) -> Any:
    body = json.dumps(meta.envelope(*values)).encode()
    return call(api, path, body, {"X-Hub-Signature-256": meta.sign(secret, body)})


class TestASignedCall:
    def test_is_written_down_at_once_and_worked_off_later(self, api, as_key, of_waha):
        answer = from_waha(api, of_waha, hello())
        assert (answer.status_code, answer.json()["data"]) == (200, {"new": 1})
        event = InboundEvent.objects.get()
        assert (event.session, event.event_id, event.processed_at) == (of_waha, "evt_1", None)
        assert ids(as_key.get(MESSAGES)) == []
        hear_all()
        (row,) = as_key.get(MESSAGES, {"direction": "inbound"}).json()["data"]
        assert (row["recipient"], row["content"], row["status"]) == (ALICE, "hello", "received")

    def test_that_comes_again_is_dropped(self, api, as_key, of_waha):
        answers = [from_waha(api, of_waha, hello()).json()["data"]["new"] for _ in range(3)]
        hear_all()
        answers.append(from_waha(api, of_waha, hello()).json()["data"]["new"])
        hear_all()
        assert answers == [1, 0, 0, 0]
        assert len(ids(as_key.get(MESSAGES))) == 1

    def test_needs_nothing_but_the_signature(self, api, of_waha):
        body = hello()
        headers = {**waha.sign(KEY, body), "Authorization": "Bearer nonsense"}
        assert call(api, path_of(of_waha), body, headers).status_code == 200

    def test_has_no_limit_of_its_address_and_an_unsigned_one_has(self, api, of_waha, settings):
        settings.LIMIT_ANONYMOUS = "2/60"
        gate.anonymous_policy.cache_clear()
        try:
            signed = [from_waha(api, of_waha, hello(f"evt_{number}")).status_code for number in range(5)]
            unsigned = [call(api, path_of(of_waha), hello(), {}).status_code for _ in range(3)]
        finally:
            gate.anonymous_policy.cache_clear()
        assert (signed, unsigned) == ([200] * 5, [403, 403, 429])

    def test_is_limited_by_session_so_that_one_cannot_drown_the_others(self, api, other, of_waha, settings):
        settings.LIMIT_HOOKS = "2/60"
        hook_views._policy.cache_clear()
        theirs = connected(other, driver="waha", credentials=of_waha.credentials)
        try:
            answers = [from_waha(api, of_waha, hello(f"evt_{number}")) for number in range(3)]
            of_theirs = from_waha(api, theirs, hello()).status_code
        finally:
            hook_views._policy.cache_clear()
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].headers["Retry-After"]
        assert (of_theirs, of_waha.inbound_events.count()) == (200, 2)

    def test_of_meta_tells_many_things_each_for_its_number(self, api, other, of_meta):
        secrets = encrypted(phone_number_id="1055502", access_token="token")
        theirs = connected(other, driver="cloud_api", credentials=secrets, routing_id="1055502")
        statuses = [meta.status("wamid.A", kind, recipient="14155552671") for kind in ("sent", "delivered")]
        values = [
            meta.value("1055501", statuses=statuses),
            meta.value("1055502", messages=[meta.message("14155552671", body="hello")]),
            meta.value("1055503", statuses=statuses),
        ]
        assert from_meta(api, CLOUD, *values).json()["data"] == {"new": 3}
        assert (of_meta.inbound_events.count(), theirs.inbound_events.count()) == (2, 1)
        assert from_meta(api, CLOUD, *values).json()["data"] == {"new": 0}

    def test_at_a_sessions_own_address_tells_of_its_own_number_only(self, api, of_meta):
        status = meta.status("wamid.A", "sent", recipient="14155552671")
        values = [meta.value(number, statuses=[status]) for number in ("1055501", "1055502")]
        assert from_meta(api, path_of(of_meta), *values).json()["data"] == {"new": 1}
        assert InboundEvent.objects.get().session == of_meta

    def test_about_a_number_is_not_for_who_only_says_that_it_is_theirs(self, api, as_other, settings):
        settings.WHATSAPP_CLOUD_API_APP_SECRET = APP_SECRET
        claim = {"driver": "cloud_api", "credentials": {"phone_number_id": "1055509", "access_token": "guessed"}}
        assert as_other.post(f"{SESSIONS}init/", claim).status_code == 202
        message = meta.message("14155552671", body="private")
        assert from_meta(api, CLOUD, meta.value("1055509", messages=[message])).json()["data"] == {"new": 0}
        assert not InboundEvent.objects.exists()


class TestRefused:
    @pytest.fixture(autouse=True)
    def _nothing_is_written_down(self, as_key, of_waha):
        before = everything()
        yield
        assert everything() == before

    def test_without_a_signature(self, api, as_key, of_waha):
        for caller in (api, as_key):
            assert error(call(caller, path_of(of_waha), hello(), {})) == (403, "invalid_signature")

    def test_signed_with_another_key(self, api, of_waha):
        for key in ("", "other", KEY.upper(), KEY + " "):
            assert error(from_waha(api, of_waha, hello(), key)) == (403, "invalid_signature")

    def test_with_the_signature_of_another_body(self, api, of_waha):
        headers = waha.sign(KEY, hello())
        for body in (hello("evt_2"), hello() + b" ", b""):
            assert error(call(api, path_of(of_waha), body, headers)) == (403, "invalid_signature")

    @pytest.mark.parametrize(
        "change",
        [
            {"X-Webhook-Hmac-Algorithm": "sha1"},
            {"X-Webhook-Hmac-Algorithm": "none"},
            {"X-Webhook-Hmac": ""},
            {"X-Webhook-Hmac": "\u00e9" * 128},
            {"X-Webhook-Hmac": "0" * 100_000},
        ],
    )
    def test_with_another_sort_of_signature(self, api, of_waha, change):
        assert error(call(api, path_of(of_waha), hello(), {**waha.sign(KEY, hello()), **change})) == (403, "invalid_signature")

    def test_at_the_operators_address_with_a_sessions_key(self, api, of_waha):
        assert error(call(api, HOOKS + "waha/", hello(), waha.sign(KEY, hello()))) == (403, "invalid_signature")

    def test_for_a_session_that_is_not_here(self, api, of_waha):
        for path in (f"{HOOKS}waha/{uuid4()}/", f"{HOOKS}cloud_api/{of_waha.pk}/"):
            assert error(call(api, path, hello(), waha.sign(KEY, hello()))) == (404, "not_found")

    @pytest.mark.parametrize("driver", ["sandbox", "pigeon", "WAHA", "waha%00"])
    def test_of_a_driver_that_calls_nobody(self, api, of_waha, driver):
        for path in (f"{HOOKS}{driver}/", f"{HOOKS}{driver}/{of_waha.pk}/"):
            assert error(call(api, path, hello(), waha.sign(KEY, hello()))) == (404, "not_found")

    def test_of_a_sandbox_session(self, api, other):
        assert error(call(api, path_of(connected(other)), hello(), waha.sign(KEY, hello()))) == (404, "not_found")
        other.whatsapp_sessions.all().delete()

    def test_when_it_is_huge_signed_or_not(self, api, of_waha, settings):
        body = b'{"id": "' + b"x" * settings.MAX_JSON_BODY_BYTES + b'"}'
        assert error(from_waha(api, of_waha, body)) == (413, "body_too_large")
        assert error(call(api, path_of(of_waha), body, {})) == (413, "body_too_large")

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[]",
            b"7",
            b'"evt"',
            b"{",
            b"\xff\xfe",
            b'{"id": "\\ud800"}',
            b"{}",
            b'{"id": 7, "event": "message", "payload": {}}',
            b'{"id": "", "event": "message", "payload": {}}',
            b'{"id": "a\\u0000", "event": "message", "payload": []}',
            b'{"id": "evt_1", "event": "message", "payload": []}',
            b'{"id": "evt_1", "event": "message", "payload": null}',
            b"[" * 100_000,
            b'{"a":' * 100_000,
        ],
    )
    def test_when_it_is_signed_nonsense(self, api, of_waha, body):
        assert error(from_waha(api, of_waha, body)) == (400, "malformed_hook")

    def test_when_it_tells_more_than_anybody_has_to_tell(self, api, of_waha, settings):
        settings.WHATSAPP_CLOUD_API_APP_SECRET = APP_SECRET
        statuses = [meta.status(f"wamid.{number}", "sent", recipient="1") for number in range(1001)]
        assert error(from_meta(api, CLOUD, meta.value("1055501", statuses=statuses))) == (400, "malformed_hook")

    @pytest.mark.parametrize("signature", ["", "sha256=", "sha1=" + "0" * 40, "sha256=\u00e9", "0" * 64])
    def test_as_meta_with_another_sort_of_signature(self, api, of_waha, settings, signature):
        settings.WHATSAPP_CLOUD_API_APP_SECRET = APP_SECRET
        assert error(call(api, CLOUD, b"{}", {"X-Hub-Signature-256": signature})) == (403, "invalid_signature")

    def test_as_meta_where_no_secret_is_set(self, api, of_waha, settings):
        settings.WHATSAPP_CLOUD_API_APP_SECRET = ""
        assert error(from_meta(api, CLOUD, secret="")) == (403, "invalid_signature")

    @pytest.mark.parametrize("method", ["put", "patch", "delete"])
    def test_by_any_other_method(self, api, of_waha, method):
        assert getattr(api, method)(path_of(of_waha)).status_code == 405


@pytest.mark.parametrize(
    "payload",
    [
        {"from": CHAT, "body": "a\x00b", "id": "false_x\x00", "timestamp": 10**30},
        {"from": CHAT, "body": "x" * 200_000, "id": "false_x", "timestamp": -5},
        {"from": "\u202e" * 100, "body": {"text": "hello"}, "id": ["x"], "timestamp": "now"},
        {"ack": 99, "id": "true_x"},
        {},
    ],
)
def test_odd_things_in_a_signed_call_break_nothing(api, of_waha, payload):
    for event in ("message", "message.ack", "session.status", "group.join"):
        body = json.dumps(waha.envelope(event, "atl", payload)).encode()
        assert from_waha(api, of_waha, body).status_code in (200, 400)
    for _ in range(8):
        hear_all()
    assert not InboundEvent.objects.filter(processed_at=None).exists()
