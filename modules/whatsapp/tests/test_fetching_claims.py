"""Each file is fetched by one fetcher at a time, and nobody's files wait for all of somebody else's."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction

from core import files
from core.tests.file_samples import PDF
from modules.whatsapp import fetching
from modules.whatsapp.models import Media
from modules.whatsapp.tests.factories import connected, fetch_all, reload
from modules.whatsapp.tests.file_host import fetched, host, later, reply, send_file, wanted

__all__ = ["host"]

pytestmark = pytest.mark.django_db


def test_a_file_is_taken_once_until_its_lease_runs_out(user, host):
    media = wanted(user, host.url)
    (first,) = fetching.claim(8)
    assert (first.media_id, first.tries) == (media.pk, 1)
    assert fetching.claim(8) == []
    later()
    (second,) = fetching.claim(8)
    assert second.tries == 2


def test_no_more_are_taken_than_asked_for(user, host):
    connected(user)
    for _ in range(3):
        send_file(user, host.url)
    assert [len(fetching.claim(2)) for _ in range(3)] == [2, 1, 0]


def test_of_two_that_fetched_the_same_one_file_stays(user, host):
    media = wanted(user, host.url)
    (first,) = fetching.claim(1)
    results = [fetching.fetch(first), fetching.fetch(first)]
    for one in results:
        fetching.settle(one)
    assert reload(media).file.name == results[0].name
    assert files.read(results[0].name) == PDF
    assert files.read(results[1].name) is None


def test_a_late_failure_does_not_undo_what_another_fetched(user, host):
    media = wanted(user, host.url)
    (claim,) = fetching.claim(1)
    fetching.settle(fetching.fetch(claim))
    host.steps = [reply(404, b"")]
    fetching.settle(fetching.fetch(claim))
    assert reload(media).status == "ready"


def test_the_file_of_a_row_that_is_gone_is_removed(user, host):
    media = wanted(user, host.url)
    (claim,) = fetching.claim(1)
    result = fetching.fetch(claim)
    media.delete()
    fetching.settle(result)
    assert files.read(result.name) is None


def test_what_was_not_begun_is_due_at_once(user, host):
    media = wanted(user, host.url)
    fetcher = fetching.FileFetcher()
    fetcher.give_back(fetching.claim(1))
    fetcher.finish()
    assert fetched(media) == ("ready", "")


def test_an_account_with_many_files_leaves_slots_to_others(user, other, host):
    for one in (user, other):
        connected(one)
    for _ in range(20):
        send_file(user, host.url)
    theirs = send_file(other, host.url).media
    taken = fetching.claim(fetching.SLOTS)
    assert [one.user_id for one in taken].count(user.pk) == fetching.PER_USER
    assert theirs.pk in [one.media_id for one in taken]


def test_an_account_whose_files_are_being_fetched_waits_for_those(user, other, host):
    mine = wanted(user, host.url)
    theirs = wanted(other, host.url)
    assert [one.media_id for one in fetching.claim(8, [user.pk])] == [theirs.pk]
    assert [one.media_id for one in fetching.claim(8)] == [mine.pk]


def test_all_of_them_are_fetched_in_the_end(user, host):
    connected(user)
    for _ in range(10):
        send_file(user, host.url)
    fetch_all()
    assert set(Media.objects.values_list("status", flat=True)) == {"ready"}


@pytest.mark.django_db(transaction=True)
def test_two_fetchers_take_different_ones_and_neither_waits_for_the_other(user, other, host):
    pending = {wanted(one, host.url).pk for one in (user, other)}

    def elsewhere() -> set[object]:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '3s'")
            return {one.media_id for one in fetching.claim(8)}
        finally:
            connections.close_all()

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        mine = {one.media_id for one in fetching.claim(1)}
        theirs = pool.submit(elsewhere).result(timeout=10)
    assert (len(mine), len(theirs), mine | theirs) == (1, 1, pending)
