"""Keeping people out of a room."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from core.exceptions import Invalid, NotFound
from modules.chat import rights
from modules.chat.choices import AdmissionStatus
from modules.chat.exceptions import RightMissing
from modules.chat.joining import acting, remove
from modules.chat.models import Admission, Ban, Member, Room
from modules.chat.rights import Action
from modules.chat.services.members import person
from modules.chat.services.noting import note
from users.models import User


def ban(*, room: Room, actor: User, user_id: UUID, reason: str = "", until: datetime | None = None) -> Ban:
    """Keep somebody out, for good or `until`, whether in the room or not; what is pending of them is withdrawn.

    A second ban of the same person replaces the first. Raises RightMissing, RoomArchived, Invalid. Publishes member.left with
    the reason `banned`: sockets that follow the room's stream are asked anew.
    """
    if until is not None and until <= timezone.now():
        raise Invalid.field("until", "Must lie in the future.", "in_the_past")
    with transaction.atomic():
        found, place = acting(room.pk, actor, Action.BAN)
        user = person(user_id)
        member: Member | None = Member.objects.filter(room=found, user=user).first()
        if user.pk == actor.pk or (member is not None and not rights.outranks(place.role, member.role)):
            raise RightMissing
        given: Ban
        given, _ = Ban.objects.update_or_create(
            room=found,
            user=user,
            defaults={"banned_by": actor, "reason": reason, "until": until, "created_at": timezone.now()},
        )
        pending = Admission.objects.filter(room=found, user=user, status=AdmissionStatus.PENDING)
        pending.update(status=AdmissionStatus.WITHDRAWN, decided_by=actor, decided_at=timezone.now())
        if member is not None:
            remove(found, member, "banned")
        changes = {"user": str(user.pk), "reason": reason, "until": until.isoformat() if until else None}
        note("member_banned", found, actor, changes)
    return given


def unban(*, room: Room, actor: User, user_id: UUID) -> None:
    """Let somebody come back. Raises RightMissing, RoomArchived, NotFound."""
    with transaction.atomic():
        found, _ = acting(room.pk, actor, Action.BAN)
        if not Ban.objects.filter(room=found, user_id=user_id).delete()[0]:
            raise NotFound("This person is not banned.")
        note("member_unbanned", found, actor, {"user": str(user_id)})
