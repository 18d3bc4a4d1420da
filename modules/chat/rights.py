"""Who may do what in a room: one table. Everything else asks `may` or `check`."""

from collections.abc import Mapping
from enum import StrEnum, auto

from modules.chat.choices import Role, RoomKind
from modules.chat.exceptions import RightMissing
from modules.chat.models import Member, Room


class Action(StrEnum):
    """What can be done in a room by its members."""

    READ = auto()
    SEND = auto()
    ATTACH = auto()
    REACT = auto()
    EDIT_OWN = auto()
    DELETE_OWN = auto()
    REPORT = auto()
    TYPE = auto()
    LEAVE = auto()
    SEE_MEMBERS = auto()
    MENTION_ALL = auto()
    PIN = auto()
    ADD_MEMBERS = auto()
    MAKE_LINKS = auto()
    DECIDE_REQUESTS = auto()
    DELETE_ANY = auto()
    MUTE = auto()
    REMOVE = auto()
    BAN = auto()
    SEE_REPORTS = auto()
    EDIT_ROOM = auto()
    CHANGE_ROLES = auto()
    MANAGE_WEBHOOKS = auto()
    EXPORT = auto()
    ARCHIVE = auto()
    DELETE_ROOM = auto()


RANK = {Role.OWNER: 5, Role.ADMIN: 4, Role.MODERATOR: 3, Role.MEMBER: 2, Role.GUEST: 1, Role.READ_ONLY: 0}
_EVERYBODY = frozenset(Role)
_SPEAKERS = _EVERYBODY - {Role.READ_ONLY}
_MEMBERS = _SPEAKERS - {Role.GUEST}
_MODERATORS = _MEMBERS - {Role.MEMBER}
_ADMINS = _MODERATORS - {Role.MODERATOR}
_OWNERS = frozenset({Role.OWNER})
_NOBODY = frozenset[Role]()

ROLES: Mapping[Action, frozenset[Role]] = {
    Action.READ: _EVERYBODY,
    Action.LEAVE: _EVERYBODY,
    Action.SEE_MEMBERS: _EVERYBODY,
    Action.REPORT: _EVERYBODY,
    Action.SEND: _SPEAKERS,
    Action.ATTACH: _SPEAKERS,
    Action.REACT: _SPEAKERS,
    Action.TYPE: _SPEAKERS,
    Action.EDIT_OWN: _SPEAKERS,
    Action.DELETE_OWN: _SPEAKERS,
    Action.MENTION_ALL: _MODERATORS,
    Action.PIN: _MODERATORS,
    Action.ADD_MEMBERS: _MODERATORS,
    Action.MAKE_LINKS: _MODERATORS,
    Action.DECIDE_REQUESTS: _MODERATORS,
    Action.DELETE_ANY: _MODERATORS,
    Action.MUTE: _MODERATORS,
    Action.REMOVE: _MODERATORS,
    Action.BAN: _MODERATORS,
    Action.SEE_REPORTS: _MODERATORS,
    Action.EDIT_ROOM: _ADMINS,
    Action.CHANGE_ROLES: _ADMINS,
    Action.MANAGE_WEBHOOKS: _ADMINS,
    Action.EXPORT: _ADMINS,
    Action.ARCHIVE: _ADMINS,
    Action.DELETE_ROOM: _OWNERS,
}
# Where a kind of room differs.
_KINDS: Mapping[RoomKind, Mapping[Action, frozenset[Role]]] = {
    RoomKind.GROUP: {
        Action.ADD_MEMBERS: _MEMBERS,
        Action.PIN: _MEMBERS,
        Action.MENTION_ALL: _MEMBERS,
    },
    RoomKind.BROADCAST: {
        Action.SEND: _MODERATORS,
        Action.ATTACH: _MODERATORS,
        Action.TYPE: _MODERATORS,
        Action.EDIT_OWN: _MODERATORS,
    },
    # Two people are equals, and nobody looks after them.
    RoomKind.DIRECT: {
        **dict.fromkeys(Action, _NOBODY),
        **dict.fromkeys(
            (
                Action.READ,
                Action.SEND,
                Action.ATTACH,
                Action.REACT,
                Action.TYPE,
                Action.EDIT_OWN,
                Action.DELETE_OWN,
                Action.REPORT,
                Action.SEE_MEMBERS,
                Action.PIN,
                Action.EXPORT,
            ),
            _MEMBERS,
        ),
    },
}


def may(kind: str, role: str, action: Action) -> bool:
    """Whether a member of that role may do it in a room of that kind."""
    return Role(role) in _KINDS.get(RoomKind(kind), {}).get(action, ROLES[action])


def check(room: Room, member: Member, action: Action) -> None:
    """Raises RightMissing."""
    if not may(room.kind, member.role, action):
        raise RightMissing


def outranks(actor: str, target: str) -> bool:
    """Whether somebody of one role may act upon somebody of another: only downwards, owners upon all but owners."""
    return RANK[Role(actor)] > RANK[Role(target)]
