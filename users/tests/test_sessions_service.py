"""Signing in, refreshing and ending sessions, below HTTP."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from core.exceptions import LimitExceeded, NotFound
from core.models import AuditEntry
from users import selectors, tokens
from users.choices import RevocationReason
from users.exceptions import InvalidCredentials, InvalidToken, RefreshTokenSpent
from users.models import OutgoingMail, Session, User
from users.services import accounts, sessions
from users.tests.factories import PASSWORD, make_guest, make_user
from users.tests.support import ELSEWHERE, HERE, actions, last_entry, request_from

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _in_a_request():
    request_from(HERE, user_agent="Browser/1")


@pytest.fixture
def person():
    return make_user(username="owner", email="owner@example.com")


def fail(username="owner", password="wrong password", address=HERE):
    """One failed sign-in; the exception it raised."""
    request_from(address)
    with pytest.raises((InvalidCredentials, LimitExceeded)) as caught:
        sessions.sign_in(username=username, password=password)
    return caught.value


def grace(settings, seconds=0.0):
    return timedelta(seconds=settings.REFRESH_GRACE_SECONDS + seconds)


# Signing in


@pytest.mark.parametrize("name", ["owner", "OWNER", "owner@example.com", "Owner@Example.com"])
def test_a_person_signs_in_by_name_or_address_whatever_the_case(person, name):
    result = sessions.sign_in(username=name, password=PASSWORD)
    assert result.user == person
    assert tokens.read_access(result.tokens.access).session_id == result.session.pk


def test_a_session_remembers_where_it_came_from_and_not_its_token(person):
    result = sessions.sign_in(username="owner", password=PASSWORD)
    session = Session.objects.get()
    assert (session.ip_address, session.user_agent) == (HERE, "Browser/1")
    jti = tokens.read_refresh(result.tokens.refresh).jti
    assert bytes(session.refresh_digest) == tokens.jti_digest(jti)
    assert session.previous_digest is None


def test_signing_in_is_written_down(person):
    sessions.sign_in(username="owner", password=PASSWORD)
    entry = last_entry("session.created")
    assert (entry.actor_id, entry.ip_address, entry.request_id) == (person.pk, HERE, "test-request")
    person.refresh_from_db()
    assert timezone.now() - person.last_login < timedelta(seconds=5)


def test_a_refused_sign_in_leaves_no_session_and_no_entry(person):
    assert isinstance(fail(), InvalidCredentials)
    assert not Session.objects.exists()
    assert not AuditEntry.objects.exists()
    person.refresh_from_db()
    assert person.last_login is None


def test_guests_and_inactive_accounts_cannot_sign_in_with_a_password():
    make_user(username="gone", is_active=False)
    guest = make_guest(username="visitor")
    guest.set_password(PASSWORD)
    guest.save()
    assert isinstance(fail("gone", PASSWORD), InvalidCredentials)
    assert isinstance(fail("visitor", PASSWORD), InvalidCredentials)


def test_an_unproven_address_keeps_its_account_out_and_gets_another_letter(settings):
    settings.REGISTRATION_EMAIL_VERIFICATION = "required"
    user = make_user(username="fresh", email_verified_at=None)
    assert isinstance(fail("fresh", PASSWORD), InvalidCredentials)
    assert list(OutgoingMail.objects.values_list("kind", "user_id")) == [("email_verification", user.pk)]
    assert not Session.objects.exists()


def test_a_stranger_with_the_wrong_password_cannot_make_that_letter_go_out(settings):
    settings.REGISTRATION_EMAIL_VERIFICATION = "required"
    make_user(username="fresh", email_verified_at=None)
    fail("fresh")
    assert not OutgoingMail.objects.exists()


def test_an_unproven_address_may_sign_in_where_proof_is_optional(settings):
    settings.REGISTRATION_EMAIL_VERIFICATION = "optional"
    make_user(username="fresh", email_verified_at=None)
    assert sessions.sign_in(username="fresh", password=PASSWORD).user.username == "fresh"


def test_the_letters_an_unproven_account_gets_by_signing_in_are_limited(settings):
    settings.REGISTRATION_EMAIL_VERIFICATION = "required"
    make_user(username="fresh", email_verified_at=None)
    for number in range(8):
        fail("fresh", PASSWORD, address=f"192.0.2.{number + 1}")
    assert OutgoingMail.objects.count() == 5


# Limits on guessing


def test_the_sixth_guess_at_an_account_from_one_address_is_refused_unseen(person):
    for _ in range(5):
        assert isinstance(fail(), InvalidCredentials)
    refusal = fail(password=PASSWORD)
    assert isinstance(refusal, LimitExceeded)
    assert refusal.stable_code == "login_throttled"
    assert 0 < refusal.retry_after <= 930
    assert not Session.objects.exists()


def test_an_account_that_does_not_exist_is_throttled_just_the_same():
    kinds = [type(fail("nobody")) for _ in range(6)]
    assert kinds == [InvalidCredentials] * 5 + [LimitExceeded]


def test_the_name_and_the_case_of_a_guess_do_not_get_round_the_limit(person):
    for name in ("owner", "OWNER", "Owner", " owner", "owner "):
        fail(name)
    assert isinstance(fail("oWnEr"), LimitExceeded)


def test_another_address_is_not_hindered_by_the_guesses_of_one(person):
    for _ in range(6):
        fail(address=ELSEWHERE)
    request_from(HERE)
    assert sessions.sign_in(username="owner", password=PASSWORD)


def test_one_address_may_fail_thirty_times_over_all_accounts():
    refused = [isinstance(fail(f"person-{number}"), LimitExceeded) for number in range(31)]
    assert refused == [False] * 30 + [True]


def test_one_account_may_be_guessed_at_fifty_times_over_all_addresses(person):
    refused = [isinstance(fail(address=f"192.0.2.{number}"), LimitExceeded) for number in range(1, 52)]
    assert refused == [False] * 50 + [True]


def test_strangers_who_use_up_an_account_lock_out_strangers_and_not_its_owner(person):
    request_from(HERE)
    sessions.sign_in(username="owner", password=PASSWORD)
    for number in range(1, 52):
        fail(address=f"192.0.2.{number}")
    request_from(ELSEWHERE)
    with pytest.raises(LimitExceeded):
        sessions.sign_in(username="owner", password=PASSWORD)
    request_from(HERE)
    assert sessions.sign_in(username="owner@example.com", password=PASSWORD).user == person
    assert sessions.sign_in(username="owner", password=PASSWORD).user == person


def test_an_address_is_known_for_thirty_days_after_the_last_sign_in(person):
    now = timezone.now()
    with time_machine.travel(now - timedelta(days=31)):
        request_from(HERE)
        sessions.sign_in(username="owner", password=PASSWORD)
    for number in range(1, 52):
        fail(address=f"192.0.2.{number}")
    request_from(HERE)
    with pytest.raises(LimitExceeded):
        sessions.sign_in(username="owner", password=PASSWORD)


def test_an_address_known_for_one_account_is_not_known_for_another(person):
    make_user(username="neighbour")
    request_from(HERE)
    sessions.sign_in(username="neighbour", password=PASSWORD)
    for number in range(1, 52):
        fail(address=f"192.0.2.{number}")
    assert isinstance(fail(address=HERE, password=PASSWORD), LimitExceeded)


def test_no_address_is_never_a_known_address(person):
    request_from(None)
    sessions.sign_in(username="owner", password=PASSWORD)
    for number in range(1, 52):
        fail(address=f"192.0.2.{number}")
    request_from(None)
    with pytest.raises(LimitExceeded):
        sessions.sign_in(username="owner", password=PASSWORD)


def test_a_right_password_gives_back_what_the_attempt_had_used(person):
    for _ in range(12):
        request_from(HERE)
        assert sessions.sign_in(username="owner", password=PASSWORD)
    for _ in range(4):
        fail()
    request_from(HERE)
    assert sessions.sign_in(username="owner", password=PASSWORD)
    assert isinstance(fail(), InvalidCredentials)
    assert isinstance(fail(), LimitExceeded)


# Many sessions


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


# Refreshing


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


# The end of sessions


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


def test_checks_of_the_current_password_are_limited_per_person_and_apart_from_signing_in(person):
    for _ in range(5):
        sessions.charge_password_check(person)
    with pytest.raises(LimitExceeded) as caught:
        sessions.charge_password_check(person)
    assert caught.value.stable_code == "login_throttled"
    sessions.charge_password_check(make_user())
    assert sessions.sign_in(username="owner", password=PASSWORD)


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


# Really at the same time


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


@pytest.mark.django_db(transaction=True)
def test_of_parallel_guesses_no_more_are_checked_than_the_limit_allows():
    make_user(username="owner")
    gate, outcomes = threading.Barrier(12), []

    def guess():
        try:
            request_from(HERE)
            gate.wait()
            sessions.sign_in(username="owner", password="wrong password")
        except (InvalidCredentials, LimitExceeded) as error:
            outcomes.append(error.stable_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["invalid_credentials"] * 5 + ["login_throttled"] * 7


@pytest.mark.django_db(transaction=True)
def test_a_deactivation_that_is_rolled_back_ends_nothing():
    user, chief = make_user(), make_user(is_staff=True)
    claims = tokens.read_access(sessions.open_session(user=user).tokens.access)
    with transaction.atomic():
        accounts.deactivate_user(user=user, actor=chief)
        transaction.set_rollback(True)
    assert isinstance(selectors.session_outcome(claims), selectors.Principal)
