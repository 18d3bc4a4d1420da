"""What chat refuses."""

from core.exceptions import Conflict, LimitExceeded, NotAllowed, NotFound


class RoomNotFound(NotFound):
    """No such room for this caller."""

    code = "room_not_found"
    default_message = "There is no such room."


class MessageNotFound(NotFound):
    """No such message for this caller."""

    code = "message_not_found"
    default_message = "There is no such message."


class NotAMember(NotAllowed):
    """The caller sees the room and is not in it."""

    code = "not_a_member"
    default_message = "Join the room first."


class RightMissing(NotAllowed):
    """The caller's role does not allow it."""

    code = "role_insufficient"
    default_message = "Your role in this room does not allow this."


class Banned(NotAllowed):
    """Somebody must stay out of the room."""

    code = "banned"
    default_message = "Banned from this room."


class Muted(NotAllowed):
    """A moderator silenced the caller for a while."""

    code = "muted"
    default_message = "You were muted in this room."


class RoomArchived(Conflict):
    """Nothing changes in an archived room."""

    code = "room_archived"
    default_message = "The room is archived."


class WrongRoomKind(Conflict):
    """Rooms of this kind have no such thing."""

    code = "wrong_room_kind"
    default_message = "Rooms of this kind do not have this."


class GuestElsewhere(NotAllowed):
    """A guest is bound to one room."""

    code = "account_required"
    default_message = "A guest is in one room only; upgrade to an account first."


class RequestRequired(Conflict):
    """The room is not open, but takes requests."""

    code = "request_required"
    default_message = "Ask to join: this room takes requests."


class InvitationRequired(Conflict):
    """The room takes neither everybody nor requests."""

    code = "invitation_required"
    default_message = "This room is joined by invitation or link."


class AlreadyPending(Conflict):
    """The person was invited, or has asked, and it is not decided."""

    code = "already_pending"
    default_message = "An invitation or request of this person is pending."


class TooManyLinks(Conflict):
    """As many usable links as a room may have."""

    code = "too_many_links"
    default_message = "The room has as many links as it may have; revoke one first."


class AlreadyMember(Conflict):
    """The person is in the room."""

    code = "already_member"
    default_message = "This person is in the room already."


class LastOwner(Conflict):
    """A room keeps an owner."""

    code = "last_owner"
    default_message = "Make somebody else an owner first."


class RoomFull(Conflict):
    """As many members as a room may have."""

    code = "room_full"
    default_message = "The room is full."


class LinkUnusable(NotFound):
    """No such link, or it is over."""

    code = "link_unusable"
    default_message = "This link does not exist, has expired, was revoked or is used up."


class AdmissionDecided(Conflict):
    """The invitation or request is not pending any more."""

    code = "admission_decided"
    default_message = "This was decided already."


class EditWindowOver(Conflict):
    """Too late to edit."""

    code = "edit_window_over"
    default_message = "The time for editing this message is over."


class TooManyEdits(Conflict):
    """As many edits as a message may have."""

    code = "too_many_edits"
    default_message = "The message was edited as often as it may be."


class MessageDeleted(Conflict):
    """The message is a tombstone."""

    code = "message_deleted"
    default_message = "The message was deleted."


class TooFast(LimitExceeded):
    """More messages than the sender or the room may take; `retry_after` is in seconds."""

    code = "rate_limited"
    default_message = "Too many messages."


class SlowMode(LimitExceeded):
    """The room's pause between two messages is not over; `retry_after` is in seconds."""

    code = "slow_mode"
    default_message = "The room is in slow mode."


class ReportNotFound(NotFound):
    """No such report for this caller."""

    code = "report_not_found"
    default_message = "There is no such report."


class ReportHandled(Conflict):
    """The report is closed."""

    code = "report_handled"
    default_message = "This report was handled already."


class TooManyReactions(Conflict):
    """As many kinds of emoji as a message may have."""

    code = "too_many_reactions"
    default_message = "The message has as many different reactions as it may have."


class TooManyPins(Conflict):
    """As many pinned messages as a room may have."""

    code = "too_many_pins"
    default_message = "The room has as many pinned messages as it may have."


class FileNotFound(NotFound):
    """No such file for this caller, or nothing of it is kept any more."""

    code = "file_not_found"
    default_message = "There is no such file."


class FileSent(Conflict):
    """A file that was sent goes with its message."""

    code = "file_sent"
    default_message = "This file was sent: delete its message."


class TooManyFiles(Conflict):
    """As many files as somebody may have without having sent them."""

    code = "too_many_files"
    default_message = "You have as many files that were not sent as you may have."


class WebhookNotFound(NotFound):
    """No such incoming webhook for this caller, or not with this token."""

    code = "incoming_webhook_not_found"
    default_message = "There is no such webhook."


class TooManyWebhooks(Conflict):
    """As many incoming webhooks as a room may have."""

    code = "too_many_incoming_webhooks"
    default_message = "The room has as many webhooks as it may have."
