"""`manage.py reencrypt`: afterwards the newest key alone reads everything, so that the old ones can be dropped."""

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from core import crypto, reencrypting
from core.models import IdempotencyRecord
from users.tests.factories import make_user
from webhooks.models import WebhookEndpoint
from webhooks.services import rotate_secret
from webhooks.signing import secret_text
from webhooks.tests.factories import make_endpoint, reload

pytestmark = pytest.mark.django_db
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def keys():
    """Set the keys, the newest first."""
    changed = override_settings()

    def under(*chosen):
        changed.disable()
        changed.options["FIELD_ENCRYPTION_KEYS"] = list(chosen)
        changed.enable()
        crypto._box.cache_clear()

    changed.enable()
    yield under
    changed.disable()
    crypto._box.cache_clear()


def record(number=0, body=b"answer"):
    return IdempotencyRecord.objects.create(
        caller="c", method="POST", route="r", key=str(number), fingerprint=b"", status_code=200, body=crypto.encrypt(body)
    )


def test_an_old_key_can_be_dropped_after_it(keys, capsys):
    keys(OLD)
    made = make_endpoint(make_user())
    rotated = rotate_secret(endpoint=made.endpoint, actor=made.endpoint.owner)
    kept = record()
    keys(NEW, OLD)
    call_command("reencrypt")
    keys(NEW)
    endpoint = reload(made.endpoint)
    assert [secret_text(key) for key in endpoint.keys(timezone.now())] == [rotated.secret, made.secret]
    kept.refresh_from_db()
    assert crypto.decrypt(bytes(kept.body)) == b"answer"
    assert "webhooks.WebhookEndpoint.secret: 1 changed, 0 were current, 0 unreadable" in capsys.readouterr().out
    assert endpoint.updated_at == rotated.endpoint.updated_at


def test_it_goes_through_more_than_one_batch_and_a_second_run_changes_nothing(keys, monkeypatch, capsys):
    monkeypatch.setattr(reencrypting, "BATCH", 2)
    keys(OLD)
    for number in range(5):
        record(number)
    keys(NEW, OLD)
    call_command("reencrypt")
    assert "core.IdempotencyRecord.body: 5 changed, 0 were current, 0 unreadable" in capsys.readouterr().out
    before = list(IdempotencyRecord.objects.order_by("pk").values_list("body", flat=True))
    call_command("reencrypt")
    assert "core.IdempotencyRecord.body: 0 changed, 5 were current, 0 unreadable" in capsys.readouterr().out
    assert list(IdempotencyRecord.objects.order_by("pk").values_list("body", flat=True)) == before


def test_a_missing_key_is_an_error_and_what_can_be_read_is_done_all_the_same(keys):
    keys(OLD)
    lost = record(1)
    between = Fernet.generate_key().decode()
    keys(between)
    readable = record(2)
    keys(NEW, between)
    with pytest.raises(CommandError, match="Is a key missing"):
        call_command("reencrypt")
    keys(NEW)
    readable.refresh_from_db()
    assert crypto.decrypt(bytes(readable.body)) == b"answer"
    before = bytes(lost.body)
    lost.refresh_from_db()
    assert bytes(lost.body) == before


def test_what_was_written_meanwhile_is_not_overwritten(keys, monkeypatch):
    keys(OLD)
    made = make_endpoint(make_user())
    keys(NEW, OLD)
    newer = crypto.encrypt(b"n" * 32)
    renew = crypto.reencrypt

    def meanwhile(value):
        WebhookEndpoint.objects.update(secret=newer)
        return renew(value)

    monkeypatch.setattr(crypto, "reencrypt", meanwhile)
    call_command("reencrypt")
    assert bytes(reload(made.endpoint).secret) == newer


def test_every_column_that_holds_what_is_encrypted_is_found():
    assert {count.label for count in reencrypting.reencrypt_all()} >= {
        "core.IdempotencyRecord.body",
        "webhooks.WebhookEndpoint.secret",
        "webhooks.WebhookEndpoint.previous_secret",
    }
