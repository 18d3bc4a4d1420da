"""POST /api/v1/messages/send-text/"""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from analytics.models import UsageStats
from api.tests.answers import error, wrong_fields
from api.v1.whatsapp.tests.support import MESSAGES, SESSIONS, everything, sent_today
from events.models import Event
from modules.whatsapp.models import Contact, Message
from modules.whatsapp.tests.factories import ALICE, connected, reload

pytestmark = pytest.mark.django_db
PATH = f"{MESSAGES}send-text/"
BODY = {"recipient": ALICE, "content": "hello"}


def test_only_who_may_send_is_let_in(closed, session):
    closed("post", PATH, BODY, scope="whatsapp:send")


def test_a_text_is_accepted_at_once_and_queued(as_key, user, session):
    answer = as_key.post(PATH, {"recipient": "+1 (415) 555-2671", "content": "hello", "client_reference": "order-1"})
    assert answer.status_code == 202, answer.json()
    data = answer.json()["data"]
    assert (data["status"], data["recipient"], data["content"]) == ("queued", ALICE, "hello")
    assert (data["direction"], data["message_type"], data["is_sandbox"], data["media"]) == ("outbound", "text", True, None)
    assert answer.headers["Location"] == f"{MESSAGES}{data['id']}/"
    assert as_key.get(answer.headers["Location"]).json()["data"]["client_reference"] == "order-1"
    message = Message.objects.get()
    assert (message.user, message.session, str(message.pk)) == (user, session, data["id"])
    assert message.quota_day == datetime.now(UTC).date()
    assert sent_today(user) == 1


@pytest.mark.django_db(transaction=True)
def test_its_owner_is_told_that_it_is_queued(as_key, user):
    connected(user)
    message_id = as_key.post(PATH, BODY).json()["data"]["id"]
    event = Event.objects.get(stream=f"user:{user.pk}", type="whatsapp.message.queued")
    assert (event.payload["message"], event.payload["recipient"]) == (message_id, ALICE)


@pytest.mark.parametrize("caller", ["as_user", "as_key"])
def test_people_and_their_live_keys_send_by_the_live_session(request, caller, session, session_for_tests):
    assert request.getfixturevalue(caller).post(PATH, BODY).status_code == 202
    assert Message.objects.get().session == session


def test_a_test_key_sends_by_the_test_session_alone(as_test_key, session):
    assert error(as_test_key.post(PATH, BODY)) == (409, "session_not_connected")
    assert not Message.objects.exists()
    of_tests = connected(session.user, environment="test")
    answer = as_test_key.post(PATH, BODY)
    assert (answer.status_code, answer.json()["data"]["is_sandbox"]) == (202, True)
    assert Message.objects.get().session == of_tests


def test_nobody_sends_by_the_session_of_another(as_other, as_admin, session):
    for stranger in (as_other, as_admin):
        assert error(stranger.post(PATH, BODY)) == (409, "session_not_connected")
    assert not Message.objects.exists()


def test_while_a_session_is_connecting_messages_are_taken(as_key):
    as_key.post(f"{SESSIONS}init/", {})
    assert as_key.post(PATH, BODY).status_code == 202


def test_by_a_suspended_session_nothing_is_sent(as_key, user):
    connected(user, is_suspended=True)
    assert error(as_key.post(PATH, BODY)) == (403, "session_suspended")
    assert (Message.objects.count(), sent_today(user)) == (0, 0)


def test_who_opted_out_is_not_written_to(as_key, user, session):
    Contact.objects.create(session=session, phone_number=ALICE, opted_out_at=timezone.now(), opt_out_source="inbound")
    assert error(as_key.post(PATH, {**BODY, "recipient": "+1 415 555 2671"})) == (409, "recipient_opted_out")
    assert (Message.objects.count(), sent_today(user)) == (0, 0)


def test_the_cloud_api_takes_free_text_within_a_day_of_the_recipients_last_message_only(as_key, user):
    session = connected(user, driver="cloud_api")
    answer = as_key.post(PATH, BODY)
    assert error(answer) == (409, "conversation_window_closed")
    assert "send-template" in answer.json()["error"]["message"]
    assert (Message.objects.count(), sent_today(user)) == (0, 0)
    wrote = timezone.now() - timedelta(hours=23)
    Contact.objects.create(session=session, phone_number=ALICE, last_inbound_at=wrote)
    assert as_key.post(PATH, BODY).status_code == 202
    # It will be closed by then.
    later = (timezone.now() + timedelta(hours=2)).isoformat()
    assert error(as_key.post(PATH, {**BODY, "send_at": later})) == (409, "conversation_window_closed")


def test_a_text_for_later_waits_until_then(as_key, session):
    moment = timezone.now() + timedelta(days=2)
    data = as_key.post(PATH, {**BODY, "send_at": moment.isoformat()}).json()["data"]
    assert (data["status"], datetime.fromisoformat(data["send_at"])) == ("queued", moment)
    message = Message.objects.get()
    assert message.next_attempt_at == message.position == moment
    assert message.expires_at > moment


def test_a_clock_that_is_a_little_behind_does_no_harm(as_key, session):
    moment = timezone.now() - timedelta(seconds=30)
    assert as_key.post(PATH, {**BODY, "send_at": moment.isoformat()}).status_code == 202
    assert Message.objects.get().next_attempt_at > moment


@pytest.mark.parametrize("text", [" two  spaces\n", "\U0001f44d\U0001f3fd", "x" * 4096, "\u202eabc", "<b>not a page</b>"])
def test_a_text_is_kept_as_it_was_written(as_key, session, text):
    data = as_key.post(PATH, {**BODY, "content": text}).json()["data"]
    assert data["content"] == Message.objects.get().content == text


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("", "blank"),
        (None, "null"),
        ("4155552671", "phone_not_international"),
        ("0151 12345678", "phone_not_international"),
        ("00491511234567", "phone_not_international"),
        ("+1", "invalid_phone"),
        ("+", "invalid_phone"),
        ("+1415", "phone_not_possible"),
        ("+1415555267", "phone_not_possible"),
        ("+14155552671234567", "phone_not_possible"),
        ("+15005550", "phone_not_possible"),
        ("+0000000000", "invalid_phone"),
        ("+9991234567890", "invalid_phone"),
        ("+" + "1" * 40, "max_length"),
        ("somebody", "phone_not_international"),
        ("+1415555\x002671", "null_characters_not_allowed"),
        (["+14155552671"], "invalid"),
        ({"number": ALICE}, "invalid"),
        (True, "invalid"),
        (14155552671, "phone_not_international"),
    ],
)
def test_what_is_no_number_that_can_exist_is_refused_by_name(as_key, session, number, code):
    before = everything()
    assert wrong_fields(as_key.post(PATH, {**BODY, "recipient": number})) == [("recipient", code)]
    assert everything() == before


def test_a_number_without_its_plus_is_recognised_in_the_refusal(as_key, session):
    (problem,) = as_key.post(PATH, {**BODY, "recipient": "1 415 555 2671"}).json()["error"]["details"]
    assert ALICE in problem["message"]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"content": ""}, ("content", "blank")),
        ({"content": " \n\t "}, ("content", "blank")),
        ({"content": None}, ("content", "null")),
        ({"content": "x" * 4097}, ("content", "max_length")),
        ({"content": "x" * 5000}, ("content", "max_length")),
        ({"content": "a\x00b"}, ("content", "null_characters_not_allowed")),
        ({"content": ["hello"]}, ("content", "invalid")),
        ({"content": {"text": "hello"}}, ("content", "invalid")),
        ({"content": False}, ("content", "invalid")),
        ({"send_at": "2001-01-01T00:00:00Z"}, ("send_at", "in_the_past")),
        ({"send_at": "0001-01-01T00:00:00+14:00"}, ("send_at", "overflow")),
        ({"send_at": "9999-12-31T23:59:59-12:00"}, ("send_at", "overflow")),
        ({"send_at": "9999-12-31T00:00:00Z"}, ("send_at", "out_of_range")),
        ({"send_at": "tomorrow"}, ("send_at", "invalid")),
        ({"send_at": 1900000000}, ("send_at", "invalid")),
        ({"send_at": "2026-02-30T00:00:00Z"}, ("send_at", "invalid")),
        ({"client_reference": "x" * 101}, ("client_reference", "max_length")),
        ({"client_reference": "a\x00"}, ("client_reference", "null_characters_not_allowed")),
        ({"client_reference": None}, ("client_reference", "null")),
        ({"reply_to": "x" * 129}, ("reply_to", "max_length")),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_queued_or_counted(as_key, session, change, wrong):
    before = everything()
    assert wrong_fields(as_key.post(PATH, {**BODY, **change})) == [wrong]
    assert everything() == before


def test_what_is_missing_is_named(as_key, session):
    assert wrong_fields(as_key.post(PATH, {})) == [("recipient", "required"), ("content", "required")]


@pytest.mark.parametrize("body", [b"[]", b'"hello"', b"null", b"7"])
def test_a_body_that_is_no_object_is_refused(as_key, session, body):
    answer = as_key.post(PATH, body, content_type="application/json")
    assert answer.status_code == 400
    assert not Message.objects.exists()


class TestTheDailyQuota:
    def test_past_it_nothing_is_taken_and_it_is_said_when_it_resets(self, api, as_key, user, session):
        user.max_messages_per_day = 2
        user.save()
        assert [as_key.post(PATH, BODY).status_code for _ in range(2)] == [202, 202]
        answer = as_key.post(PATH, BODY)
        assert error(answer) == (429, "daily_quota_exceeded")
        assert 0 < int(answer.headers["Retry-After"]) <= 86_400
        assert (Message.objects.count(), sent_today(user)) == (2, 2)

    def test_of_nothing_takes_nothing(self, as_key, user, session):
        user.max_messages_per_day = 0
        user.save()
        assert error(as_key.post(PATH, BODY)) == (429, "daily_quota_exceeded")
        assert not Message.objects.exists()
        assert not UsageStats.objects.exists()

    def test_is_one_for_a_person_and_their_live_keys(self, as_key, as_user, user, session):
        user.max_messages_per_day = 2
        user.save()
        assert as_key.post(PATH, BODY).status_code == as_user.post(PATH, BODY).status_code == 202
        for caller in (as_key, as_user):
            assert error(caller.post(PATH, BODY)) == (429, "daily_quota_exceeded")

    def test_is_not_used_up_by_test_keys(self, as_key, as_test_key, user, session, session_for_tests):
        user.max_messages_per_day = 1
        user.save()
        assert as_test_key.post(PATH, BODY).status_code == 202
        assert sent_today(user) == 0
        assert as_key.post(PATH, BODY).status_code == 202
        assert sent_today(user) == 1


class TestAnIdempotencyKey:
    def test_makes_a_repeat_the_same_message(self, as_key, user, session):
        answers = [as_key.post(PATH, BODY, headers={"Idempotency-Key": "once"}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].json()["data"] == answers[1].json()["data"]
        assert answers[1].headers["Idempotency-Replayed"] == "true"
        assert answers[1].headers["Location"] == answers[0].headers["Location"]
        assert (Message.objects.count(), sent_today(user)) == (1, 1)

    def test_for_another_message_is_refused(self, as_key, session):
        as_key.post(PATH, BODY, headers={"Idempotency-Key": "once"})
        answer = as_key.post(PATH, {**BODY, "content": "bye"}, headers={"Idempotency-Key": "once"})
        assert error(answer) == (422, "idempotency_key_reused")
        assert Message.objects.count() == 1

    def test_of_a_refused_message_may_be_used_again(self, as_key, user):
        assert as_key.post(PATH, BODY, headers={"Idempotency-Key": "once"}).status_code == 409
        session = connected(user)
        assert as_key.post(PATH, BODY, headers={"Idempotency-Key": "once"}).status_code == 202
        assert reload(session).messages.count() == 1
