"""POST /api/v1/messages/send-bulk/"""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from analytics.models import UsageStats
from api.tests.answers import error, wrong_fields
from api.v1.whatsapp.tests.support import BULKS, MEDIA, MESSAGES, everything, picture, sent_today
from modules.whatsapp.models import Bulk, Contact, Message
from modules.whatsapp.tests.factories import ALICE, NUMBERS, connected, reload

pytestmark = pytest.mark.django_db
PATH = f"{MESSAGES}send-bulk/"
BODY = {"recipients": NUMBERS[:3], "content": "hello"}
TEMPLATE = {"name": "hello_world", "language": "de"}


def test_only_who_may_send_is_let_in(closed, session):
    closed("post", PATH, BODY, scope="whatsapp:send")


def test_each_recipient_gets_a_message_of_its_own(as_key, user, session):
    answer = as_key.post(PATH, {**BODY, "name": "March", "client_reference": "letter-3"})
    assert answer.status_code == 202, answer.json()
    data = answer.json()["data"]
    assert (data["name"], data["status"], data["accepted"], data["rejected_count"]) == ("March", "running", 3, 0)
    assert (data["rejected"], data["progress"]["queued"]) == ([], 3)
    assert answer.headers["Location"] == f"{BULKS}{data['id']}/"
    assert as_key.get(answer.headers["Location"]).json()["data"] == data
    messages = Message.objects.filter(bulk_id=data["id"], session=session, client_reference="letter-3")
    assert sorted(messages.values_list("recipient", flat=True)) == sorted(NUMBERS[:3])
    assert sent_today(user) == 3


def test_ten_thousand_recipients_are_taken_in_one_call(as_key, user, session):
    user.max_messages_per_day = 10_000
    user.save()
    numbers = [f"+1415{exchange}{line:04}" for exchange in (555, 556) for line in range(5000)]
    answer = as_key.post(PATH, {**BODY, "recipients": numbers})
    assert answer.status_code == 202, answer.json()
    assert answer.json()["data"]["accepted"] == 10_000
    assert set(Message.objects.values_list("recipient", flat=True)) == set(numbers)
    assert sent_today(user) == 10_000


def test_one_more_is_too_many(as_key, session):
    before = everything()
    assert wrong_fields(as_key.post(PATH, {**BODY, "recipients": [ALICE] * 10_001})) == [("recipients", "max_length")]
    assert everything() == before


def test_who_cannot_be_written_to_is_refused_singly_with_place_and_reason(as_key, user, session):
    Contact.objects.create(session=session, phone_number=NUMBERS[5], opted_out_at=timezone.now(), opt_out_source="api")
    given = [ALICE, "4155552672", "+1 (415) 555-2671", NUMBERS[5], "+1415", "", "somebody", NUMBERS[1]]
    data = as_key.post(PATH, {**BODY, "recipients": given}).json()["data"]
    assert (data["accepted"], data["rejected_count"]) == (2, 6)
    assert [(one["index"], one["recipient"], one["code"]) for one in data["rejected"]] == [
        (1, "4155552672", "phone_not_international"),
        (2, "+1 (415) 555-2671", "duplicate"),
        (3, NUMBERS[5], "recipient_opted_out"),
        (4, "+1415", "phone_not_possible"),
        (5, "", "phone_not_international"),
        (6, "somebody", "phone_not_international"),
    ]
    assert sorted(Message.objects.values_list("recipient", flat=True)) == [ALICE, NUMBERS[1]]
    assert sent_today(user) == 2


def test_when_nobody_is_left_there_is_no_bulk(as_key, session):
    Contact.objects.create(session=session, phone_number=ALICE, opted_out_at=timezone.now(), opt_out_source="api")
    before = everything()
    assert wrong_fields(as_key.post(PATH, {**BODY, "recipients": [ALICE, "4155552672"]})) == [("recipients", "no_recipients")]
    assert everything() == before


def test_the_quota_takes_all_or_none(as_key, user, session):
    user.max_messages_per_day = 4
    user.save()
    assert as_key.post(PATH, BODY).status_code == 202
    before = everything()
    assert error(as_key.post(PATH, {**BODY, "recipients": NUMBERS[3:5]})) == (429, "daily_quota_exceeded")
    assert everything() == before
    assert as_key.post(PATH, {**BODY, "recipients": NUMBERS[3:4]}).status_code == 202
    assert sent_today(user) == 4


def test_of_a_quota_only_who_is_accepted_counts(as_key, user, session):
    user.max_messages_per_day = 1
    user.save()
    assert as_key.post(PATH, {**BODY, "recipients": [ALICE, ALICE, "nobody"]}).status_code == 202


def test_a_repeat_with_the_same_idempotency_key_sends_nothing_twice(as_key, user, session):
    answers = [as_key.post(PATH, BODY, headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert answers[0].json()["data"] == answers[1].json()["data"]
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert (Bulk.objects.count(), Message.objects.count(), sent_today(user)) == (1, 3, 3)


def test_a_template_goes_to_all(as_key, session):
    body = {"recipients": NUMBERS[:2], "template": TEMPLATE}
    assert as_key.post(PATH, body).status_code == 202
    assert list(Message.objects.values_list("message_type", "template")) == [("template", TEMPLATE)] * 2


def test_a_kept_file_goes_to_all_with_the_content_as_caption(as_key, user, session):
    upload = {"kind": "image", "file": SimpleUploadedFile("a.png", picture())}
    media = as_key.post(MEDIA, upload, format="multipart").json()["data"]["id"]
    assert as_key.post(PATH, {**BODY, "media": media, "content": "look"}).status_code == 202
    found = Message.objects.values_list("message_type", "content", "media_id")
    assert {(kind, text, str(key)) for kind, text, key in found} == {("image", "look", media)}
    assert UsageStats.objects.get(user=user).media_sent == 3


def test_the_file_of_another_account_is_refused(as_key, as_other, session):
    upload = {"kind": "image", "file": SimpleUploadedFile("a.png", picture())}
    for media in (as_other.post(MEDIA, upload, format="multipart").json()["data"]["id"], str(uuid4())):
        assert wrong_fields(as_key.post(PATH, {**BODY, "media": media})) == [("media", "does_not_exist")]
    assert not Bulk.objects.exists()


def test_the_cloud_api_takes_those_who_wrote_within_a_day(as_key, user):
    session = connected(user, driver="cloud_api")
    Contact.objects.create(session=session, phone_number=ALICE, last_inbound_at=timezone.now() - timedelta(hours=1))
    data = as_key.post(PATH, BODY).json()["data"]
    assert (data["accepted"], {one["code"] for one in data["rejected"]}) == (1, {"conversation_window_closed"})
    assert as_key.post(PATH, {"recipients": NUMBERS[:2], "template": TEMPLATE}).json()["data"]["accepted"] == 2


def test_nobody_sends_by_the_session_of_another(as_other, as_test_key, session):
    for stranger in (as_other, as_test_key):
        assert error(stranger.post(PATH, BODY)) == (409, "session_not_connected")
    assert not Bulk.objects.exists()


def test_a_test_key_sends_by_the_test_session_alone(as_test_key, session, session_for_tests):
    assert as_test_key.post(PATH, BODY).status_code == 202
    assert (reload(session_for_tests).messages.count(), reload(session).messages.count()) == (3, 0)


def test_all_of_it_may_be_for_later(as_key, session):
    moment = timezone.now() + timedelta(hours=3)
    assert as_key.post(PATH, {**BODY, "send_at": moment.isoformat()}).status_code == 202
    assert set(Message.objects.values_list("next_attempt_at", flat=True)) == {moment}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"recipients": []}, ("recipients", "min_length")),
        ({"recipients": None}, ("recipients", "null")),
        ({"recipients": ALICE}, ("recipients", "not_a_list")),
        ({"recipients": {"0": ALICE}}, ("recipients", "not_a_list")),
        ({"recipients": [ALICE, None]}, ("recipients.1", "null")),
        ({"recipients": [ALICE, [ALICE]]}, ("recipients.1", "invalid")),
        ({"recipients": [ALICE, "1" * 65]}, ("recipients.1", "max_length")),
        ({"recipients": [ALICE, "+1415\x00"]}, ("recipients.1", "null_characters_not_allowed")),
        ({"content": ""}, ("content", "blank")),
        ({"content": "x" * 5000}, ("content", "max_length")),
        ({"content": "a\x00b"}, ("content", "null_characters_not_allowed")),
        ({"name": "x" * 101}, ("name", "max_length")),
        ({"media": "https://files.example.com/a.png"}, ("media", "invalid")),
        ({"template": TEMPLATE}, ("template", "invalid")),
        ({"media": str(uuid4()), "content": "x" * 1025}, ("content", "max_length")),
        ({"send_at": "2001-01-01T00:00:00Z"}, ("send_at", "in_the_past")),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_queued_or_counted(as_key, session, change, wrong):
    before = everything()
    assert wrong_fields(as_key.post(PATH, {**BODY, **change})) == [wrong]
    assert everything() == before


def test_something_must_be_sent(as_key, session):
    assert wrong_fields(as_key.post(PATH, {"recipients": [ALICE]})) == [("content", "required")]
    assert not Bulk.objects.exists()
