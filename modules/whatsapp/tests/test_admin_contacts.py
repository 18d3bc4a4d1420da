"""What the admin promises about contacts and who opted out."""

import pytest
from django.utils import timezone

from core.models import AuditEntry
from modules.whatsapp.models import Contact
from modules.whatsapp.tests.admin_support import ids, listing, offered, page, rows, text_of
from modules.whatsapp.tests.factories import ALICE, NUMBERS, connected, reload, send

pytestmark = pytest.mark.django_db

BOB = NUMBERS[1]


@pytest.fixture
def several(user, other):
    mine, theirs = connected(user), connected(other, phone_number="+14155552798")
    out = {"opted_out_at": timezone.now(), "opt_out_source": "inbound"}
    return {
        "alice": Contact.objects.create(session=mine, phone_number=ALICE),
        "bob": Contact.objects.create(session=mine, phone_number=BOB, **out),
        "theirs": Contact.objects.create(session=theirs, phone_number=ALICE),
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, {"alice", "bob", "theirs"}),
        ({"opted_out": "yes"}, {"bob"}),
        ({"opted_out": "no"}, {"alice", "theirs"}),
        ({"opt_out_source__exact": "inbound"}, {"bob"}),
        ({"user": "owner"}, {"alice", "bob"}),
        ({"session": "+14155552798"}, {"theirs"}),
        ({"q": ALICE}, {"alice", "theirs"}),
        ({"q": "1 415 555 2672"}, {"bob"}),
        ({"q": "+1415555"}, set()),
    ],
)
def test_filters_and_exact_searches(chief, several, query, names):
    assert rows(chief, "contact", **query) == ids(*(several[name] for name in names))


def test_opting_out_asks_first_and_takes_back_what_waits(chief, several, user):
    message = send(user)
    assert offered(chief, several["alice"], "opt_in", "opt_out") == {"opt_out"}
    assert "of owner" in text_of(chief, page(several["alice"], "opt_out"))
    assert reload(several["alice"]).opted_out_at is None
    chief.post(page(several["alice"], "opt_out"))
    contact = reload(several["alice"])
    assert contact.opted_out_at is not None
    assert contact.opt_out_source == "admin"
    assert reload(message).status == "cancelled"
    assert reload(several["theirs"]).opted_out_at is None
    assert AuditEntry.objects.get(action="whatsapp.opted_out", via="admin").actor_label == "chief"
    assert "by an administrator" in text_of(chief, page(contact))


def test_opting_in_asks_first(chief, several):
    assert offered(chief, several["bob"], "opt_in", "opt_out") == {"opt_in"}
    assert chief.get(page(several["bob"], "opt_in")).status_code == 200
    assert reload(several["bob"]).opted_out_at is not None
    chief.post(page(several["bob"], "opt_in"))
    assert reload(several["bob"]).opted_out_at is None
    assert AuditEntry.objects.get(action="whatsapp.opted_in", via="admin").actor_label == "chief"


def test_of_many(chief, several):
    chosen = {"action": "opt_out_chosen", "_selected_action": sorted(ids(*several.values()))}
    assert chief.post(listing("contact"), chosen).status_code == 200
    assert Contact.objects.opted_out().count() == 1
    chief.post(listing("contact"), {**chosen, "confirmed": "yes"})
    assert Contact.objects.opted_out().count() == 3
    assert reload(several["bob"]).opt_out_source == "inbound"
    chief.post(listing("contact"), {**chosen, "action": "opt_in_chosen", "confirmed": "yes"})
    assert not Contact.objects.opted_out().exists()
