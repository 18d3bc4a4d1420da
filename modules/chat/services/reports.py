"""Reports of messages, and what those who look after a room make of them."""

from django.db import transaction
from django.utils import timezone

from events import publish
from modules.chat import rights
from modules.chat.choices import ReportStatus
from modules.chat.events import ChatReported
from modules.chat.exceptions import MessageDeleted, ReportHandled, ReportNotFound, RightMissing
from modules.chat.models import Member, Message, Report
from modules.chat.rights import Action
from modules.chat.selectors import keepers
from modules.chat.services.noting import note
from users.models import User


def report_message(*, member: Member, message: Message, reason: str, note: str = "") -> tuple[Report, bool]:
    """Report a message to those who look after its room, with what it says now; the report, and whether it was made now.

    One of each person for each message: a second one is the first. Raises RightMissing, MessageDeleted, Invalid. Publishes
    chat.reported to at most MAX_KEEPERS of them.
    """
    rights.check(member.room, member, Action.REPORT)
    if message.deleted_at is not None:
        raise MessageDeleted
    with transaction.atomic():
        report, made = Report.objects.get_or_create(
            message=message,
            reporter_id=member.user_id,
            defaults={"room_id": message.room_id, "reason": reason, "note": note, "text": message.text},
        )
        if made:
            told = ChatReported(report.pk, report.room_id, message.pk, report.reason)
            for user in keepers(member.room, Action.SEE_REPORTS, without=member.user_id):
                publish(told, stream=f"user:{user}")
    return report, made


def handle_report(*, report: Report, actor: User, status: str) -> Report:
    """Close a report as resolved or dismissed. Raises RightMissing, ReportHandled.

    Who looks after the room may, and administrators of the installation.
    """
    if not actor.is_staff:
        member = Member.objects.filter(room_id=report.room_id, user=actor).select_related("room").first()
        if member is None:
            raise RightMissing
        rights.check(member.room, member, Action.SEE_REPORTS)
    with transaction.atomic():
        rows = Report.objects.select_for_update(of=("self",)).select_related("room")
        found: Report | None = rows.filter(pk=report.pk).first()
        if found is None:
            # The message went, and its reports with it.
            raise ReportNotFound
        if found.status != ReportStatus.OPEN:
            raise ReportHandled
        found.status, found.handled_by, found.handled_at = status, actor, timezone.now()
        found.save(update_fields=["status", "handled_by", "handled_at"])
        note(f"report_{status}", found.room, actor, {"report": str(found.pk), "message": str(found.message_id)})
    return found
