"""POST /api/v1/events/tickets/, and what a ticket is worth when it is redeemed."""

import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from api import tickets
from api.tests.answers import assert_anonymous, assert_lacks_scope, error
from api.v1.events.tests.support import TICKETS
from api_keys import services as key_services
from api_keys.tests.factories import make_key
from core.principals import Principal, Refusal
from core.redis import breaker, client
from core.tests.support import lost_redis
from events.exceptions import TicketsUnavailable
from events.tests.support import in_threads
from users.models import Session, User

pytestmark = pytest.mark.django_db
NAMES = "atelier:events:ticket:*"


def ticket_of(caller):
    answer = caller.post(TICKETS)
    assert answer.status_code == 201, answer.json()
    return answer.json()["data"]["ticket"]


def code_of(ticket):
    outcome = tickets.redeem(ticket)
    assert isinstance(outcome, Refusal)
    return outcome.code


@pytest.fixture(autouse=True)
def _redis_is_there():
    breaker()._away_until = 0.0
    yield
    breaker()._away_until = 0.0


def kept():
    return list(client().scan_iter(match=NAMES))


class TestGetting:
    def test_an_anonymous_caller_gets_none(self, api):
        assert_anonymous(api.post(TICKETS))
        assert kept() == []

    def test_a_key_without_the_scope_gets_none(self, as_bare_key):
        assert_lacks_scope(as_bare_key.post(TICKETS), "events:read")
        assert kept() == []

    def test_a_ticket_is_told_once_and_its_digest_kept_for_thirty_seconds(self, as_user):
        answer = as_user.post(TICKETS)
        assert answer.status_code == 201
        assert answer.headers["Cache-Control"] == "no-store"
        data = answer.json()["data"]
        assert data["expires_in"] == 30
        (name,) = kept()
        assert 28 <= client().ttl(name) <= 30
        assert data["ticket"].encode() not in name + client().get(name)
        assert data["ticket"].startswith(tickets.PREFIX)

    def test_a_repeat_with_the_same_idempotency_key_is_another_ticket(self, as_user):
        first, second = (as_user.post(TICKETS, HTTP_IDEMPOTENCY_KEY="one").json()["data"]["ticket"] for _ in range(2))
        assert first != second

    def test_it_is_not_read_and_other_methods_are_not_known(self, as_user):
        assert error(as_user.get(TICKETS)) == (405, "method_not_allowed")

    def test_with_redis_away_it_is_said_so(self, as_user, monkeypatch):
        lost = lost_redis()
        monkeypatch.setattr("core.redis.client", lambda: lost)
        answer = as_user.post(TICKETS)
        assert error(answer) == (503, "tickets_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        with pytest.raises(TicketsUnavailable):
            tickets.redeem("tkt_" + "x" * 43)
        assert kept() == []


class TestRedeeming:
    def test_it_stands_for_the_session_that_asked(self, as_user, user):
        outcome = tickets.redeem(ticket_of(as_user))
        assert isinstance(outcome, Principal)
        session = Session.objects.get(user=user)
        assert (outcome.kind, outcome.user_id, outcome.credential_id) == ("session", user.pk, session.pk)
        assert outcome.scopes is None
        assert outcome.expires_at > time.time()

    def test_it_stands_for_the_key_that_asked_with_its_scopes_and_networks(self, api, user):
        made = make_key(user, scopes=["events:read"], allowed_networks=["127.0.0.0/8"])
        outcome = tickets.redeem(ticket_of(api.as_key(made.raw)))
        assert isinstance(outcome, Principal)
        assert (outcome.kind, outcome.credential_id, outcome.scopes) == ("api_key", made.key.pk, {"events:read"})
        assert outcome.allows_address("127.0.0.1")
        assert not outcome.allows_address("203.0.113.7")

    def test_it_stands_for_a_guest_until_the_guest_ends(self, as_guest, guest):
        outcome = tickets.redeem(ticket_of(as_guest))
        assert isinstance(outcome, Principal)
        assert outcome.is_guest
        ticket = ticket_of(as_guest)
        User.objects.filter(pk=guest.pk).update(guest_expires_at=timezone.now() - timedelta(seconds=1))
        assert code_of(ticket) == "invalid_token"

    def test_a_guest_whose_end_is_near_gets_one_too(self, api, guest):
        User.objects.filter(pk=guest.pk).update(guest_expires_at=timezone.now() + timedelta(seconds=60))
        assert isinstance(tickets.redeem(ticket_of(api.as_user(guest))), Principal)

    def test_it_works_once(self, as_user):
        ticket = ticket_of(as_user)
        assert isinstance(tickets.redeem(ticket), Principal)
        assert code_of(ticket) == "invalid_ticket"
        assert kept() == []

    def test_what_it_was_exchanged_for_can_be_asked_again(self, as_user, user):
        who = tickets.exchange(ticket_of(as_user))
        assert isinstance(who(), Principal)
        assert isinstance(who(), Principal)
        Session.objects.filter(user=user).update(revoked_at=timezone.now())
        assert isinstance(who(), Refusal)

    def test_after_its_time_it_is_worth_nothing(self, as_user):
        ticket = ticket_of(as_user)
        (name,) = kept()
        client().pexpire(name, 1)
        time.sleep(0.02)
        assert code_of(ticket) == "invalid_ticket"

    @pytest.mark.parametrize(
        "ticket", ["", "tkt_", "tkt_" + "x" * 43, "x" * 100_000, "tkt_" + "é" * 43, "tkt_" + "x" * 43 + "\n"]
    )
    def test_what_nobody_issued_is_refused(self, ticket):
        assert code_of(ticket) == "invalid_ticket"

    def test_a_session_that_ended_meanwhile_is_refused(self, as_user, user):
        ticket = ticket_of(as_user)
        Session.objects.filter(user=user).update(revoked_at=timezone.now())
        assert code_of(ticket) == "invalid_token"

    def test_a_password_changed_meanwhile_ends_it(self, as_user, user):
        ticket = ticket_of(as_user)
        User.objects.filter(pk=user.pk).update(tokens_valid_after=timezone.now() + timedelta(seconds=1))
        assert code_of(ticket) == "invalid_token"

    def test_an_account_switched_off_meanwhile_is_refused(self, as_user, as_key, user):
        by_session, by_key = ticket_of(as_user), ticket_of(as_key)
        User.objects.filter(pk=user.pk).update(is_active=False)
        assert code_of(by_session) == "invalid_token"
        assert code_of(by_key) == "invalid_api_key"

    def test_a_key_revoked_expired_or_gone_meanwhile_is_refused(self, api, user):
        for change, code in (
            (lambda key: key_services.revoke_key(key=key, actor=user), "api_key_revoked"),
            (lambda key: key_services.update_key(key=key, actor=user, is_active=False), "api_key_inactive"),
            (lambda key: type(key).objects.filter(pk=key.pk).update(expires_at=timezone.now()), "api_key_expired"),
            (lambda key: key.delete(), "invalid_api_key"),
        ):
            made = make_key(user, name=str(uuid4()))
            ticket = ticket_of(api.as_key(made.raw))
            change(made.key)
            assert code_of(ticket) == code

    def test_it_ends_with_the_token_that_asked(self, as_user, monkeypatch):
        who = tickets.exchange(ticket_of(as_user))
        later = time.time() + 100_000
        monkeypatch.setattr(tickets.time, "time", lambda: later)
        assert who().code == "invalid_token"


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_gets_in(as_user):
    ticket = ticket_of(as_user)
    outcomes = in_threads(*[lambda: tickets.redeem(ticket)] * 12)
    assert sum(isinstance(one, Principal) for one in outcomes) == 1
    assert [one.code for one in outcomes if isinstance(one, Refusal)] == ["invalid_ticket"] * 11
