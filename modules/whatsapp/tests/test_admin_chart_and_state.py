"""What the admin promises about the chart of messages and the state of the module."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from modules.whatsapp.admin.state import whatsapp_readings
from modules.whatsapp.choices import SessionStatus
from modules.whatsapp.models import InboundEvent, Media, Message, WhatsAppSession
from modules.whatsapp.tests.admin_support import queries, text_of
from modules.whatsapp.tests.factories import ALICE, NUMBERS, connected

pytestmark = pytest.mark.django_db

CHART = "/admin/whatsapp-chart/"


@pytest.fixture
def session(user):
    return connected(user)


def message(session, status="queued", *, age=timedelta(0), **fields):
    inbound = {"direction": "inbound"} if status == "received" else {}
    return Message.objects.create(
        user_id=session.user_id,
        session=session,
        status=status,
        created_at=timezone.now() - age,
        **{"recipient": ALICE, **inbound, **fields},
    )


class TestTheChart:
    def series(self, chief, window="day"):
        context = chief.get(CHART, {"window": window}).context
        charts = [json.loads(chart.data) for chart in context["charts"]]
        return {one["label"]: one["data"] for one in charts[0]["datasets"]}, charts, dict(context["tiles"])

    def test_counts_by_hour_and_outcome(self, chief, session):
        for status in ("sent", "delivered", "read", "failed", "unknown", "cancelled", "queued", "received"):
            message(session, status)
        message(session, "sent", age=timedelta(hours=2))
        message(session, "sent", age=timedelta(hours=30))
        for window, hours, arrived in (("day", 24, 4), ("week", 168, 5), ("nonsense", 24, 4)):
            series, charts, tiles = self.series(chief, window)
            assert {len(chart["labels"]) for chart in charts} == {hours}
            assert sum(series["Arrived"]) == arrived
            assert (series["Arrived"][-3], series["Arrived"][-1], series["Failed"][-1], series["Waiting"][-1]) == (1, 3, 2, 1)
            assert series["Cancelled"][-1] == 1
            assert charts[2]["datasets"][0]["data"][-1] == 1
            assert (tiles["Arrived"], tiles["Failed"], tiles["Waiting"], tiles["Received"]) == (str(arrived), "2", "1", "1")

    def test_says_what_share_failed(self, chief, session):
        for status in ("sent", "read", "delivered", "failed", "cancelled", "queued"):
            message(session, status)
        _, charts, tiles = self.series(chief)
        shares = charts[1]["datasets"][0]["data"]
        assert (shares[-1], shares[-2], tiles["Failure share"]) == (25.0, None, "25.0 %")

    def test_says_how_fast_messages_went_out_lately(self, chief, session):
        now = timezone.now()
        for minutes in (1, 2, 3, 9, 15):
            message(session, "sent", age=timedelta(hours=1), sent_at=now - timedelta(minutes=minutes))
        message(session, "received", sent_at=now)
        assert self.series(chief)[2]["Sent a minute"] == "0.4"

    def test_of_nothing_says_so(self, chief):
        assert "Nothing in this window" in text_of(chief, CHART)
        assert self.series(chief)[2]["Failure share"] == "-"

    def test_takes_as_many_queries_for_many_as_for_few(self, chief, session):
        message(session)
        chief.get(CHART)
        few = queries(lambda: chief.get(CHART))
        for _ in range(20):
            message(session, "sent")
        assert len(queries(lambda: chief.get(CHART))) == len(few)


class TestTheState:
    LONG = timedelta(minutes=5)

    def told(self):
        return {reading.name: (reading.value, reading.tone) for reading in whatsapp_readings()}

    def rest(self, session, **fields):
        """A session that could have sent for long."""
        fields = {"ready_at": timezone.now() - self.LONG, **fields}
        WhatsAppSession.objects.filter(pk=session.pk).update(**fields)

    def late(self, session, **fields):
        then = timezone.now() - self.LONG
        return message(session, **{"next_attempt_at": then, "position": then, **fields})

    def test_of_nothing_is_calm(self):
        assert self.told() == {
            "Sessions": ("none", ""),
            "Sessions suspended": ("0", ""),
            "Messages queued": ("0", ""),
            "Messages overdue": ("0", ""),
            "Gateway events waiting": ("0", ""),
            "Files overdue": ("0", ""),
        }

    def test_counts_sessions_by_where_they_stand(self, session, other):
        connected(other, status=SessionStatus.FAILED)
        connected(other, environment="test", is_suspended=True)
        assert self.told()["Sessions"] == ("1 connected, 1 failed", "warning")
        assert self.told()["Sessions suspended"] == ("1", "")

    def test_a_message_that_nothing_keeps_and_that_is_not_sent_is_overdue(self, session):
        self.rest(session)
        self.late(session)
        message(session)
        assert self.told()["Messages queued"] == ("2", "")
        assert self.told()["Messages overdue"] == ("1", "danger")

    @pytest.mark.parametrize(
        "fields",
        [
            {"ready_at": timezone.now() + timedelta(days=1)},
            {"paused_until": timezone.now() + timedelta(days=1)},
            {"is_suspended": True},
            {"status": SessionStatus.DISCONNECTED},
            {"wish": "stopped"},
            {"driver": "waha"},
        ],
    )
    def test_one_whose_session_may_not_send_is_not(self, session, fields):
        self.rest(session, **fields)
        self.late(session)
        assert self.told()["Messages overdue"] == ("0", "")

    def test_one_that_is_held_or_waits_for_its_file_is_not(self, session):
        self.rest(session)
        self.late(session, is_held=True)
        media = Media.objects.create(user_id=session.user_id, kind="image", status="pending")
        self.late(session, recipient=NUMBERS[1], media=media)
        assert self.told()["Messages overdue"] == ("0", "")

    def test_one_behind_another_to_the_same_recipient_is_not(self, session):
        self.rest(session)
        tried = self.late(session, position=timezone.now() - 2 * self.LONG)
        self.late(session)
        assert self.told()["Messages overdue"] == ("1", "danger")
        Message.objects.filter(pk=tried.pk).update(next_attempt_at=timezone.now() + self.LONG)
        assert self.told()["Messages overdue"] == ("0", "")

    def test_an_inbox_that_nobody_works_off_and_files_that_nobody_fetches_are_told(self, session):
        for number in range(2):
            InboundEvent.objects.create(session=session, driver="sandbox", event_id=str(number), payload={})
        assert self.told()["Gateway events waiting"] == ("2", "")
        InboundEvent.objects.update(due_at=timezone.now() - self.LONG)
        Media.objects.create(user_id=session.user_id, kind="image", status="pending", due_at=timezone.now() - self.LONG)
        assert self.told()["Gateway events waiting"] == ("2", "danger")
        assert self.told()["Files overdue"] == ("1", "warning")

    def test_is_on_the_page(self, chief, session):
        content = text_of(chief, "/admin/state/")
        assert "Messages overdue" in content
        assert "Unknown" not in content
