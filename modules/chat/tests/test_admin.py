"""What the admin promises about chat: everything can be looked at, and what is done goes through the services."""

import json
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.models import AuditEntry
from events.models import Event
from modules.chat import files
from modules.chat.models import Ban, ChatFile, IncomingWebhook, InviteLink, Member, Message, Report, Room
from modules.chat.services import incoming
from modules.chat.tests.factories import make_room, write

pytestmark = pytest.mark.django_db

BASE = "/admin/chat/"
LISTS = ("room", "message", "report", "chatfile", "member", "ban", "invitelink", "incomingwebhook")


def page(thing, action="change"):
    return f"{BASE}{thing._meta.model_name}/{thing.pk}/{action}/"


def rows(browser, model, **query):
    content = browser.get(f"{BASE}{model}/", query).content.decode()
    return set(re.findall(rf"{BASE}{model}/([0-9a-f-]{{36}})/change/", content))


def ids(*things):
    return {str(thing.pk) for thing in things}


@pytest.fixture
def full(user, other):
    """A room with one of everything."""
    room = make_room(user, other, name="Harbour 100%")
    row = files.keep(files.take(b"plain words", "a.txt"))
    row.owner = user
    row.save(force_insert=True)
    message = write(room, user, "<script>alert(1)</script> look", file_ids=(row.pk,))
    made = incoming.create(room_id=room.pk, actor=user, name="Build")
    incoming.post(webhook=made.webhook, text="green")
    return {
        "room": room,
        "message": message,
        "chatfile": row,
        "member": Member.objects.get(user=other),
        "report": Report.objects.create(room=room, message=message, reporter=other, reason="spam", text=message.text),
        "ban": Ban.objects.create(room=room, user=other, banned_by=user, reason="noise"),
        "invitelink": InviteLink.objects.create(room=room, digest=b"d" * 32, created_by=user),
        "incomingwebhook": made.webhook,
    }


@pytest.mark.parametrize("model", LISTS)
def test_each_list_and_each_page_is_there_for_administrators_alone(chief, client, full, model):
    assert str(full[model].pk) in rows(chief, model)
    answer = chief.get(page(full[model]))
    assert answer.status_code == 200
    assert "<script>alert(1)" not in answer.content.decode()
    for address in (f"{BASE}{model}/", page(full[model])):
        assert client.get(address).status_code == 302
    assert chief.get(f"{BASE}{model}/add/").status_code == 403
    assert chief.post(page(full[model], "delete")).status_code == 403


@pytest.mark.parametrize("model", LISTS)
def test_a_list_takes_as_many_queries_for_many_as_for_few(chief, full, user, other, model):
    def taken():
        with CaptureQueriesContext(connection) as found:
            chief.get(f"{BASE}{model}/", {"status": "all"} if model == "report" else {})
        return len(found)

    taken()
    few = taken()
    for number in range(3):
        room = make_room(user, other, name=str(number))
        message = write(room, user)
        Report.objects.create(room=room, message=message, reporter=other, reason="spam")
        Ban.objects.create(room=room, user=other, banned_by=user)
        InviteLink.objects.create(room=room, digest=bytes([number]) * 32, created_by=user)
        incoming.create(room_id=room.pk, actor=user, name="Build")
        ChatFile.objects.create(owner=user, room=room, message=message, kind="file", file="a", filename="a", size=1)
    assert taken() == few


def test_tokens_are_nowhere(chief, full):
    for model in ("invitelink", "incomingwebhook"):
        for address in (f"{BASE}{model}/", page(full[model])):
            content = chief.get(address).content.decode()
            assert "digest" not in content
            assert "dddd" not in content


class TestRooms:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"q": "hARbour"}, True),
            ({"q": "100%"}, True),
            ({"q": "1%0"}, False),
            ({"state": "open"}, True),
            ({"state": "archived"}, False),
            ({"state": "deleted"}, False),
            ({"kind__exact": "private"}, True),
            ({"kind__exact": "public"}, False),
            ({"member": "outsider"}, True),
            ({"member": "chief"}, False),
        ],
    )
    def test_can_be_found(self, chief, full, query, found):
        assert rows(chief, "room", **query) == (ids(full["room"]) if found else set())

    def test_lead_to_what_is_in_them(self, chief, full):
        content = chief.get(page(full["room"])).content.decode()
        for model in LISTS[1:]:
            assert f"{BASE}{model}/?room={full['room'].pk}" in content
            assert rows(chief, model, room=full["room"].pk) >= ids(full[model])
            assert rows(chief, model, room="no such room") == set()

    def test_are_archived_and_taken_out_again_after_a_question(self, chief, full):
        room = full["room"]
        for action, is_archived in (("archive", True), ("unarchive", False)):
            assert chief.get(page(room, action)).status_code == 200
            room.refresh_from_db()
            assert (room.archived_at is not None) is not is_archived
            chief.post(page(room, action))
            room.refresh_from_db()
            assert (room.archived_at is not None) is is_archived
            assert Event.objects.filter(type="room.updated").latest("seq").payload["is_archived"] is is_archived
            assert AuditEntry.objects.get(action=f"chat.room_{action}d", via="admin").actor_label == "chief"

    def test_many_are_archived_at_once(self, chief, full, user):
        chosen = {"action": "archive_chosen", "_selected_action": sorted(ids(full["room"], make_room(user)))}
        assert chief.post(f"{BASE}room/", chosen).status_code == 200
        assert not Room.objects.filter(archived_at__isnull=False).exists()
        chief.post(f"{BASE}room/", {**chosen, "confirmed": "yes"})
        assert Room.objects.filter(archived_at__isnull=False).count() == 2


class TestMessages:
    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ({}, {"people", "program"}),
            ({"flag": "files"}, {"people"}),
            ({"flag": "deleted"}, set()),
            ({"is_bot__exact": "1"}, {"program"}),
            ({"sender": "owner"}, {"people"}),
            ({"sender": "outsider"}, set()),
        ],
    )
    def test_can_be_found(self, chief, full, query, names):
        both = {"people": full["message"], "program": Message.objects.get(is_bot=True)}
        assert rows(chief, "message", **query) == ids(*(both[name] for name in names))

    def test_say_what_is_special_about_them(self, chief, full):
        Message.objects.filter(pk=full["message"].pk).update(edited_at=timezone.now(), pinned_at=timezone.now())
        content = chief.get(f"{BASE}message/").content.decode()
        assert "pinned, edited, files" in content
        assert "Build" in content


class TestReports:
    def test_open_ones_are_shown_unless_others_are_asked_for(self, chief, full, user):
        message = write(full["room"], user)
        done = Report.objects.create(room=full["room"], message=message, reporter=user, reason="abuse", status="resolved")
        assert rows(chief, "report") == ids(full["report"])
        assert rows(chief, "report", status="resolved") == rows(chief, "report", q=str(done.pk)) == ids(done)
        assert rows(chief, "report", status="all") == ids(full["report"], done)

    @pytest.mark.parametrize(("action", "status"), [("resolve", "resolved"), ("dismiss", "dismissed")])
    def test_are_closed_after_a_question_and_once(self, chief, admin, full, action, status):
        report = full["report"]
        assert chief.get(page(report, action)).status_code == 200
        assert Report.objects.get().status == "open"
        chief.post(page(report, action))
        report.refresh_from_db()
        assert (report.status, report.handled_by) == (status, admin)
        assert "handled this report" not in chief.get(page(report)).content.decode()
        chief.post(page(report, "dismiss"))
        assert Report.objects.get().status == status

    def test_many_are_closed_at_once(self, chief, full):
        chosen = {"action": "dismiss_chosen", "_selected_action": sorted(ids(full["report"])), "confirmed": "yes"}
        chief.post(f"{BASE}report/", chosen)
        assert Report.objects.get().status == "dismissed"


class TestDoors:
    @pytest.mark.parametrize(("model", "action"), [("invitelink", "revoke"), ("incomingwebhook", "deactivate")])
    def test_ways_in_are_closed_after_a_question(self, chief, full, model, action):
        assert chief.get(page(full[model], action)).status_code == 200
        assert InviteLink.objects.get().revoked_at is None
        assert IncomingWebhook.objects.get().is_active
        chief.post(page(full[model], action))
        closed = (InviteLink.objects.get().revoked_at is not None, not IncomingWebhook.objects.get().is_active)
        assert closed == (model == "invitelink", model == "incomingwebhook")
        assert AuditEntry.objects.filter(target_id=full[model].pk, via="admin").count() == 1


def test_the_chart_counts_by_hour(chief, full):
    answer = chief.get("/admin/chat-chart/", {"window": "day"})
    assert dict(answer.context["tiles"]) == {"By people": "1", "By programs": "1", "With files": "1", "Deleted since": "0"}
    charts = [json.loads(chart.data) for chart in answer.context["charts"]]
    assert [data["data"][-1] + data["data"][-2] for data in charts[0]["datasets"]] == [1, 1]
    assert len(charts[0]["labels"]) == 24
    Message.objects.update(created_at=timezone.now() - timedelta(days=30))
    assert dict(chief.get("/admin/chat-chart/").context["tiles"])["By people"] == "0"
