"""POST .../messages/{mid}/report/, GET .../rooms/{id}/reports/, POST /api/v1/chat/reports/{id}/resolve/ and dismiss/"""

from uuid import uuid4

import pytest

from api.tests.answers import assert_anonymous, assert_lacks_scope, error, wrong_fields
from api.v1.chat.tests.message_support import closed, of, reader_of, refused
from api.v1.chat.tests.room_support import at, data, told
from api_keys.tests.factories import make_key
from core.models import AuditEntry
from modules.chat import selectors
from modules.chat.models import Member, Report
from modules.chat.services import reports
from modules.chat.tests.factories import make_room, put_in, write
from users.tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(user, other):
    """A room with two people."""
    return make_room(user, other)


@pytest.fixture
def message(room, user):
    """A message of the owner's."""
    return write(room, user, "bad words")


def report(caller, message, **fields):
    return caller.post(of(message, "report"), {"reason": "abuse", **fields})


def handle(caller, key, how="resolve"):
    return caller.post(f"/api/v1/chat/reports/{key}/{how}/")


def test_only_members_with_the_scope_are_let_in(api, user, room, message):
    closed(api, room, user, lambda caller: report(caller, message))
    closed(api, room, user, lambda caller: caller.get(at(room, "reports")), scope="chat:manage")


def test_those_who_look_after_the_room_are_told(as_other, user, other, room, message):
    moderator = make_user()
    put_in(room, moderator, "moderator")
    shown = data(report(as_other, message, note="see this"), 201)
    assert (shown["reason"], shown["note"], shown["text"], shown["status"]) == ("abuse", "see this", "bad words", "open")
    for keeper in (user, moderator):
        assert [one["report"] for one in told(f"user:{keeper.pk}", "chat.reported")] == [shown["id"]]
    assert told(f"user:{other.pk}", "chat.reported") == []


def test_at_most_so_many_are_told(as_other, user, room, message, monkeypatch):
    monkeypatch.setattr(selectors, "MAX_KEEPERS", 1)
    moderator = make_user()
    put_in(room, moderator, "moderator")
    report(as_other, message)
    assert len(told(f"user:{user.pk}", "chat.reported")) == 1
    assert told(f"user:{moderator.pk}", "chat.reported") == []


def test_a_second_report_is_the_first(as_other, user, message):
    first, second = report(as_other, message), report(as_other, message, reason="spam")
    assert (first.status_code, second.status_code) == (201, 200)
    assert data(second)["reason"] == "abuse"
    assert Report.objects.count() == 1
    assert len(told(f"user:{user.pk}", "chat.reported")) == 1


def test_readers_and_guests_report(api, as_guest, guest, room, message):
    put_in(room, guest, "guest")
    assert report(as_guest, message).status_code == 201
    assert report(reader_of(api, room), message).status_code == 201


def test_what_was_said_stays_in_the_report(as_user, as_other, room, message):
    report(as_other, message)
    as_user.delete(of(message))
    assert [row["text"] for row in data(as_user.get(at(room, "reports")))] == ["bad words"]
    another = make_user()
    put_in(room, another)
    refused(lambda: report(as_other, message), 409, "message_deleted")


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"reason": "boring"}, "reason", "invalid_choice"),
        ({"reason": None}, "reason", "null"),
        ({"note": "x" * 501}, "note", "max_length"),
        ({"note": "\x00"}, "note", "null_characters_not_allowed"),
    ],
)
def test_what_is_no_report_is_refused(as_other, message, fields, field, code):
    assert wrong_fields(report(as_other, message, **fields)) == [(field, code)]
    assert not Report.objects.exists()


def test_members_see_no_reports(as_other, room):
    refused(lambda: as_other.get(at(room, "reports")), 403, "role_insufficient")


def test_reports_are_listed_by_their_state_the_newest_first(as_user, as_other, user, room, message):
    later = write(room, user, "worse")
    for one in (message, later):
        report(as_other, one)
    rows = data(as_user.get(at(room, "reports")))
    assert [row["message"] for row in rows] == [str(later.pk), str(message.pk)]
    handle(as_user, rows[0]["id"])
    assert [row["text"] for row in data(as_user.get(at(room, "reports"), {"status": "open"}))] == ["bad words"]
    assert [row["text"] for row in data(as_user.get(at(room, "reports"), {"status": "resolved"}))] == ["worse"]
    assert wrong_fields(as_user.get(at(room, "reports"), {"status": "x"})) == [("status", "invalid_choice")]


@pytest.mark.parametrize(("how", "status"), [("resolve", "resolved"), ("dismiss", "dismissed")])
def test_a_report_is_closed_once_and_it_is_noted(as_user, as_other, user, room, message, how, status):
    key = data(report(as_other, message), 201)["id"]
    shown = data(handle(as_user, key, how))
    assert (shown["status"], shown["handled_by"], shown["handled_at"] is None) == (status, str(user.pk), False)
    assert AuditEntry.objects.get(action=f"chat.report_{status}").changes["report"] == key
    refused(lambda: handle(as_user, key, "resolve"), 409, "report_handled")


def test_only_those_who_look_after_the_room_close_it(api, as_other, user, room, message, as_bare_key):
    key = data(report(as_other, message), 201)["id"]
    stranger = api.as_user(make_user())
    writer = api.as_key(make_key(user, scopes=["chat:read", "chat:write"]).raw)
    refused(lambda: handle(as_other, key), 403, "role_insufficient")
    refused(lambda: handle(stranger, key), 404, "report_not_found")
    assert_anonymous(handle(api, key))
    for caller in (as_bare_key, writer):
        assert_lacks_scope(handle(caller, key), "chat:manage")
    assert Report.objects.get().status == "open"


def test_an_unknown_report_is_not_found(as_user):
    assert error(handle(as_user, uuid4())) == (404, "report_not_found")


def test_who_left_closes_nothing(as_user, as_other, user, other, message):
    key = data(report(as_other, message), 201)["id"]
    Member.objects.filter(user=user).delete()
    refused(lambda: handle(as_user, key), 404, "report_not_found")


def test_an_administrator_of_the_installation_may_close_any(admin, as_other, message):
    report(as_other, message)
    assert reports.handle_report(report=Report.objects.get(), actor=admin, status="dismissed").status == "dismissed"


def test_the_list_takes_the_same_queries_for_many(as_user, user, room, django_assert_num_queries):
    for number in range(5):
        reporter = make_user()
        put_in(room, reporter)
        message = write(room, user, str(number))
        Report.objects.create(room=room, message=message, reporter=reporter, reason="spam")
    as_user.get(at(room, "reports"))
    # Where one is, and the reports.
    with django_assert_num_queries(2):
        assert len(data(as_user.get(at(room, "reports")))) == 5
