"""Invitations to people, and people's requests."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from core.exceptions import Invalid, NotFound
from events import publish
from modules.chat import rights
from modules.chat.choices import AdmissionKind, AdmissionStatus, JoinRule
from modules.chat.events import ChatInvited, ChatRequestCreated, ChatRequestDecided
from modules.chat.exceptions import (
    AdmissionDecided,
    AlreadyMember,
    AlreadyPending,
    Banned,
    InvitationRequired,
    RightMissing,
    WrongRoomKind,
)
from modules.chat.joining import acting, enter, living
from modules.chat.models import Admission, Ban, Member, Room
from modules.chat.rights import Action
from modules.chat.selectors import keepers
from modules.chat.services.members import check_gift, person
from modules.chat.services.noting import note
from users.models import User

# After a refusal.
ASK_AGAIN = timedelta(days=1)


def invite(*, room: Room, actor: User, user_id: UUID, role: str, note_text: str = "") -> Admission:
    """Invite somebody, who decides. Raises RightMissing, RoomArchived, Invalid, AlreadyMember, Banned, AlreadyPending.

    Publishes chat.invited.
    """
    with transaction.atomic():
        found, place = acting(room.pk, actor, Action.ADD_MEMBERS)
        user = person(user_id)
        if user.is_guest:
            raise Invalid.field("user", "Guests come in by link.", "is_guest")
        check_gift(found, place, role)
        _check_outside(found, user)
        made: Admission = Admission.objects.create(
            room=found, user=user, kind=AdmissionKind.INVITATION, role=role, note=note_text, invited_by=actor
        )
        publish(ChatInvited(made.pk, found.pk, found.name, actor.pk), stream=f"user:{user.pk}")
        note("invited", found, actor, {"user": str(user.pk), "role": str(role)})
    return made


def withdraw(*, room: Room, actor: User, invitation_id: UUID) -> None:
    """Take an invitation back: one's own, or any as a moderator.

    Raises RightMissing, RoomArchived, NotFound, AdmissionDecided.
    """
    with transaction.atomic():
        found, place = acting(room.pk, actor, Action.ADD_MEMBERS)
        invitation = _pending(found, invitation_id, AdmissionKind.INVITATION)
        if invitation.invited_by_id != actor.pk and not rights.may(found.kind, place.role, Action.DECIDE_REQUESTS):
            raise RightMissing
        _decide(invitation, actor, AdmissionStatus.WITHDRAWN)
        note("invitation_withdrawn", found, actor, {"user": str(invitation.user_id)})


def accept(*, invitation: Admission, actor: User) -> Member:
    """Come in as invited. Raises AdmissionDecided, RoomNotFound, RoomArchived and what `enter` does."""
    with transaction.atomic():
        room = living(invitation.room_id)
        found = _pending(room, invitation.pk, AdmissionKind.INVITATION)
        _decide(found, actor, AdmissionStatus.ACCEPTED)
        return enter(room, actor, found.role)


def decline(*, invitation: Admission, actor: User) -> None:
    """Stay out. Raises AdmissionDecided, RoomNotFound, RoomArchived."""
    with transaction.atomic():
        room = living(invitation.room_id)
        _decide(_pending(room, invitation.pk, AdmissionKind.INVITATION), actor, AdmissionStatus.DECLINED)


def ask(*, room: Room, actor: User, note_text: str = "") -> Admission:
    """Ask to join a room that takes requests; a day after a refusal one may ask again.

    Raises WrongRoomKind (it is open), InvitationRequired, AlreadyMember, Banned, AlreadyPending, AdmissionDecided,
    RoomArchived. Publishes chat.request.created to those who may decide, at most MAX_KEEPERS of them.
    """
    with transaction.atomic():
        found = living(room.pk)
        _check_outside(found, actor)
        if found.join_rule == JoinRule.OPEN:
            raise WrongRoomKind("Anybody may join this room: nothing needs asking.")
        if found.join_rule != JoinRule.REQUEST:
            raise InvitationRequired
        refused = Admission.objects.filter(room=found, user=actor, kind=AdmissionKind.REQUEST, status=AdmissionStatus.DECLINED)
        if refused.filter(decided_at__gt=timezone.now() - ASK_AGAIN).exists():
            raise AdmissionDecided("Your request was declined; ask again in a day.")
        made: Admission = Admission.objects.create(room=found, user=actor, kind=AdmissionKind.REQUEST, note=note_text)
        for user_id in keepers(found, Action.DECIDE_REQUESTS):
            publish(ChatRequestCreated(made.pk, found.pk, actor.pk), stream=f"user:{user_id}")
    return made


def decide(*, room: Room, actor: User, request_id: UUID, is_accepted: bool) -> Admission:
    """Let somebody in who asked, or not. Raises RightMissing, RoomArchived, NotFound, AdmissionDecided and what `enter` does.

    Publishes chat.request.decided.
    """
    with transaction.atomic():
        found, _ = acting(room.pk, actor, Action.DECIDE_REQUESTS)
        request = _pending(found, request_id, AdmissionKind.REQUEST)
        _decide(request, actor, AdmissionStatus.ACCEPTED if is_accepted else AdmissionStatus.DECLINED)
        if is_accepted:
            enter(found, request.user, request.role)
        publish(ChatRequestDecided(request.pk, found.pk, is_accepted), stream=f"user:{request.user_id}")
        note("request_approved" if is_accepted else "request_rejected", found, actor, {"user": str(request.user_id)})
    return request


def _check_outside(room: Room, user: User) -> None:
    if Member.objects.filter(room=room, user=user).exists():
        raise AlreadyMember
    if Ban.objects.standing().filter(room=room, user=user).exists():
        raise Banned
    if Admission.objects.filter(room=room, user=user, status=AdmissionStatus.PENDING).exists():
        raise AlreadyPending


def _pending(room: Room, admission_id: UUID, kind: AdmissionKind) -> Admission:
    """One of a locked room's: nothing of it is decided meanwhile. Raises NotFound, AdmissionDecided."""
    found: Admission | None = (
        Admission.objects.filter(room=room, pk=admission_id, kind=kind).select_related("user__profile").first()
    )
    if found is None:
        raise NotFound
    if found.status != AdmissionStatus.PENDING:
        raise AdmissionDecided
    return found


def _decide(admission: Admission, actor: User, status: AdmissionStatus) -> None:
    admission.status, admission.decided_by, admission.decided_at = status, actor, timezone.now()
    admission.save(update_fields=["status", "decided_by", "decided_at"])
