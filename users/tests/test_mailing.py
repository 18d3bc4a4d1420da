"""Letters: written with the work that asks for them, sent once, never lost."""

import smtplib
import threading
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from core import doorbell
from users import mailing, tasks
from users.choices import MailKind
from users.models import OutgoingMail, User
from users.services import letters, passwords, registration
from users.tests.factories import PASSWORD, make_user
from users.tests.support import subjects

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return make_user(username="owner", email="owner@example.com")


def written(person, kind=MailKind.PASSWORD_RESET, **fields):
    return OutgoingMail.objects.create(kind=kind, to=person.email, user=person, **fields)


def smtp_says(monkeypatch, error):
    def send_mail(*args, **kwargs):
        raise error

    monkeypatch.setattr(mailing, "send_mail", send_mail)


@pytest.mark.parametrize("kind", MailKind.values)
def test_there_is_a_letter_of_each_kind_from_us_to_its_address(person, kind, settings):
    letter = written(person, kind)
    assert tasks.deliver_mail(str(letter.pk))
    message = mail.outbox[0]
    assert message.to == ["owner@example.com"]
    assert message.from_email == settings.DEFAULT_FROM_EMAIL
    assert "\n" not in message.subject
    assert settings.FRONTEND_URL in message.body
    assert "pbkdf2" not in message.body
    letter.refresh_from_db()
    assert (letter.sent_at is not None, letter.attempts) == (True, 1)


def test_each_kind_has_words_of_its_own(person):
    for kind in MailKind.values:
        mailing.deliver(str(written(person, kind).pk))
    assert len(set(subjects())) == len(MailKind.values)


def test_a_letter_is_sent_once_however_often_it_is_asked_for(person):
    letter = written(person)
    assert [mailing.deliver(str(letter.pk)) for _ in range(3)] == [True, False, False]
    assert len(mail.outbox) == 1


def test_a_letter_that_is_gone_is_nothing_to_do():
    assert not mailing.deliver("01890000-0000-7000-8000-000000000000")


@pytest.mark.parametrize(
    "error", [smtplib.SMTPServerDisconnected("gone"), smtplib.SMTPRecipientsRefused({}), ConnectionRefusedError(), TimeoutError()]
)
def test_a_mail_server_that_fails_puts_the_letter_off_twice_as_long_each_time(person, monkeypatch, error):
    letter = written(person)
    smtp_says(monkeypatch, error)
    waits = []
    for _ in range(3):
        before = timezone.now()
        assert not mailing.deliver(str(letter.pk))
        letter.refresh_from_db()
        waits.append(round((letter.next_attempt_at - before).total_seconds()))
    assert waits == [30, 60, 120]
    assert (letter.attempts, letter.sent_at) == (3, None)


def test_a_letter_put_off_is_swept_up_when_its_time_has_come(person, monkeypatch):
    letter = written(person)
    with monkeypatch.context() as patch:
        smtp_says(patch, smtplib.SMTPException("busy"))
        mailing.deliver(str(letter.pk))
    assert tasks.sweep_mails() == 0
    assert not mail.outbox
    with time_machine.travel(timezone.now() + timedelta(seconds=45)):
        assert tasks.sweep_mails() == 1
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("address", ['"\\\x0b"@[::1]', '"\x08\x0c"@[::1]'])
def test_an_address_nothing_can_be_sent_to_does_not_stop_the_letters_behind_it(person, address, api, settings, tmp_path):
    # This one writes the letter out as the SMTP one does; the one in memory does not.
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = "django.core.mail.backends.filebased.EmailBackend", str(tmp_path)
    body = {"username": "poisoner", "email": address, "password": PASSWORD}
    assert api.post("/api/v1/auth/register/", body, format="json").status_code == 202, "it passes for an address"
    letter = written(person)
    with time_machine.travel(timezone.now() + timedelta(seconds=11)):
        assert tasks.sweep_mails() == 1
        assert tasks.sweep_mails() == 0
    letter.refresh_from_db()
    assert letter.sent_at
    assert OutgoingMail.objects.get(to=address).attempts == 1


def test_after_eight_attempts_a_letter_is_given_up(person, monkeypatch):
    letter = written(person, attempts=mailing.MAX_ATTEMPTS - 1)
    with monkeypatch.context() as patch:
        smtp_says(patch, OSError())
        mailing.deliver(str(letter.pk))
    assert not mailing.deliver(str(letter.pk))
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        assert not mailing.waiting()
    assert not mail.outbox


def test_a_lost_doorbell_delays_a_letter_and_loses_nothing(person, monkeypatch, django_capture_on_commit_callbacks):
    def away(*args):
        raise OperationalError("the broker is away")

    # The doorbell keeps quiet for a while after a failure; put back when the test ends.
    monkeypatch.setattr(doorbell, "_quiet_until", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(tasks.deliver_mail, "delay", away)
        with django_capture_on_commit_callbacks(execute=True):
            passwords.ask_for_reset(email=person.email)
    assert not mail.outbox
    assert tasks.sweep_mails() == 0, "a letter just written is the doorbell's"
    with time_machine.travel(timezone.now() + timedelta(seconds=11)):
        assert tasks.sweep_mails() == 1
        assert tasks.sweep_mails() == 0
    assert subjects() == ["Reset your password"]


def test_the_sweep_takes_the_oldest_hundred_first(person):
    now = timezone.now()
    OutgoingMail.objects.bulk_create(
        OutgoingMail(kind="password_changed", to=person.email, user=person, next_attempt_at=now - timedelta(minutes=n))
        for n in range(1, 103)
    )
    due = mailing.waiting()
    assert len(due) == 100
    assert due[0] == str(OutgoingMail.objects.order_by("next_attempt_at").first().pk)


def test_a_letter_is_rung_for_after_the_commit_only(person, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        letters.ask_for_letter(kind=MailKind.PASSWORD_RESET, to=person.email, user=person)
    assert len(callbacks) == 1
    assert not mail.outbox
    callbacks[0]()
    assert len(mail.outbox) == 1


def test_the_tokens_are_made_when_sending_and_stored_nowhere(person):
    letter = written(person)
    mailing.deliver(str(letter.pk))
    letter.refresh_from_db()
    row = OutgoingMail.objects.filter(pk=letter.pk).values().get()
    token = mail.outbox[0].body.rsplit("token: ", 1)[1].split("\n")[0]
    assert token not in str(row)


@pytest.mark.parametrize("kind", [MailKind.PASSWORD_RESET, MailKind.EMAIL_VERIFICATION])
def test_a_letter_with_a_token_does_not_go_to_an_address_the_account_has_left(person, kind):
    letter = written(person, kind)
    User.objects.filter(pk=person.pk).update(email="moved@example.com")
    assert not mailing.deliver(str(letter.pk))
    assert not mail.outbox
    assert not OutgoingMail.objects.exists()


def test_the_news_of_a_changed_password_goes_to_the_old_address_all_the_same(person):
    letter = written(person, MailKind.PASSWORD_CHANGED)
    User.objects.filter(pk=person.pk).update(email="moved@example.com")
    assert mailing.deliver(str(letter.pk))


@pytest.mark.parametrize("kind", [MailKind.PASSWORD_RESET, MailKind.EMAIL_VERIFICATION])
def test_a_letter_with_a_token_is_never_sent_for_nobody_or_an_inactive_account(person, kind):
    nobody = OutgoingMail.objects.create(kind=kind, to="nobody@example.com", user=None)
    letter = written(person, kind)
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert not mailing.deliver(str(nobody.pk))
    assert not mailing.deliver(str(letter.pk))
    assert not mail.outbox


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_a_letter_once():
    person = make_user()
    letter = written(person)
    gate, sent = threading.Barrier(6), []

    def work():
        try:
            gate.wait()
            sent.append(mailing.deliver(str(letter.pk)))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sent) == [False] * 5 + [True]
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_a_registration_that_is_rolled_back_sends_nothing_and_one_that_commits_sends_its_letter():
    with transaction.atomic():
        registration.register(username="newcomer", email="newcomer@example.com", password=PASSWORD)
        transaction.set_rollback(True)
    assert not mail.outbox
    assert not OutgoingMail.objects.exists()
    registration.register(username="newcomer", email="newcomer@example.com", password=PASSWORD)
    assert subjects() == ["Confirm your email address"]
