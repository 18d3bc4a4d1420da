"""The audit trail tells who did what from where, and nobody changes it."""

from uuid import uuid4

import pytest
from django.db import DatabaseError, transaction

from core import audit, context
from core.models import AuditEntry


@pytest.mark.django_db
class TestAudit:
    def test_an_entry_tells_who_did_what_to_which_thing_from_where(self, user):
        context.enter(context.RequestContext("rid", "203.0.113.7", "", "session"))
        target = uuid4()
        audit.record(
            "thing.changed", actor=user, target_type="thing", target_id=target, target_label="x" * 300, changes={"a": [1, 2]}
        )
        context.enter(context.RequestContext())
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.actor_id, entry.actor_label, entry.via) == ("thing.changed", user.pk, "owner", "session")
        assert (entry.target_type, entry.target_id, len(entry.target_label)) == ("thing", str(target), 254)
        assert (entry.changes, entry.ip_address, entry.request_id) == ({"a": [1, 2]}, "203.0.113.7", "rid")
        assert "thing.changed" in str(entry)

    def test_without_an_actor_it_was_the_system(self):
        audit.record("thing.swept", actor=None, target_type="thing", target_id="1")
        entry = AuditEntry.objects.get()
        assert (entry.actor_id, entry.actor_label, entry.via, entry.changes) == (None, "", "system", {})

    @pytest.mark.parametrize(
        "attempt",
        [
            lambda entry: AuditEntry.objects.filter(pk=entry.pk).update(action="other"),
            lambda entry: AuditEntry.objects.filter(pk=entry.pk).delete(),
            lambda entry: entry.save(),
            lambda entry: entry.delete(),
        ],
        ids=["update", "delete", "save", "delete-one"],
    )
    def test_no_entry_can_be_changed_or_removed(self, attempt):
        audit.record("thing.made", actor=None, target_type="thing", target_id="1")
        entry = AuditEntry.objects.get()
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            attempt(entry)
        assert AuditEntry.objects.get().action == "thing.made"

    def test_an_entry_of_undone_work_is_undone_with_it(self):
        with pytest.raises(RuntimeError), transaction.atomic():
            audit.record("thing.made", actor=None, target_type="thing", target_id="1")
            raise RuntimeError
        assert AuditEntry.objects.count() == 0
