"""How many sessions there are, how they end, and what a token stands for."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from core.exceptions import NotFound
from users import selectors, tokens
from users.choices import RevocationReason
from users.models import Session, User
from users.services import accounts, sessions
from users.tests.factories import make_guest, make_user
from users.tests.support import actions, last_entry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_a_request")]


def test_the_hundred_and_first_session_ends_the_one_least_used(person):
    now = timezone.now()
    first = sessions.open_session(user=person).session
    second = sessions.open_session(user=person).session
    Session.objects.filter(pk=first.pk).update(last_used_at=now - timedelta(hours=1))
    Session.objects.filter(pk=second.pk).update(last_used_at=now - timedelta(hours=2))
    for _ in range(sessions.MAX_SESSIONS - 1):
        newest = sessions.open_session(user=person).session
    assert Session.objects.active().filter(user=person).count() == sessions.MAX_SESSIONS
    second.refresh_from_db()
    assert second.revoked_reason == RevocationReason.REPLACED
    first.refresh_from_db()
    newest.refresh_from_db()
    assert first.is_active
    assert newest.is_active


def test_a_guests_session_ends_with_the_guest():
    guest = make_guest(guest_expires_at=timezone.now() + timedelta(minutes=10))
    assert sessions.open_session(user=guest).session.expires_at == guest.guest_expires_at


def test_revoking_a_session_twice_is_written_down_once(person):
    session = sessions.open_session(user=person).session
    sessions.revoke_session(session=session, actor=person)
    sessions.revoke_session(session=session, actor=person)
    assert actions().count("session.revoked") == 1
    assert last_entry("session.revoked").changes == {"reason": "revoked"}


def test_signing_out_ends_the_own_session_only(person):
    mine, theirs = sessions.open_session(user=person).session, sessions.open_session(user=make_user()).session
    with pytest.raises(NotFound):
        sessions.sign_out(session_id=theirs.pk, actor=person)
    sessions.sign_out(session_id=mine.pk, actor=person)
    assert list(Session.objects.active()) == [theirs]
    mine.refresh_from_db()
    assert mine.revoked_reason == RevocationReason.LOGOUT


def test_revoking_the_others_keeps_one_and_counts_the_rest(person):
    keep, *rest = [sessions.open_session(user=person).session for _ in range(3)]
    stranger = sessions.open_session(user=make_user()).session
    assert sessions.revoke_others(user=person, keep=keep.pk) == len(rest)
    assert set(Session.objects.active()) == {keep, stranger}
    assert last_entry("session.revoked_others").changes == {"count": 2}
    assert sessions.revoke_others(user=person, keep=keep.pk) == 0
    assert actions().count("session.revoked_others") == 1


def test_what_a_token_stands_for_takes_one_query(person, django_assert_num_queries):
    claims = tokens.read_access(sessions.open_session(user=person).tokens.access)
    with django_assert_num_queries(1):
        principal = selectors.session_outcome(claims)
    assert (principal.user_id, principal.session_id, principal.scopes) == (person.pk, claims.session_id, None)
    assert (principal.is_staff, principal.is_guest, principal.kind) == (False, False, "session")


def test_a_token_from_before_tokens_valid_after_stands_for_nobody(person):
    claims = tokens.read_access(sessions.open_session(user=person).tokens.access)
    User.objects.filter(pk=person.pk).update(tokens_valid_after=timezone.now() + timedelta(seconds=2))
    assert selectors.session_outcome(claims).code == "invalid_token"


def test_a_token_of_another_persons_session_stands_for_nobody(person):
    claims = tokens.read_access(sessions.open_session(user=person).tokens.access)
    forged = tokens.Claims(make_user().pk, claims.session_id, claims.jti, claims.issued_at, claims.expires_at)
    assert selectors.session_outcome(forged).code == "invalid_token"


def test_a_guests_principal_ends_no_later_than_the_guest():
    guest = make_guest(guest_expires_at=timezone.now() + timedelta(minutes=2))
    claims = tokens.read_access(sessions.open_session(user=guest).tokens.access)
    principal = selectors.session_outcome(claims)
    assert principal.is_guest
    assert principal.expires_at == guest.guest_expires_at.timestamp() < claims.expires_at
    User.objects.filter(pk=guest.pk).update(guest_expires_at=timezone.now())
    assert selectors.session_outcome(claims).code == "invalid_token"


@pytest.mark.django_db(transaction=True)
def test_a_deactivation_that_is_rolled_back_ends_nothing():
    user, chief = make_user(), make_user(is_staff=True)
    claims = tokens.read_access(sessions.open_session(user=user).tokens.access)
    with transaction.atomic():
        accounts.deactivate_user(user=user, actor=chief)
        transaction.set_rollback(True)
    assert isinstance(selectors.session_outcome(claims), selectors.Principal)
