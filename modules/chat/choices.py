"""The words of the module, once."""

from django.db import models


class RoomKind(models.TextChoices):
    """What sort of room: who finds it, who may write in it."""

    PUBLIC = "public", "Public"
    PRIVATE = "private", "Private"
    DIRECT = "direct", "Direct"
    GROUP = "group", "Group"
    BROADCAST = "broadcast", "Broadcast"


class Role(models.TextChoices):
    """What a member may do, from most to least."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Administrator"
    MODERATOR = "moderator", "Moderator"
    MEMBER = "member", "Member"
    GUEST = "guest", "Guest"
    READ_ONLY = "read_only", "Read only"


class JoinRule(models.TextChoices):
    """How people come in without being brought in."""

    OPEN = "open", "Anybody may join"
    REQUEST = "request", "Anybody may ask"
    INVITE = "invite", "By invitation or link"


class History(models.TextChoices):
    """What of a room's past a member sees."""

    ALL = "all", "All of it"
    SINCE_JOINING = "since_joining", "Since joining"


class Level(models.TextChoices):
    """What of a room a member wants to be told of."""

    ALL = "all", "Every message"
    MENTIONS = "mentions", "Mentions"
    NOTHING = "nothing", "Nothing"


class AdmissionKind(models.TextChoices):
    """Who asked: the room, or the person."""

    INVITATION = "invitation", "Invitation"
    REQUEST = "request", "Request"


class AdmissionStatus(models.TextChoices):
    """What became of an invitation or request."""

    PENDING = "pending", "Pending"
    ACCEPTED = "accepted", "Accepted"
    DECLINED = "declined", "Declined"
    WITHDRAWN = "withdrawn", "Withdrawn"


class FileKind(models.TextChoices):
    """How a file is shown."""

    IMAGE = "image", "Image"
    FILE = "file", "File"


class PreviewStatus(models.TextChoices):
    """Where a link's preview stands."""

    PENDING = "pending", "Pending"
    READY = "ready", "Ready"
    NONE = "none", "None"


class ReportReason(models.TextChoices):
    """Why a message was reported."""

    SPAM = "spam", "Spam"
    ABUSE = "abuse", "Abuse or harassment"
    ILLEGAL = "illegal", "Illegal content"
    OTHER = "other", "Other"


class ReportStatus(models.TextChoices):
    """What became of a report."""

    OPEN = "open", "Open"
    RESOLVED = "resolved", "Resolved"
    DISMISSED = "dismissed", "Dismissed"
