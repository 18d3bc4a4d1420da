"""Opening a session, and with what: drivers, credentials, numbers, and what the audit trail says of them."""

import json
from datetime import timedelta

import pytest
from django.core.serializers import serialize
from django.db import IntegrityError, transaction
from django.utils import timezone

from core.exceptions import Invalid
from core.models import AuditEntry
from events.models import Event
from modules.whatsapp import keeping
from modules.whatsapp.exceptions import DriverUnavailable, NotSupported, SessionConnected, SessionSuspended
from modules.whatsapp.models import Contact, WhatsAppSession
from modules.whatsapp.services import sandbox, sessions
from modules.whatsapp.tests.factories import connected, reload
from modules.whatsapp.tests.fake_cloud_api import NUMBER_ID, TOKEN
from modules.whatsapp.tests.fake_cloud_fixtures import serving

pytestmark = pytest.mark.django_db
CLOUD = {"phone_number_id": "106540352242922", "access_token": "SECRET-token", "app_secret": "SECRET-app"}
WAHA = {"url": "https://waha.example.com", "api_key": "SECRET-api", "hmac_key": "SECRET-hmac"}
NUMBER = "+15550123456"


def opened(user, **options) -> WhatsAppSession:
    return sessions.open_session(user=user, **{"environment": "live", **options})


def closed(session: WhatsAppSession) -> WhatsAppSession:
    """Closed by its owner, and stopped at its gateway."""
    sessions.close_session(session=session, actor=session.user)
    WhatsAppSession.objects.filter(pk=session.pk).update(care_due_at=None)
    found: WhatsAppSession = reload(session)
    return found


def trail() -> list[tuple[str, dict]]:
    """What the audit trail says, oldest first."""
    return list(AuditEntry.objects.filter(target_type="whatsapp_session").order_by("pk").values_list("action", "changes"))


def rows() -> str:
    """All sessions and all of the trail, to see that nothing was changed."""
    return serialize("json", [*WhatsAppSession.objects.all(), *AuditEntry.objects.all()])


class TestOpening:
    """From nothing, and again."""

    def test_the_first_time_a_session_is_made_with_the_installations_driver(self, user, settings):
        settings.WHATSAPP_DRIVER = "sandbox"
        session = opened(user)
        assert (session.driver, session.environment, session.wish, session.status) == ("sandbox", "live", "connected", "qr_ready")
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.actor_id, entry.changes) == ("whatsapp.session_opened", user.pk, {"driver": "sandbox"})
        assert (entry.target_type, entry.target_id) == ("whatsapp_session", str(session.pk))

    def test_again_while_it_comes_up_it_is_the_same_with_the_same_code(self, user):
        first, second = opened(user), opened(user)
        assert (second.pk, second.qr_code, second.status) == (first.pk, first.qr_code, "qr_ready")
        typed = opened(user, pairing_number=NUMBER)
        assert opened(user, pairing_number=NUMBER).pairing_code == typed.pairing_code != ""

    def test_again_while_it_is_connected_nothing_is_done(self, user):
        connected(user)
        before = rows()
        opened(user)
        assert rows() == before

    @pytest.mark.parametrize("options", [{"driver": "waha"}, {"credentials": WAHA}, {"pairing_number": NUMBER}])
    def test_a_connected_one_is_not_changed(self, user, options):
        connected(user)
        before = rows()
        with pytest.raises(SessionConnected):
            opened(user, **options)
        assert rows() == before

    def test_a_suspended_one_is_not_opened(self, user):
        connected(user, is_suspended=True, status="disconnected", wish="stopped")
        before = rows()
        with pytest.raises(SessionSuspended):
            opened(user)
        assert rows() == before

    def test_what_was_paused_goes_on(self, user):
        connected(user, status="disconnected", paused_until=timezone.now() + timedelta(hours=1), pause_reason="131048")
        assert (opened(user).paused_until, reload(opened(user)).pause_reason) == (None, "")

    def test_two_accounts_and_two_environments_do_not_touch_each_other(self, user, other):
        found = [opened(user), opened(user, environment="test"), opened(other)]
        assert len({session.pk for session in found}) == 3

    def test_a_driver_without_a_pairing_code_gives_none_and_keeps_nothing_of_it(self, user):
        closed(opened(user))
        before = rows()
        with pytest.raises(NotSupported):
            opened(user, driver="cloud_api", credentials=CLOUD, pairing_number=NUMBER)
        assert rows() == before


class TestTestKeys:
    """They never leave the house."""

    def test_theirs_is_a_sandbox_whatever_the_installation_uses(self, user, settings):
        settings.WHATSAPP_DRIVER = "waha"
        assert opened(user, environment="test").driver == "sandbox"

    @pytest.mark.parametrize(("driver", "credentials"), [("waha", WAHA), ("cloud_api", CLOUD)])
    def test_no_other_driver_is_to_be_had(self, user, driver, credentials):
        with pytest.raises(DriverUnavailable):
            opened(user, environment="test", driver=driver, credentials=credentials)
        closed(opened(user, environment="test"))
        before = rows()
        with pytest.raises(DriverUnavailable):
            opened(user, environment="test", driver=driver, credentials=credentials)
        assert rows() == before

    def test_the_database_sees_to_that_too(self, user):
        with pytest.raises(IntegrityError, match="whatsapp_test_is_sandbox"), transaction.atomic():
            connected(user, environment="test", driver="waha")


class TestCredentials:
    """In, and never out."""

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize(("driver", "credentials"), [("waha", WAHA), ("cloud_api", CLOUD)])
    def test_they_are_encrypted_and_nowhere_else(self, user, driver, credentials):
        session = opened(user, driver=driver, credentials=credentials)
        WhatsAppSession.objects.update(status="connected")
        sessions.close_session(session=session, actor=user)
        opened(user)
        assert reload(session).secrets == credentials
        assert b"SECRET" not in bytes(reload(session).credentials)
        assert [action for action, _ in trail()] == [f"whatsapp.session_{step}" for step in ("opened", "closed", "opened")]
        told = list(Event.objects.values_list("payload", flat=True))
        assert [payload["status"] for payload in told] == ["disconnected"]
        for text in (rows(), json.dumps(told)):
            assert "SECRET" not in text

    def test_they_stay_until_others_are_given(self, user):
        session = opened(user, driver="waha", credentials=WAHA)
        assert opened(user).secrets == WAHA
        assert opened(user, driver="waha").secrets == WAHA
        closed(session)
        other = {**WAHA, "api_key": "SECRET-other"}
        assert opened(user, credentials=other).secrets == other

    @pytest.mark.parametrize("status", ["disconnected", "connecting", "qr_ready", "connected"])
    def test_the_same_again_are_no_change(self, user, status):
        session = opened(user, driver="waha", credentials=WAHA)
        WhatsAppSession.objects.update(status=status, qr_code="2@code")
        found = opened(user, driver="waha", credentials=WAHA)
        assert (found.pk, found.status, found.secrets) == (session.pk, status, WAHA)
        assert found.qr_code == ("2@code" if status in ("qr_ready", "connected") else "")

    def test_one_that_the_driver_does_not_know_is_named(self, user):
        before = rows()
        with pytest.raises(Invalid) as caught:
            opened(user, driver="waha", credentials={**WAHA, "access_token": "SECRET"})
        assert [detail.field for detail in caught.value.details] == ["credentials.access_token"]
        assert "SECRET" not in str(caught.value.details)
        assert rows() == before

    @pytest.mark.parametrize("missing", ["phone_number_id", "access_token", "app_secret"])
    def test_without_one_that_is_needed_nothing_is_opened(self, user, missing):
        with pytest.raises(DriverUnavailable):
            opened(user, driver="cloud_api", credentials={name: text for name, text in CLOUD.items() if name != missing})
        assert not WhatsAppSession.objects.exists()
        assert trail() == []

    def test_a_driver_of_the_operators_needs_none(self, user, settings):
        settings.WHATSAPP_WAHA_URL, settings.WHATSAPP_WAHA_HMAC_KEY = "http://waha:3000", "SECRET"
        session = opened(user, driver="waha")
        assert (session.credentials, session.secrets) == (None, {})


class TestNumbers:
    """A number at the Cloud API is one session's: that of who showed a token that is good for it."""

    @pytest.fixture
    def cloud(self, settings):
        for made in serving(settings):
            settings.WHATSAPP_CLOUD_API_APP_SECRET = ""
            yield made

    def looked_after(self, user, **credentials: str) -> WhatsAppSession:
        session = opened(user, driver="cloud_api", credentials={**CLOUD, "access_token": TOKEN, **credentials})
        keeping.settle(keeping.look_after(keeping.care_of(session)))
        found: WhatsAppSession = reload(session)
        return found

    def test_it_is_known_when_the_token_was_shown(self, user, cloud):
        asked = opened(user, driver="cloud_api", credentials={**CLOUD, "access_token": TOKEN})
        assert (asked.routing_id, asked.status) == (None, "disconnected")
        found = self.looked_after(user)
        assert (found.status, found.routing_id, found.display_name) == ("connected", NUMBER_ID, "Atelier Test")

    def test_who_has_no_token_for_it_keeps_nobody_from_it(self, user, other, cloud):
        squatter = self.looked_after(other, access_token="SECRET-guess")
        assert (squatter.status, squatter.routing_id) == ("action_required", None)
        assert self.looked_after(user).routing_id == NUMBER_ID

    def test_one_that_another_account_has_is_not_taken_over(self, user, other, cloud):
        theirs = self.looked_after(other)
        mine = self.looked_after(user)
        assert (mine.status, mine.status_reason, mine.routing_id) == ("action_required", "number_taken", None)
        assert (reload(theirs).status, reload(theirs).routing_id) == ("connected", NUMBER_ID)

    def test_ones_own_is_no_conflict(self, user, cloud):
        closed(self.looked_after(user))
        assert self.looked_after(user).status == "connected"

    def test_one_that_is_given_up_can_be_had(self, user, other, cloud):
        theirs = sessions.close_session(session=self.looked_after(other), actor=other)
        keeping.settle(keeping.look_after(keeping.care_of(theirs)))
        assert reload(theirs).routing_id is None
        assert self.looked_after(user).routing_id == NUMBER_ID

    def test_who_wrote_to_it_is_remembered_until_it_is_another(self, user, cloud):
        session = self.looked_after(user)
        Contact.objects.create(session=session, phone_number=NUMBER, chat_id="x", last_inbound_at=timezone.now())
        closed(session)
        opened(user)
        assert Contact.objects.get().last_inbound_at is not None
        closed(session)
        opened(user, credentials={**CLOUD, "phone_number_id": "7"})
        assert (Contact.objects.get().last_inbound_at, Contact.objects.get().chat_id) == (None, "")


class TestSwitching:
    """Another driver begins anew, when the one before has let go."""

    def test_what_was_known_of_the_one_before_is_forgotten(self, user):
        session = opened(user)
        sandbox.scan(session=session)
        closed(session)
        found = opened(user, driver="waha", credentials=WAHA)
        assert (found.driver, found.phone_number, found.display_name, found.status) == ("waha", "", "", "disconnected")
        closed(session)
        back = opened(user, driver="sandbox")
        assert (back.secrets, back.status) == ({}, "qr_ready")
        assert [changes["driver"] for action, changes in trail() if action.endswith("opened")] == ["sandbox", "waha", "sandbox"]

    @pytest.mark.parametrize("status", ["connecting", "qr_ready", "connected", "action_required", "failed"])
    @pytest.mark.parametrize("options", [{"driver": "sandbox"}, {"driver": "cloud_api", "credentials": CLOUD}])
    def test_not_while_the_one_before_may_still_have_the_phone(self, user, status, options):
        opened(user, driver="waha", credentials=WAHA)
        WhatsAppSession.objects.update(status=status)
        before = rows()
        with pytest.raises(SessionConnected):
            opened(user, **options)
        assert rows() == before

    def test_not_until_it_was_told_to_stop_or_is_gone(self, user):
        session = opened(user, driver="waha", credentials=WAHA)
        sessions.close_session(session=session, actor=user)
        with pytest.raises(SessionConnected):
            opened(user, driver="sandbox")
        WhatsAppSession.objects.update(care_failures=sessions.UNSTOPPABLE)
        assert opened(user, driver="sandbox").driver == "sandbox"

    @pytest.mark.parametrize("status", ["action_required", "failed"])
    def test_a_key_that_is_wrong_is_mended_without_closing(self, user, status):
        opened(user, driver="waha", credentials={**WAHA, "api_key": "SECRET-wrong"})
        WhatsAppSession.objects.update(status=status)
        assert opened(user, credentials=WAHA).secrets == WAHA

    def test_the_pace_that_was_set_stays(self, user):
        session = opened(user)
        sessions.set_pace(session=session, actor=user, messages_per_second=0.5, burst=2)
        closed(session)
        found = opened(user, driver="waha", credentials=WAHA)
        assert (found.messages_per_second, found.burst) == (0.5, 2)
