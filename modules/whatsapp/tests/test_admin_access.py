"""Whom the admin's pages of WhatsApp are for, what they never show, and how many queries their lists take."""

import pytest
from django.test import Client

from core import crypto
from core.ids import uuid7
from modules.whatsapp.models import Bulk, Contact, InboundEvent, Media, Message, WhatsAppSession
from modules.whatsapp.tests.admin_support import listing, page, queries, rows, text_of
from modules.whatsapp.tests.factories import NUMBERS, connected
from users.tests.factories import make_user
from users.tests.support import signed_in

pytestmark = pytest.mark.django_db

LISTS = ("whatsappsession", "message", "bulk", "contact", "media", "inboundevent")
CHART = "/admin/whatsapp-chart/"
QUESTIONS = {
    "whatsappsession": ("restart", "log_out", "suspend", "release", "set_pace"),
    "bulk": ("pause", "resume", "cancel"),
    "contact": ("opt_in", "opt_out"),
}


def one_of_each(user, number=0, **fields):
    """A session and all that belongs to one."""
    session = connected(user, **fields)
    bulk = Bulk.objects.create(user=user, session=session, name=f"news {number}", accepted=1)
    media = Media.objects.create(
        user=user, session=session, kind="image", source_url="https://files.example.com/a.png?key=s3kr3t"
    )
    message = Message.objects.create(user=user, session=session, bulk=bulk, recipient=NUMBERS[number], media=media)
    contact = Contact.objects.create(session=session, phone_number=NUMBERS[number])
    event = InboundEvent.objects.create(session=session, driver="sandbox", event_id=str(uuid7()), payload={"kind": "ack"})
    return [session, bulk, media, message, contact, event]


def test_outsiders_see_and_do_nothing_and_any_of_the_staff_sees_all(user):
    things = one_of_each(user)
    addresses = [*map(listing, LISTS), *map(page, things), CHART]
    questions = [page(thing, action) for thing in things for action in QUESTIONS.get(thing._meta.model_name, ())]
    for browser in (Client(), signed_in(user)):
        for address in (*addresses, *questions):
            assert browser.get(address)["Location"].startswith("/admin/login/")
        for address in questions:
            assert browser.post(address)["Location"].startswith("/admin/login/")
    session = WhatsAppSession.objects.get()
    assert (session.wish, session.is_suspended, session.restart_wanted) == ("connected", False, False)
    assert Bulk.objects.get().status == "running"
    assert Contact.objects.get().opted_out_at is None
    staff = signed_in(make_user(is_staff=True))
    for address in (*addresses, *questions):
        assert staff.get(address).status_code == 200


def test_nothing_is_added_edited_or_deleted_here(chief, user):
    things = one_of_each(user)
    for name in LISTS:
        assert chief.get(f"{listing(name)}add/").status_code == 403
    for thing in things:
        assert chief.post(page(thing, "delete"), {"post": "yes"}).status_code == 403
        assert chief.post(page(thing), {"status": "failed", "phone_number": "+15550109999"}).status_code == 403
        assert type(thing).objects.get(pk=thing.pk) == thing
    assert Message.objects.get().status == "queued"
    assert Contact.objects.get().phone_number == NUMBERS[0]


def test_credentials_and_the_query_of_a_url_are_shown_nowhere(chief, user):
    secret = crypto.encrypt(b'{"access_token": "t0ken", "phone_number_id": "1055500"}')
    things = one_of_each(user, driver="cloud_api", credentials=secret, routing_id="1055500")
    questions = [page(things[0], action) for action in QUESTIONS["whatsappsession"]]
    for address in (*map(listing, LISTS), *map(page, things), *questions):
        content = text_of(chief, address)
        for hidden in ("t0ken", "1055500", "s3kr3t", secret.hex(), str(secret)):
            assert hidden not in content


@pytest.mark.parametrize("name", LISTS)
def test_the_queries_of_a_list_do_not_grow_with_its_rows(chief, name):
    one_of_each(make_user())
    chief.get(listing(name))
    few = queries(lambda: chief.get(listing(name)))
    for number in range(1, 12):
        one_of_each(make_user(), number)
    many = queries(lambda: chief.get(listing(name)))
    assert len(rows(chief, name)) == 12
    assert len(many) == len(few)


@pytest.mark.parametrize("name", [name for name in LISTS if name != "whatsappsession"])
def test_lists_of_what_grows_are_never_counted_and_are_paged_by_position(chief, user, name, monkeypatch):
    monkeypatch.setattr("core.admin_pages.base.AdministratorAdmin.list_per_page", 2)
    session = connected(user)
    for number in range(5):
        one = {
            "message": lambda n: Message(user=user, session=session, recipient=NUMBERS[n]),
            "bulk": lambda n: Bulk(user=user, session=session),
            "contact": lambda n: Contact(session=session, phone_number=NUMBERS[n]),
            "media": lambda n: Media(user=user, kind="image"),
            "inboundevent": lambda n: InboundEvent(session=session, driver="sandbox", event_id=str(n), payload={}),
        }[name](number)
        one.save()
    seen, query = [], {}
    for _ in range(3):
        assert not [sql for sql in queries(lambda query=query: chief.get(listing(name), query)) if "__count" in sql]
        change_list = chief.get(listing(name), query).context["cl"]
        seen.append([row.pk for row in change_list.result_list])
        back, query = change_list.newer, _query(change_list.older)
    assert [len(keys) for keys in seen] == [2, 2, 1]
    assert [*seen[0], *seen[1], *seen[2]] == sorted({*seen[0], *seen[1], *seen[2]}, reverse=True)
    assert [row.pk for row in chief.get(listing(name), _query(back)).context["cl"].result_list] == seen[1]


@pytest.mark.parametrize("name", LISTS)
def test_whatever_is_typed_is_no_error(chief, user, name):
    one_of_each(user)
    for text in ("\0", "%", "'", "ü", "+" * 40, "x" * 300, "0", "[]"):
        for parameter in ("q", "user", "session", "bulk", "status__exact", "created_at_from_0", "p"):
            assert chief.get(listing(name), {parameter: text}).status_code in (200, 302)


def test_the_page_of_what_is_gone_leads_back_to_the_list(chief, user):
    session = connected(user)
    session.delete()
    for action in QUESTIONS["whatsappsession"]:
        assert chief.post(page(session, action)).status_code in (302, 404)
    assert chief.get(page(session)).status_code == 302


def test_the_side_bar_and_the_owner_lead_to_the_pages(chief, user):
    connected(user)
    content = text_of(chief, f"/admin/users/user/{user.pk}/change/")
    for name in LISTS:
        assert f'href="{listing(name)}"' in content
    for name in ("whatsappsession", "message", "bulk"):
        assert f"{listing(name)}?user={user.pk}" in content
    assert CHART in content


def _query(link):
    return dict(part.split("=") for part in link.lstrip("?").split("&")) if link else {}
