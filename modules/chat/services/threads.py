"""Following threads. Who begins one, answers in it or is meant in it follows it by itself."""

from modules.chat.exceptions import MessageDeleted
from modules.chat.models import Member, Message, ThreadFollower


def follow_thread(*, member: Member, root: Message) -> None:
    """Follow a thread from here on: what is in it counts as read. Twice is once. Raises MessageDeleted."""
    if root.deleted_at is not None:
        raise MessageDeleted
    ThreadFollower.objects.bulk_create(
        [ThreadFollower(root=root, room_id=root.room_id, user_id=member.user_id, read_number=root.reply_count)],
        ignore_conflicts=True,
    )


def unfollow_thread(*, member: Member, root: Message) -> None:
    """Follow it no more; an answer of one's own, or a mention, begins it anew."""
    ThreadFollower.objects.filter(root=root, user_id=member.user_id).delete()
