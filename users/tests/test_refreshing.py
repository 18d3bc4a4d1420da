"""A refresh token works once; a spent one ends the session of thief and owner."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from users import selectors, tokens
from users.choices import RevocationReason
from users.exceptions import InvalidToken, RefreshTokenSpent
from users.models import Session, User
from users.services import sessions
from users.tests.factories import make_guest, make_user
from users.tests.support import ELSEWHERE, last_entry, request_from

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_a_request")]


def grace(settings, seconds=0.0):
    return timedelta(seconds=settings.REFRESH_GRACE_SECONDS + seconds)


def test_a_refresh_gives_new_tokens_of_the_same_session(person):
    first = sessions.open_session(user=person)
    request_from(ELSEWHERE)
    second = sessions.refresh_session(token=first.tokens.refresh)
    assert second.session.pk == first.session.pk
    assert second.tokens.refresh != first.tokens.refresh
    assert isinstance(selectors.session_outcome(tokens.read_access(second.tokens.access)), selectors.Principal)
    session = Session.objects.get()
    assert session.ip_address == ELSEWHERE
    assert session.last_used_at > first.session.last_used_at


def test_tokens_can_be_refreshed_again_and_again(person):
    token = sessions.open_session(user=person).tokens.refresh
    for _ in range(4):
        token = sessions.refresh_session(token=token).tokens.refresh
    assert Session.objects.active().count() == 1


def test_a_spent_token_within_the_grace_is_refused_and_the_session_lives(person):
    first = sessions.open_session(user=person)
    second = sessions.refresh_session(token=first.tokens.refresh)
    with pytest.raises(RefreshTokenSpent) as caught:
        sessions.refresh_session(token=first.tokens.refresh)
    assert caught.value.stable_code == "refresh_token_spent"
    assert Session.objects.get().is_active
    assert sessions.refresh_session(token=second.tokens.refresh)


def test_a_spent_token_after_the_grace_ends_the_session_for_thief_and_owner(person, settings):
    first = sessions.open_session(user=person)
    second = sessions.refresh_session(token=first.tokens.refresh)
    with time_machine.travel(timezone.now() + grace(settings, 0.5)):
        with pytest.raises(RefreshTokenSpent) as caught:
            sessions.refresh_session(token=first.tokens.refresh)
        assert caught.value.stable_code == "refresh_token_reused"
        with pytest.raises(InvalidToken):
            sessions.refresh_session(token=second.tokens.refresh)
        assert not isinstance(selectors.session_outcome(tokens.read_access(second.tokens.access)), selectors.Principal)
    assert Session.objects.get().revoked_reason == RevocationReason.REUSE
    entry = last_entry("session.reuse_detected")
    assert (entry.target_id, entry.target_label, entry.actor_id) == (str(first.session.pk), "owner", None)


def test_a_token_two_refreshes_old_ends_the_session_even_within_the_grace(person):
    first = sessions.open_session(user=person)
    second = sessions.refresh_session(token=first.tokens.refresh)
    sessions.refresh_session(token=second.tokens.refresh)
    with pytest.raises(RefreshTokenSpent) as caught:
        sessions.refresh_session(token=first.tokens.refresh)
    assert caught.value.stable_code == "refresh_token_reused"
    assert not Session.objects.get().is_active


def test_theft_in_one_session_leaves_the_others_alone(person, settings):
    other = sessions.open_session(user=person)
    first = sessions.open_session(user=person)
    sessions.refresh_session(token=first.tokens.refresh)
    with time_machine.travel(timezone.now() + grace(settings, 1)), pytest.raises(RefreshTokenSpent):
        sessions.refresh_session(token=first.tokens.refresh)
    assert sessions.refresh_session(token=other.tokens.refresh)


def test_a_refresh_prolongs_the_session_but_never_beyond_its_absolute_end(person, settings):
    token = sessions.open_session(user=person).tokens.refresh
    start = timezone.now()
    month = settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]
    step, now = month - timedelta(days=1), start
    while now + step < start + settings.SESSION_MAX_AGE:
        now += step
        with time_machine.travel(now, tick=False):
            token = sessions.refresh_session(token=token).tokens.refresh
            session = Session.objects.get()
            assert session.expires_at == min(now + month, session.absolute_expires_at)
    with time_machine.travel(start + settings.SESSION_MAX_AGE + timedelta(seconds=1)), pytest.raises(InvalidToken):
        sessions.refresh_session(token=token)


def test_nobody_refreshes_a_session_of_an_inactive_or_expired_or_deleted_account(person):
    token = sessions.open_session(user=person).tokens.refresh
    User.objects.filter(pk=person.pk).update(is_active=False)
    with pytest.raises(InvalidToken):
        sessions.refresh_session(token=token)
    guest = make_guest(guest_expires_at=timezone.now() + timedelta(seconds=30))
    token = sessions.open_session(user=guest).tokens.refresh
    with time_machine.travel(timezone.now() + timedelta(seconds=31)), pytest.raises(InvalidToken):
        sessions.refresh_session(token=token)
    guest.delete()
    with pytest.raises(InvalidToken):
        sessions.refresh_session(token=token)


@pytest.mark.django_db(transaction=True)
def test_of_sixteen_uses_of_one_token_at_once_exactly_one_wins_and_the_session_lives():
    token = sessions.open_session(user=make_user()).tokens.refresh
    gate, outcomes = threading.Barrier(16), []

    def use():
        try:
            gate.wait()
            outcomes.append(sessions.refresh_session(token=token).tokens.refresh)
        except RefreshTokenSpent as error:
            outcomes.append(error.stable_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=use) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [outcome for outcome in outcomes if outcome != "refresh_token_spent"]
    assert len(outcomes) == 16
    assert len(winners) == 1
    assert sessions.refresh_session(token=winners[0])
