"""Shapes of messages, reactions, threads, mentions, counters and reports, and of what can be asked of them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api.plain import PlainModelSerializer
from modules.chat.choices import FileKind, ReportReason
from modules.chat.models import MessageEdit, Report
from modules.chat.models.message import MAX_EMOJI, MAX_FILES, MAX_TEXT
from modules.chat.searching import MAX_QUERY
from modules.chat.selectors import MAX_PAGE

MAX_NUMBER = (1 << 53) - 1
MAX_NOTE = 500


def _number(text: str) -> serializers.IntegerField:
    return serializers.IntegerField(required=False, min_value=0, max_value=MAX_NUMBER, help_text=text)


class ChatHistoryQuerySerializer(serializers.Serializer[Any]):
    before = _number("Messages before this number.")
    after = _number("Messages after this number.")
    around = _number("Messages on both sides of this number, and itself.")
    limit = serializers.IntegerField(default=50, min_value=1, max_value=MAX_PAGE, help_text="The most messages in one answer.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One direction at a time."""
        asked = [name for name in ("before", "after", "around") if name in attrs]
        if len(asked) > 1:
            raise serializers.ValidationError({asked[1]: ["Only one of `before`, `after` and `around`."]}, code="only_one")
        return attrs


class ChatSendSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(
        max_length=MAX_TEXT, allow_blank=True, trim_whitespace=False, default="", help_text="May be empty where there are files."
    )
    cid = serializers.UUIDField(
        required=False, allow_null=True, help_text="A UUID of your own: sent again under it, the message is the same one."
    )
    root = serializers.UUIDField(  # type: ignore[assignment]  # a field of that name
        required=False, allow_null=True, help_text="The message in whose thread it goes."
    )
    reply_to = serializers.UUIDField(required=False, allow_null=True, help_text="The message it answers.")
    files = serializers.ListField(
        child=serializers.UUIDField(), max_length=MAX_FILES, default=list, help_text="Files that were uploaded before."
    )


class ChatEditSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=MAX_TEXT, allow_blank=True, trim_whitespace=False)


class ChatAuthorSerializer(serializers.Serializer[Any]):
    user = serializers.UUIDField(allow_null=True, help_text="Null for a webhook or a deleted account.")
    name = serializers.CharField()
    is_bot = serializers.BooleanField()


class ChatMessageFileSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=FileKind.choices)
    filename = serializers.CharField()
    mime_type = serializers.CharField()
    size = serializers.IntegerField()
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)
    blurhash = serializers.CharField()


class ChatPreviewSerializer(serializers.Serializer[Any]):
    url = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    site_name = serializers.CharField()


class ChatReactionsSerializer(serializers.Serializer[Any]):
    reactions = serializers.DictField(child=serializers.IntegerField(), help_text="How many have each emoji.")
    my_reactions = serializers.ListField(child=serializers.CharField(), help_text="One's own.")


class ChatMessageSerializer(ChatReactionsSerializer):
    id = serializers.UUIDField()
    room = serializers.UUIDField()
    number = serializers.IntegerField(help_text="Its place in the room, or in its thread.")
    root = serializers.UUIDField(  # type: ignore[assignment]  # a field of that name
        allow_null=True, help_text="The message in whose thread it is; null in the room itself."
    )
    author = ChatAuthorSerializer()
    text = serializers.CharField(help_text="As it was written: never HTML.")
    cid = serializers.UUIDField(allow_null=True)
    reply_to = serializers.UUIDField(allow_null=True)
    mentions = serializers.ListField(child=serializers.UUIDField())
    mentions_all = serializers.BooleanField()
    files = ChatMessageFileSerializer(many=True)
    previews = ChatPreviewSerializer(many=True)
    reply_count = serializers.IntegerField()
    last_reply_at = serializers.DateTimeField(allow_null=True)
    pinned_at = serializers.DateTimeField(allow_null=True)
    edited_at = serializers.DateTimeField(allow_null=True)
    deleted_at = serializers.DateTimeField(allow_null=True, help_text="Since then nothing of it is left.")
    deleted_by = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()


class ChatMessageEditSerializer(PlainModelSerializer):
    class Meta:
        model = MessageEdit
        fields = ("id", "text", "edited_at")
        read_only_fields = fields


class ChatReactSerializer(serializers.Serializer[Any]):
    emoji = serializers.CharField(max_length=MAX_EMOJI, trim_whitespace=False)


class ChatReactionQuerySerializer(serializers.Serializer[Any]):
    emoji = serializers.CharField(required=False, max_length=MAX_EMOJI, help_text="Only this one.")


class ChatReactorSerializer(serializers.Serializer[Any]):
    emoji = serializers.CharField()
    user = serializers.UUIDField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()


class ChatThreadSerializer(serializers.Serializer[Any]):
    message = ChatMessageSerializer(help_text="The message that began it.")
    read_number = serializers.IntegerField(help_text="The newest answer read.")
    unread = serializers.IntegerField(help_text="Answers after it.")


class ChatMentionSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    message = ChatMessageSerializer()


class ChatReadSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField(min_value=0, max_value=MAX_NUMBER, help_text="The newest message read.")
    root = serializers.UUIDField(  # type: ignore[assignment]  # a field of that name
        required=False, allow_null=True, help_text="The thread it is in; left out: the room itself."
    )


class ChatReadShownSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField(help_text="Where the pointer stands now; it only moves forward.")


class ChatUnreadSerializer(serializers.Serializer[Any]):
    room = serializers.UUIDField()
    messages = serializers.IntegerField(help_text="Messages after `read_number`.")
    mentions = serializers.IntegerField(help_text="How often one was meant in them; counted up to 200.")
    threads = serializers.IntegerField(help_text="Threads that one follows and that have unread answers.")
    read_number = serializers.IntegerField()
    last_number = serializers.IntegerField()


class ChatSearchQuerySerializer(serializers.Serializer[Any]):
    q = serializers.CharField(max_length=MAX_QUERY, trim_whitespace=False, help_text="What is looked for.")
    mode = serializers.ChoiceField(
        choices=("words", "like"),
        default="words",
        help_text="`words`: all of them, the last one by how it begins, phrases in quotes. `like`: this part of a text.",
    )
    room = serializers.UUIDField(required=False, help_text="In this room only.")
    sender = serializers.UUIDField(required=False, help_text="Of this person only.")
    since = serializers.DateTimeField(required=False, help_text="Sent at this moment or later.")
    until = serializers.DateTimeField(required=False, help_text="Sent before this moment.")
    has = serializers.ChoiceField(choices=("file", "link"), required=False, help_text="Only messages with such a thing.")


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
        "example": [[3, 7]],
    }
)
class ChatMatchesField(serializers.ListField):
    """Places in a text."""


class ChatSnippetSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(help_text="A part of the text around the first match.")
    matches = ChatMatchesField(help_text="The places in `text`, from and to, in Unicode characters.")


class ChatFoundSerializer(serializers.Serializer[Any]):
    message = ChatMessageSerializer()
    snippet = ChatSnippetSerializer()


class ChatReportMakeSerializer(serializers.Serializer[Any]):
    reason = serializers.ChoiceField(choices=ReportReason.choices)
    note = serializers.CharField(max_length=MAX_NOTE, required=False, allow_blank=True)


class ChatReportSerializer(PlainModelSerializer):
    room = serializers.UUIDField(source="room_id", read_only=True)
    message = serializers.UUIDField(source="message_id", read_only=True)
    reporter = serializers.UUIDField(source="reporter_id", read_only=True)
    handled_by = serializers.UUIDField(source="handled_by_id", read_only=True, allow_null=True)
    text = serializers.CharField(read_only=True, help_text="What the message said when it was reported.")

    class Meta:
        model = Report
        fields: Any = (
            "id",
            "room",
            "message",
            "reporter",
            "reason",
            "note",
            "text",
            "status",
            "handled_by",
            "handled_at",
            "created_at",
        )
        read_only_fields = fields
