"""Keepers share the sessions, and what a gateway answers counts only for what its owner still wants."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from modules.whatsapp import keeping
from modules.whatsapp.gateways.base import Standing
from modules.whatsapp.models import WhatsAppSession
from modules.whatsapp.services import sessions
from modules.whatsapp.tests.factories import connected, reload
from modules.whatsapp.tests.fake_waha_kit import fake
from modules.whatsapp.tests.keeper_kit import asked, due_in, hear_news, look, opened, told, working
from users.tests.factories import make_user

__all__ = ["fake"]

pytestmark = pytest.mark.django_db(transaction=True)
NUMBER = "+15550123456"


def due(count: int) -> set[object]:
    """So many sessions that are due."""
    return {connected(make_user(), care_due_at=timezone.now() - timedelta(seconds=1)).pk for _ in range(count)}


def elsewhere(work):
    """What another process gets, with a connection of its own."""

    def run():
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '3s'")
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result(timeout=10)


class TestKeepers:
    """Any number of them."""

    def test_a_session_is_taken_once_and_again_when_its_lease_runs_out(self, user):
        session = connected(user, care_due_at=timezone.now())
        (care,) = keeping.claim(8)
        assert care.session_id == session.pk
        assert keeping.claim(8) == []
        assert 100 < due_in(session) <= 120
        WhatsAppSession.objects.update(care_due_at=timezone.now())
        assert [care.session_id for care in keeping.claim(8)] == [session.pk]

    @pytest.mark.parametrize("due_at", [None, timezone.now() + timedelta(days=999)])
    def test_one_that_is_not_due_is_left_alone(self, user, due_at):
        connected(user, care_due_at=due_at)
        assert keeping.claim(8) == []

    def test_the_one_that_waited_longest_comes_first(self, user, other):
        now = timezone.now()
        second = connected(user, care_due_at=now - timedelta(seconds=5))
        first = connected(other, care_due_at=now - timedelta(seconds=9))
        assert [care.session_id for _ in range(2) for care in keeping.claim(1)] == [first.pk, second.pk]

    def test_two_take_different_ones_and_neither_waits_for_the_other(self):
        all_of_them = due(4)
        with transaction.atomic():
            mine = {care.session_id for care in keeping.claim(2)}
            theirs = elsewhere(lambda: {care.session_id for care in keeping.claim(8)})
        assert (len(mine), len(theirs), mine | theirs) == (2, 2, all_of_them)

    def test_eight_at_once_take_each_session_once(self):
        all_of_them = due(24)
        begin, taken = threading.Barrier(8), []

        def keep() -> None:
            try:
                begin.wait()
                while found := keeping.claim(2):
                    taken.extend(care.session_id for care in found)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: keep(), range(8)))
        assert (len(taken), set(taken)) == (24, all_of_them)

    def test_one_takes_no_more_than_it_has_slots_for_and_the_rest_when_they_are_free(self):
        due(keeping.SLOTS + 3)
        keeper = keeping.SessionKeeper()
        assert keeper.claim() == keeping.SLOTS
        assert keeper.claim() == 0
        keeper.drain()
        assert keeping.claim(8) == []
        keeper.finish()
        assert not WhatsAppSession.objects.exclude(last_active_at__gt=timezone.now() - timedelta(minutes=1)).exists()

    def test_what_one_did_not_begin_is_due_at_once(self, user):
        session = connected(user, care_due_at=timezone.now())
        keeper = keeping.SessionKeeper()
        keeper.give_back(keeping.claim(8))
        keeper.finish()
        assert due_in(session) <= 0

    def test_a_late_answer_does_not_put_off_the_look_of_who_took_it_over(self, user, fake):
        session = working(user, fake)
        WhatsAppSession.objects.update(care_due_at=timezone.now())
        (late,) = keeping.claim(1)
        WhatsAppSession.objects.update(care_due_at=timezone.now())
        look()
        first = due_in(session)
        keeping.settle(keeping.look_after(late))
        assert due_in(session) <= first


class TestMeanwhile:
    """What happens while the gateway is asked."""

    def asked_about(self, session: WhatsAppSession) -> keeping.Finding:
        """What the gateway said; it is not written down yet."""
        WhatsAppSession.objects.filter(pk=session.pk).update(care_due_at=timezone.now())
        (care,) = keeping.claim(1)
        return keeping.look_after(care)

    def test_an_owner_who_closes_is_not_connected_by_an_old_answer(self, user, fake):
        session = working(user, fake)
        finding = self.asked_about(session)
        sessions.close_session(session=session, actor=user)
        heard = told(user)
        keeping.settle(finding)
        assert (reload(session).status, due_in(session) <= 0, told(user)) == ("disconnected", True, heard)
        look()
        assert (reload(session).status, fake.sessions) == ("disconnected", {})

    def test_an_owner_who_opens_again_is_not_closed_by_an_old_answer(self, user, fake):
        session = working(user, fake)
        sessions.close_session(session=session, actor=user, forget=False)
        finding = self.asked_about(session)
        opened(user)
        keeping.settle(finding)
        assert due_in(session) <= 0
        look()
        assert reload(session).status == "connected"

    def test_one_that_is_suspended_stays_so(self, user, admin, fake):
        session = working(user, fake)
        finding = self.asked_about(session)
        sessions.suspend_session(session=session, actor=admin)
        keeping.settle(finding)
        assert (reload(session).status, reload(session).status_reason) == ("disconnected", "suspended")

    def test_who_asks_for_a_code_to_type_gets_no_picture(self, user, fake):
        session = opened(user)
        finding = self.asked_about(session)
        assert finding.standing.qr_code
        opened(user, pairing_number=NUMBER)
        keeping.settle(finding)
        assert reload(session).qr_code == ""
        look()
        shown = reload(session)
        assert (shown.status, shown.qr_code, shown.pairing_code) == ("qr_ready", "", "ABCD-0002")

    def test_an_answer_of_the_driver_before_says_nothing(self, user, fake):
        session = opened(user)
        finding = self.asked_about(session)
        sessions.close_session(session=session, actor=user)
        look()
        changed = opened(user, driver="sandbox")
        assert changed.status == "qr_ready"
        keeping.settle(finding)
        assert reload(session).qr_code == changed.qr_code

    def test_a_refusal_of_the_key_before_says_nothing(self, user, fake, settings):
        settings.OUTGOING_ALLOWED_PRIVATE = frozenset([fake.place])
        own = {"url": fake.url, "hmac_key": "own"}
        session = opened(user, credentials={**own, "api_key": "wrong"})
        finding = self.asked_about(session)
        assert finding.error.code == "gateway_unauthorized"
        look_again = self.asked_about(session)
        keeping.settle(look_again)
        assert reload(session).status == "action_required"
        opened(user, credentials={**own, "api_key": "waha-key"})
        keeping.settle(finding)
        assert reload(session).status == "disconnected"
        look()
        assert reload(session).status == "qr_ready"

    def test_a_restart_that_is_asked_for_is_done(self, user, fake):
        session = working(user, fake)
        finding = self.asked_about(session)
        sessions.restart_session(session=session, actor=user)
        keeping.settle(finding)
        look()
        assert (asked(fake, "restart"), reload(session).restart_wanted) == (1, False)

    def test_news_are_not_lost(self, user, fake):
        session = working(user, fake)
        finding = self.asked_about(session)
        fake.become(session.gateway_name, "STOPPED", tell=False)
        hear_news(session)
        keeping.settle(finding)
        assert reload(session).status == "connected"
        look()
        assert reload(session).status_reason == "unlinked"

    def test_without_news_it_is_looked_at_again_in_its_own_time(self, user, fake):
        session = working(user, fake)
        keeping.settle(self.asked_about(session))
        assert due_in(session) == 60.0

    def test_a_session_that_is_gone_is_passed_over(self, user, fake):
        session = opened(user)
        finding = self.asked_about(session)
        session.delete()
        keeping.settle(finding)
        keeping.settle(keeping.Finding(finding.care, Standing("connected")))
        assert not WhatsAppSession.objects.exists()
