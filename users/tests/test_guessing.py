"""Nobody guesses at passwords beyond the limits, and nobody locks out the owner by trying."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from core.exceptions import LimitExceeded
from users.exceptions import InvalidCredentials
from users.models import Session
from users.services import sessions
from users.tests.factories import PASSWORD, make_user
from users.tests.support import ELSEWHERE, HERE, fail, request_from

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_a_request")]


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


def test_checks_of_the_current_password_are_limited_per_person_and_apart_from_signing_in(person):
    for _ in range(5):
        sessions.charge_password_check(person)
    with pytest.raises(LimitExceeded) as caught:
        sessions.charge_password_check(person)
    assert caught.value.stable_code == "login_throttled"
    sessions.charge_password_check(make_user())
    assert sessions.sign_in(username="owner", password=PASSWORD)


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
