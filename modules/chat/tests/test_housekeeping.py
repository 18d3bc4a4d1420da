"""Housekeeping: what is past its time goes, with all that belongs to it and nothing else; killed in the middle, it goes on."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.apps import apps
from django.utils import timezone

from core import files as kept
from core.files import Checked
from core.tests.file_samples import PDF, picture
from modules.chat import files, housekeeping, tasks
from modules.chat.models import (
    Ban,
    ChatFile,
    LinkPreview,
    Mention,
    Message,
    MessageEdit,
    MessageLink,
    Reaction,
    Report,
    Room,
    ThreadFollower,
)
from modules.chat.services import uploads
from modules.chat.tests.factories import make_room, write
from users.tests.factories import make_user

pytestmark = pytest.mark.django_db

NOTHING = {"guests": 0, "messages": 0, "emptied": 0, "rooms": 0, "files": 0, "previews": 0}


def purged(**counts):
    return {**NOTHING, **counts}


def file_of(user, content=PDF) -> ChatFile:
    row = files.keep(files.take(content, "a.pdf"))
    row.owner = user
    row.save(force_insert=True)
    return row


def bytes_of(row) -> list:
    return [kept.read(name.name) is not None for name in (row.file, row.thumbnail) if name]


def aged(message, days) -> Message:
    Message.objects.filter(pk=message.pk).update(created_at=timezone.now() - timedelta(days=days))
    return message


def full_message(room, user, other) -> tuple[Message, ChatFile]:
    """A message with everything that a message can have."""
    file = file_of(user, picture("PNG"))
    message = write(room, user, f"@{other.username} https://example.com/", file_ids=(file.pk,))
    MessageEdit.objects.create(message=message, text="before")
    Reaction.objects.create(message=message, user=other, emoji="x")
    Report.objects.create(room=room, message=message, reporter=other, reason="spam")
    return message, file


def leftovers() -> set[str]:
    """Which tables have rows, apart from rooms' and previews."""
    models = [model for model in apps.get_app_config("chat").get_models() if model is not LinkPreview]
    return {model.__name__ for model in models if model.objects.exists()}


class TestRetention:
    def test_what_is_older_goes_with_all_that_is_its_own_and_the_rest_stays(self, user, other):
        room, for_ever = make_room(user, other, retention_days=7), make_room(user, other)
        old, file = full_message(room, user, other)
        aged(old, 8)
        young = write(room, user, "young", reply_to=old.pk)
        elsewhere = aged(write(for_ever, user), 800)
        assert housekeeping.purge() == purged(messages=1, files=1)
        assert set(Message.objects.all()) == {young, elsewhere}
        assert Message.objects.get(pk=young.pk).reply_to_id is None
        assert not any(model.objects.exists() for model in (MessageEdit, Reaction, Report, Mention, MessageLink, ChatFile))
        assert bytes_of(file) == [False, False]
        assert Room.objects.get(pk=room.pk).last_number == 2
        assert write(room, user).number == 3
        assert housekeeping.purge() == NOTHING

    def test_an_old_thread_goes_with_its_beginning(self, user):
        room = make_room(user, retention_days=7)
        root = write(room, user)
        answers = [write(room, user, root_id=root.pk) for _ in range(3)]
        for message in (root, *answers):
            aged(message, 8)
        assert housekeeping.purge() == purged(messages=4)
        assert not ThreadFollower.objects.exists()

    def test_the_beginning_of_one_that_lives_on_says_nothing_any_more(self, user, other):
        room = make_room(user, other, retention_days=7)
        root, _ = full_message(room, user, other)
        old, young = write(room, user, "old", root_id=root.pk), write(room, user, "young", root_id=root.pk)
        aged(root, 9)
        aged(old, 8)
        assert housekeeping.purge() == purged(messages=1, emptied=1, files=1)
        root.refresh_from_db()
        assert (root.text, root.mentions, root.file_count, root.deleted_at is not None) == ("", [], 0, True)
        assert list(Message.objects.filter(root=root)) == [young]
        assert not any(model.objects.exists() for model in (MessageEdit, Reaction, Report, Mention))
        assert ThreadFollower.objects.filter(root=root).exists()
        assert housekeeping.purge() == NOTHING

    def test_many_go_in_small_steps(self, user, monkeypatch, django_assert_num_queries):
        monkeypatch.setattr(housekeeping, "BATCH", 2)
        room = make_room(user, retention_days=1)
        for _ in range(5):
            aged(write(room, user), 2)
        assert housekeeping.purge() == purged(messages=5)

    def test_killed_between_two_steps_it_goes_on(self, user, monkeypatch):
        monkeypatch.setattr(housekeeping, "BATCH", 2)
        room = make_room(user, retention_days=1)
        for _ in range(5):
            aged(write(room, user), 2)
        steps = iter([None, 1])
        files_of = type(ChatFile.objects.all())
        abandon = files_of.abandon

        def killed(self):
            if next(steps):
                raise SystemExit
            return abandon(self)

        with monkeypatch.context() as patch, pytest.raises(SystemExit):
            patch.setattr(files_of, "abandon", killed)
            housekeeping.purge()
        assert Message.objects.count() == 3
        assert housekeeping.purge()["messages"] == 3


class TestDeletedRooms:
    def test_nothing_of_one_is_left_and_nothing_else_is_touched(self, user, other):
        room, stays = make_room(user, other), make_room(user)
        message, file = full_message(room, user, other)
        write(room, other, "answer", root_id=message.pk)
        Ban.objects.create(room=room, user=make_user())
        kept_message = write(stays, user)
        Room.objects.filter(pk=room.pk).update(deleted_at=timezone.now())
        assert housekeeping.purge() == purged(messages=2, rooms=1, files=1)
        assert list(Room.objects.all()) == [stays]
        assert list(Message.objects.all()) == [kept_message]
        assert leftovers() == {"Room", "Member", "Message"}
        assert bytes_of(file) == [False, False]

    def test_every_table_that_names_a_room_is_seen_to(self):
        of_room = {
            model._meta.db_table
            for model in apps.get_app_config("chat").get_models()
            if any(field.related_model is Room for field in model._meta.concrete_fields)
        }
        of_messages = {"chat_message", "chat_chatfile", "chat_threadfollower", "chat_mention", "chat_report"}
        assert of_room == {*housekeeping._OF_ROOM, *of_messages}

    def test_every_table_that_names_a_message_is_seen_to(self):
        of_message = {
            model._meta.db_table
            for model in apps.get_app_config("chat").get_models()
            if any(field.related_model is Message for field in model._meta.concrete_fields)
        }
        assert of_message == {*housekeeping._PARTS, "chat_message", "chat_threadfollower", "chat_chatfile"}


class TestFiles:
    def test_one_that_was_not_sent_in_time_goes_and_others_stay(self, user, settings):
        late, early, sent = file_of(user, picture("PNG")), file_of(user), file_of(user)
        write(make_room(user), user, file_ids=(sent.pk,))
        ChatFile.objects.exclude(pk=early.pk).update(
            created_at=timezone.now() - timedelta(hours=settings.CHAT_FILE_HOURS, minutes=1)
        )
        assert housekeeping.purge() == purged(files=1)
        assert set(ChatFile.objects.all()) == {early, sent}
        assert (bytes_of(late), bytes_of(early), bytes_of(sent)) == ([False, False], [True], [True])

    def test_those_of_a_deleted_account_that_were_not_sent_go(self, other):
        file = file_of(other)
        ChatFile.objects.update(owner=None)
        assert housekeeping.purge() == purged(files=1)
        assert bytes_of(file) == [False]

    def test_one_that_cannot_be_removed_is_tried_again_and_holds_up_no_other(self, user, monkeypatch, caplog):
        first, second = file_of(user), file_of(user)
        ChatFile.objects.all().abandon()

        def refuses(name):
            if name == first.file.name:
                raise OSError
            kept.remove(name)

        with monkeypatch.context() as patch:
            patch.setattr(files, "remove", refuses)
            assert housekeeping.purge() == purged(files=1)
        assert list(ChatFile.objects.all()) == [first]
        assert "could not be removed" in caplog.text
        assert housekeeping.purge() == purged(files=1)
        assert bytes_of(first) == bytes_of(second) == [False]

    def test_one_whose_delete_was_killed_after_the_commit_is_found(self, user):
        file = file_of(user)
        # The hook that removes what is stored does not run here.
        uploads.delete(owner_id=user.pk, file_id=file.pk)
        assert bytes_of(file) == [True]
        assert housekeeping.purge() == purged(files=1)
        assert bytes_of(file) == [False]

    def test_what_is_stored_without_a_row_is_found_after_two_days(self, user, monkeypatch):
        def stored_on(days_ago) -> str:
            with monkeypatch.context() as patch:
                patch.setattr("core.files.keeping.timezone.now", lambda: real - timedelta(days=days_ago))
                return kept.store(Checked(PDF, "application/pdf", "a.pdf"), files.FOLDER)

        real = timezone.now()
        today, lost, long_lost = stored_on(0), stored_on(3), stored_on(30)
        row = ChatFile(owner=user, kind="file", file=stored_on(3), filename="a.pdf", mime_type="application/pdf", size=1)
        row.pk = housekeeping._first_id(real - timedelta(days=3))
        row.save(force_insert=True)
        assert tasks.sweep_files() == 1
        assert [kept.read(name) is not None for name in (today, lost, long_lost, row.file.name)] == [True, False, True, True]
        kept.remove(long_lost)


class TestPreviews:
    def preview(self, days, status="ready", **fields) -> LinkPreview:
        then = timezone.now() - timedelta(days=days)
        known = {"fetched_at": then} if status != "pending" else {}
        return LinkPreview.objects.create(
            url_digest=uuid4().bytes * 2, url="https://example.com/", status=status, created_at=then, **known, **fields
        )

    def test_old_ones_go_and_what_somebody_waits_for_stays(self, user):
        self.preview(3)
        self.preview(3, "none")
        stay = [self.preview(1), self.preview(3, "pending"), self.preview(3)]
        MessageLink.objects.create(message=write(make_room(user), user), preview=stay[2])
        assert tasks.purge() == purged(previews=2)
        assert set(LinkPreview.objects.all()) == set(stay)
