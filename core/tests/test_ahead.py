"""What a hook of `on_commit` writes ahead of the commit is sent with it, and shares its fate."""

import pytest
from django.db import DatabaseError, connection, transaction

from core.db.base import Ahead, write_ahead

pytestmark = pytest.mark.django_db(transaction=True)


class Note(Ahead):
    """Writes one number."""

    def __init__(self, number, told):
        self.number = number
        self.told = told

    def statement(self):
        number, self.number = self.number, None
        return None if number is None else ("INSERT INTO note VALUES (%s) RETURNING number", [number])

    def written(self, rows):
        self.told.append(rows[0][0])

    def __call__(self):
        self.told.append("committed")


class Undo(Exception):
    pass


@pytest.fixture
def notes():
    """What is in the table of this connection."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE note (number int CHECK (number < 100))")

    def found():
        with connection.cursor() as cursor:
            cursor.execute("SELECT number FROM note ORDER BY number")
            return [number for (number,) in cursor.fetchall()]

    yield found
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE note")


def write(number):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO note VALUES (%s)", [number])


@pytest.fixture(params=[True, False], ids=["alone", "after something else"])
def begun(request):
    """Does something else first in the transaction, or does not."""
    return (lambda: None) if request.param else (lambda: write(0))


def test_all_hooks_write_in_their_order_and_are_told_before_the_commit(notes, begun):
    told = []
    with transaction.atomic():
        begun()
        transaction.on_commit(Note(1, told))
        transaction.on_commit(Note(2, told))
        assert told == []
    assert told == [1, 2, "committed", "committed"]
    assert [number for number in notes() if number] == [1, 2]


def test_when_one_cannot_be_written_nothing_is_and_nobody_is_told(notes, begun):
    told = []
    with pytest.raises(DatabaseError), transaction.atomic():
        begun()
        transaction.on_commit(Note(1, told))
        transaction.on_commit(Note(100, told))
    assert told == []
    assert notes() == []
    with transaction.atomic():
        transaction.on_commit(Note(3, told))
    assert notes() == [3]


def test_a_savepoint_takes_back_its_own(notes):
    told = []
    with transaction.atomic():
        transaction.on_commit(Note(1, told))
        with pytest.raises(Undo), transaction.atomic():
            transaction.on_commit(Note(2, told))
            raise Undo
        with pytest.raises(DatabaseError), transaction.atomic():
            transaction.on_commit(Note(100, told))
        with transaction.atomic():
            transaction.on_commit(Note(4, told))
    assert notes() == [1, 4]
    assert told == [1, 4, "committed", "committed"]


def test_it_may_be_written_earlier_and_is_written_once(notes):
    told = []
    with transaction.atomic():
        transaction.on_commit(Note(1, told))
        write_ahead()
        assert notes() == told == [1]
        write_ahead()
    assert notes() == [1]


def test_a_transaction_that_is_rolled_back_sends_nothing(notes):
    told = []
    with pytest.raises(Undo), transaction.atomic():
        transaction.on_commit(Note(1, told))
        raise Undo
    assert notes() == told == []
    assert connection.get_autocommit()


def test_what_waits_and_the_commit_are_one_statement(notes, django_assert_num_queries):
    with django_assert_num_queries(2) as alone, transaction.atomic():
        transaction.on_commit(Note(1, []))
        transaction.on_commit(Note(2, []))
    with django_assert_num_queries(3) as after, transaction.atomic():
        write(0)
        transaction.on_commit(Note(3, []))
    # Alone they need no transaction around them.
    assert [query["sql"].count("INSERT") for query in alone] == [0, 2]
    assert "COMMIT" not in alone[1]["sql"]
    assert after[2]["sql"].endswith("; COMMIT")
