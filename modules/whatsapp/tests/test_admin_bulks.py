"""What the admin promises about bulks."""

import pytest
from django.utils.html import escape

from core.models import AuditEntry
from modules.whatsapp.choices import MessageType
from modules.whatsapp.models import Message
from modules.whatsapp.services import bulks
from modules.whatsapp.services.messages import Draft
from modules.whatsapp.tests.admin_support import ids, listing, offered, page, rows, text_of
from modules.whatsapp.tests.factories import NUMBERS, connected, reload

pytestmark = pytest.mark.django_db

ACTIONS = ("pause", "resume", "cancel")


@pytest.fixture
def bulk(user):
    connected(user)
    recipients = [*NUMBERS[:4], "nonsense", "<b>"]
    return bulks.send_bulk(
        user_id=user.pk, environment="live", recipients=recipients, draft=Draft(MessageType.TEXT, "news"), name="Autumn"
    )


def test_a_list_and_a_page_show_how_far_it_is(chief, bulk):
    sent = Message.objects.filter(bulk=bulk, recipient__in=NUMBERS[:3])
    sent.update(status="sent")
    for content in (text_of(chief, listing("bulk")), text_of(chief, page(bulk))):
        assert "3 of 4" in content
    content = text_of(chief, page(bulk))
    assert "1 queued, 3 sent" in content
    assert f"{listing('message')}?bulk={bulk.pk}" in content


def test_a_page_says_who_was_refused_and_why(chief, bulk):
    content = text_of(chief, page(bulk))
    for index, told in ((4, "nonsense"), (5, "<b>")):
        message = next(one["message"] for one in bulk.rejected if one["index"] == index)
        assert f"<li>{index}: {escape(told)}: {escape(message)}</li>" in content


def test_filters(chief, bulk, user):
    for query, found in (
        ({"status__exact": "running"}, ids(bulk)),
        ({"status__exact": "paused"}, set()),
        ({"user": "owner"}, ids(bulk)),
        ({"user": "nobody"}, set()),
    ):
        assert rows(chief, "bulk", **query) == found


@pytest.mark.parametrize(
    ("status", "names"),
    [("running", {"pause", "cancel"}), ("paused", {"resume", "cancel"}), ("cancelled", set()), ("finished", set())],
)
def test_the_buttons_are_those_that_its_state_allows(chief, bulk, status, names):
    bulk.status = status
    bulk.save()
    assert offered(chief, bulk, *ACTIONS) == names


def test_each_asks_first_and_goes_through_the_service(chief, bulk):
    for action, status, held in (("pause", "paused", 4), ("resume", "running", 0), ("cancel", "cancelled", 4)):
        before = reload(bulk).status
        assert "Autumn" in text_of(chief, page(bulk, action))
        assert reload(bulk).status == before
        assert chief.post(page(bulk, action))["Location"] == page(bulk)
        assert reload(bulk).status == status
        assert Message.objects.filter(bulk=bulk, is_held=True).count() == held
        assert AuditEntry.objects.get(action=f"whatsapp.bulk_{status}", via="admin").actor_label == "chief"
    assert set(Message.objects.filter(bulk=bulk).values_list("status", flat=True)) == {"cancelled"}


def test_one_that_is_over_is_refused(chief, bulk):
    bulk.status = "finished"
    bulk.save()
    for action in ACTIONS:
        assert "This bulk is finished or cancelled." in chief.post(page(bulk, action), follow=True).content.decode()
    assert reload(bulk).status == "finished"
