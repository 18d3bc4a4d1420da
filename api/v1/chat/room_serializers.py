"""Shapes of rooms, members and ways in. A link's token appears in the answer to making it only."""

from typing import Any

from rest_framework import serializers

from api.plain import PlainModelSerializer
from modules.chat.choices import History, JoinRule, Level, Role, RoomKind
from modules.chat.models import Admission, Ban, InviteLink, Member, Room
from modules.chat.models.room import MAX_NAME, MAX_TOPIC
from modules.chat.services.rooms import MAX_FIRST_MEMBERS

MAX_NOTE = 200
MAX_USES = 1_000_000
_MADE = [choice for choice in RoomKind.choices if choice[0] != RoomKind.DIRECT]
_LINK_ROLES = [(role.value, role.label) for role in (Role.MEMBER, Role.GUEST, Role.READ_ONLY)]
_INVITED_ROLES = [choice for choice in Role.choices if choice[0] not in (Role.OWNER, Role.GUEST)]


class ChatPersonSerializer(serializers.Serializer[Any]):
    user = serializers.UUIDField(allow_null=True)
    name = serializers.CharField(help_text="How the person appears.")


class ChatUnreadCountsSerializer(serializers.Serializer[Any]):
    messages = serializers.IntegerField(min_value=0)
    mentions = serializers.IntegerField(min_value=0)
    threads = serializers.IntegerField(min_value=0, help_text="Followed threads with unread answers.")


class ChatPlaceSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=Role.choices)
    joined_at = serializers.DateTimeField()
    level = serializers.ChoiceField(choices=Level.choices, help_text="What one wants to be told of.")
    is_favourite = serializers.BooleanField()
    muted_until = serializers.DateTimeField(allow_null=True)
    read_number = serializers.IntegerField(min_value=0)
    unread = ChatUnreadCountsSerializer()


class ChatRoomSerializer(PlainModelSerializer):
    other = ChatPersonSerializer(allow_null=True, help_text="The other person of a direct room.")
    me = ChatPlaceSerializer(allow_null=True, help_text="The caller's place; null for one who is not in the room.")

    class Meta:
        model = Room
        fields = (
            "id",
            "kind",
            "name",
            "topic",
            "join_rule",
            "history",
            "slow_mode_seconds",
            "retention_days",
            "member_count",
            "last_number",
            "last_message_at",
            "archived_at",
            "created_at",
            "other",
            "me",
        )
        read_only_fields = fields


class ChatRoomChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=MAX_NAME, required=False)
    topic = serializers.CharField(max_length=MAX_TOPIC, required=False, allow_blank=True)
    join_rule = serializers.ChoiceField(
        choices=JoinRule.choices, required=False, help_text="Public rooms and channels may be open or take requests."
    )
    history = serializers.ChoiceField(
        choices=History.choices, required=False, help_text="What members see of the past. It can only be narrowed later."
    )
    slow_mode_seconds = serializers.IntegerField(min_value=0, max_value=21_600, required=False)
    retention_days = serializers.IntegerField(
        min_value=1, max_value=36_500, required=False, allow_null=True, help_text="How long messages are kept; null: for ever."
    )


class ChatRoomMakeSerializer(ChatRoomChangeSerializer):
    kind = serializers.ChoiceField(choices=_MADE)
    name = serializers.CharField(max_length=MAX_NAME)
    members = serializers.ListField(
        child=serializers.UUIDField(), max_length=MAX_FIRST_MEMBERS, required=False, help_text="Who is in it from the beginning."
    )


class ChatUserSerializer(serializers.Serializer[Any]):
    user = serializers.UUIDField()


class ChatMemberSerializer(PlainModelSerializer):
    user = serializers.UUIDField(source="user_id", read_only=True)
    username = serializers.CharField(source="user.username", read_only=True)
    display_name = serializers.CharField(source="user.profile.display_name", read_only=True, help_text="May be empty.")
    is_guest = serializers.BooleanField(source="user.is_guest", read_only=True)

    class Meta:
        model = Member
        fields = ("user", "username", "display_name", "role", "is_guest", "joined_at", "muted_until")
        read_only_fields = fields


class ChatMemberAddSerializer(ChatUserSerializer):
    role = serializers.ChoiceField(choices=Role.choices, default=Role.MEMBER)


class ChatMemberChangeSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    muted_until = serializers.DateTimeField(required=False, allow_null=True, help_text="Null: may speak again.")


class ChatPlaceChangeSerializer(serializers.Serializer[Any]):
    level = serializers.ChoiceField(choices=Level.choices, required=False)
    is_favourite = serializers.BooleanField(required=False)


class ChatBanSerializer(PlainModelSerializer):
    user = serializers.UUIDField(source="user_id", read_only=True)
    username = serializers.CharField(source="user.username", read_only=True)
    banned_by = serializers.UUIDField(source="banned_by_id", read_only=True, allow_null=True)

    class Meta:
        model = Ban
        fields = ("user", "username", "reason", "until", "banned_by", "created_at")
        read_only_fields = fields


class ChatBanMakeSerializer(ChatUserSerializer):
    reason = serializers.CharField(max_length=MAX_NOTE, required=False, allow_blank=True)
    until = serializers.DateTimeField(required=False, allow_null=True, help_text="Null: for good.")


class ChatLinkSerializer(PlainModelSerializer):
    created_by = serializers.UUIDField(source="created_by_id", read_only=True, allow_null=True)
    role = serializers.ChoiceField(choices=_LINK_ROLES, read_only=True)

    class Meta:
        model = InviteLink
        fields = ("id", "role", "created_by", "created_at", "expires_at", "max_uses", "uses", "revoked_at")
        read_only_fields = fields


class ChatNewLinkSerializer(ChatLinkSerializer):
    token = serializers.CharField(read_only=True, help_text="What lets in, shown this once.")

    class Meta(ChatLinkSerializer.Meta):
        fields: Any = (*ChatLinkSerializer.Meta.fields, "token")
        read_only_fields = fields


class ChatLinkMakeSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=_LINK_ROLES, default=Role.MEMBER)
    expires_in = serializers.IntegerField(
        min_value=60, max_value=365 * 86_400, required=False, allow_null=True, help_text="Seconds; null: it does not end."
    )
    max_uses = serializers.IntegerField(
        min_value=1, max_value=MAX_USES, required=False, allow_null=True, help_text="Null: any number."
    )


class ChatTokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=200)


class ChatLinkPreviewSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=RoomKind.choices)
    name = serializers.CharField()
    topic = serializers.CharField()
    member_count = serializers.IntegerField(min_value=0)
    role = serializers.ChoiceField(choices=_LINK_ROLES)
    expires_at = serializers.DateTimeField(allow_null=True)


class ChatGuestSerializer(ChatTokenSerializer):
    display_name = serializers.CharField(max_length=MAX_NAME)


class ChatGuestAccountSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    username = serializers.CharField()
    display_name = serializers.CharField()
    is_guest = serializers.BooleanField()
    expires_at = serializers.DateTimeField(help_text="When the guest ends by itself.")


class ChatGuestSignInSerializer(serializers.Serializer[Any]):
    access = serializers.CharField(help_text="Bearer token for the API.")
    refresh = serializers.CharField(help_text="Works once; exchange it before the access token ends.")
    expires_in = serializers.IntegerField(help_text="Seconds until the access token ends.", min_value=0)
    session_id = serializers.UUIDField()
    user = ChatGuestAccountSerializer()
    room = serializers.UUIDField()


class ChatAdmissionSerializer(PlainModelSerializer):
    room = serializers.UUIDField(source="room_id", read_only=True)
    room_name = serializers.CharField(source="room.name", read_only=True)
    room_kind = serializers.ChoiceField(source="room.kind", choices=RoomKind.choices, read_only=True)
    user = serializers.UUIDField(source="user_id", read_only=True)
    username = serializers.CharField(source="user.username", read_only=True)
    role = serializers.ChoiceField(choices=_INVITED_ROLES, read_only=True)
    invited_by = serializers.UUIDField(source="invited_by_id", read_only=True, allow_null=True)

    class Meta:
        model = Admission
        fields = (
            "id",
            "room",
            "room_name",
            "room_kind",
            "user",
            "username",
            "role",
            "note",
            "status",
            "invited_by",
            "created_at",
            "decided_at",
        )
        read_only_fields = fields


class ChatInviteSerializer(ChatUserSerializer):
    role = serializers.ChoiceField(choices=_INVITED_ROLES, default=Role.MEMBER)
    note = serializers.CharField(max_length=MAX_NOTE, required=False, allow_blank=True)


class ChatRequestSerializer(serializers.Serializer[Any]):
    note = serializers.CharField(max_length=MAX_NOTE, required=False, allow_blank=True)
