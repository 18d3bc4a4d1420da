"""What the admin promises about messages."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from modules.whatsapp.admin.timeline import timeline
from modules.whatsapp.choices import MessageStatus
from modules.whatsapp.models import Bulk, Media, Message, MessageAttempt
from modules.whatsapp.tests.admin_support import ids, page, rows, text_of
from modules.whatsapp.tests.factories import ALICE, NUMBERS, connected, send

pytestmark = pytest.mark.django_db

BOB = NUMBERS[1]


@pytest.fixture
def several(user, other):
    connected(user)
    theirs = connected(other, driver="waha", phone_number="+14155552798")
    bulk = Bulk.objects.create(user=other, session=theirs, name="Autumn news")
    failed = send(user, ALICE, client_reference="order-7")
    Message.objects.filter(pk=failed.pk).update(
        status="failed", error_code="not_on_whatsapp", created_at=timezone.now() - timedelta(days=3)
    )
    inbound = {"direction": "inbound", "status": "received", "message_type": "image", "provider_id": "true_KEY9"}
    return {
        "failed": failed,
        "queued": send(user, BOB),
        "inbound": Message.objects.create(user=other, session=theirs, recipient=ALICE, **inbound),
        "bulk": Message.objects.create(user=other, session=theirs, recipient=NUMBERS[2], bulk=bulk),
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, {"failed", "queued", "inbound", "bulk"}),
        ({"status__exact": "failed"}, {"failed"}),
        ({"direction__exact": "inbound"}, {"inbound"}),
        ({"message_type__exact": "image"}, {"inbound"}),
        ({"is_sandbox__exact": "1"}, {"failed", "queued"}),
        ({"user": "outsider"}, {"inbound", "bulk"}),
        ({"session": "+1 415-555-2798"}, {"inbound", "bulk"}),
        ({"bulk": "Autumn news"}, {"bulk"}),
        ({"created_at_to_0": f"{timezone.now() - timedelta(days=1):%Y-%m-%d}"}, {"failed"}),
        ({"q": ALICE}, {"failed", "inbound"}),
        ({"q": "1 (415) 555-2671"}, {"failed", "inbound"}),
        ({"q": "order-7"}, {"failed"}),
        ({"q": "true_KEY9"}, {"inbound"}),
        ({"q": "+1415555"}, set()),
        ({"q": "order"}, set()),
        ({"q": str(uuid4())}, set()),
    ],
)
def test_filters_and_exact_searches(chief, several, query, names):
    assert rows(chief, "message", **query) == ids(*(several[name] for name in names))


def test_one_is_found_by_its_id(chief, several):
    assert rows(chief, "message", q=f" {several['queued'].pk} ") == ids(several["queued"])


def test_what_it_says_is_on_its_own_page_only(chief, user):
    connected(user)
    message = send(user, content="the <secret> plan")
    assert "secret" not in text_of(chief, "/admin/whatsapp/message/")
    assert "the &lt;secret&gt; plan" in text_of(chief, page(message))


def test_a_page_shows_the_attempts_the_file_and_the_bulk(chief, several, user):
    message = several["bulk"]
    MessageAttempt.objects.create(
        message=message, number=1, started_at=timezone.now(), duration_ms=7341, error_code="timeout", error_message="<b>late</b>"
    )
    media = Media.objects.create(user=user, kind="image", filename="picture.png")
    Message.objects.filter(pk=message.pk).update(media=media)
    content = text_of(chief, page(message))
    for told in ("7341", "timeout", "&lt;b&gt;late&lt;/b&gt;", "picture.png", page(media), "Autumn news"):
        assert told in content


class TestTheTimeline:
    START = timezone.now().replace(microsecond=0) - timedelta(hours=1)

    def steps(self, **fields):
        message = Message(recipient=ALICE, created_at=self.START, next_attempt_at=self.START, **fields)
        return [(step.name, step.at, step.remark) for step in timeline(message)]

    def after(self, seconds):
        return self.START + timedelta(seconds=seconds)

    def test_of_one_that_was_read_has_every_state_with_its_time(self):
        moments = {"sent_at": self.after(1), "delivered_at": self.after(2), "read_at": self.after(3)}
        assert self.steps(status=MessageStatus.READ, **moments) == [
            ("Queued", self.START, ""),
            ("Sent", self.after(1), ""),
            ("Delivered", self.after(2), ""),
            ("Read", self.after(3), ""),
        ]

    def test_of_one_that_waits_says_until_when_and_why(self):
        first = self.steps(status=MessageStatus.QUEUED, error_code="timeout")[0]
        assert first[2] == f"Due at {self.START:%Y-%m-%d %H:%M:%S}. Last error: timeout."
        assert self.steps(status=MessageStatus.QUEUED, may_be_sent=True)[0][2].endswith(" An earlier attempt may have arrived.")
        assert self.steps(status=MessageStatus.QUEUED, is_held=True)[0][2] == "Held: its bulk is paused."
        assert [at for _, at, _ in self.steps(status=MessageStatus.QUEUED)][1:] == [None, None, None]

    def test_of_a_scheduled_one_says_for_when(self):
        assert self.steps(status=MessageStatus.QUEUED, send_at=self.after(60))[1] == ("Scheduled for", self.after(60), "")

    def test_of_one_under_way_says_which_attempt(self):
        assert ("Sending", None, "Attempt 3 is under way.") in self.steps(status=MessageStatus.SENDING, attempts=3)

    @pytest.mark.parametrize("status", ["failed", "unknown", "cancelled"])
    def test_ends_with_why_it_came_to_nothing(self, status):
        steps = self.steps(status=status, finished_at=self.after(9), error_code="some_code", error_message="Some sentence.")
        assert steps == [("Queued", self.START, ""), (status.capitalize(), self.after(9), "some_code: Some sentence.")]

    def test_of_one_that_failed_after_it_was_sent_has_both(self):
        steps = self.steps(status=MessageStatus.FAILED, sent_at=self.after(1), finished_at=self.after(5), error_code="expired")
        assert [name for name, _, _ in steps] == ["Queued", "Sent", "Failed"]

    def test_of_one_that_came_in_is_its_own(self):
        steps = self.steps(direction="inbound", status=MessageStatus.RECEIVED, sent_at=self.after(-2))
        assert steps == [("Sent by the other party", self.after(-2), ""), ("Received", self.START, "")]

    def test_is_on_the_page(self, chief, several):
        content = text_of(chief, page(several["failed"]))
        assert "Timeline" in content
        assert "not_on_whatsapp" in content
