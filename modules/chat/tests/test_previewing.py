"""Previews of links: the message first, what the page says of itself later, as an update; and never at our own cost."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from core.tests.support import http_server
from events.models import Event
from modules.chat import previewing
from modules.chat.models import LinkPreview, Message, MessageLink
from modules.chat.tests.factories import make_room, write
from modules.chat.tests.link_site import PAGE, later, look_all, page, redirect, site, without_end

__all__ = ["site"]

pytestmark = pytest.mark.django_db

SHOWN = {"title": "A boat", "description": "It floats.", "site_name": "Harbour news"}


def linked(user, *urls: str) -> Message:
    return write(make_room(user), user, " and ".join(urls))


def previews(message: Message) -> list:
    message.refresh_from_db()
    return message.previews


class TestNoting:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("see https://example.com/a.", ["https://example.com/a"]),
            ("(https://example.com/a_(b))", ["https://example.com/a_(b)"]),
            ("HTTPS://Example.com/?q=1&b=2#top!", ["HTTPS://Example.com/?q=1&b=2#top"]),
            ('<https://example.com/a> "https://example.com/b"', ["https://example.com/a", "https://example.com/b"]),
            ("https://example.com/a https://example.com/a", ["https://example.com/a"]),
            ("ftp://example.com/ javascript:alert(1) example.com //example.com", []),
            ("http://127.0.0.1/x http://[::1]/x http://10.0.0.1/ http://169.254.169.254/latest/", []),
            ("http://user:word@example.com/ https://example.com:22/", []),
            ("https:// http://. https://\u202e", []),
            ("https://example.com/" + "x" * 2000, []),
            (" ".join(f"https://example.com/{number}" for number in range(9)), [f"https://example.com/{n}" for n in range(5)]),
        ],
    )
    def test_what_is_a_link(self, text, found):
        assert previewing.links_in(text) == found

    def test_a_message_without_links_costs_nothing(self, user, django_assert_num_queries):
        message = Message(text="no link: at all")
        with django_assert_num_queries(0):
            previewing.note_links([message])

    def test_many_links_take_as_many_statements_as_one(self, user, django_assert_num_queries):
        one, many = write(make_room(user), user), write(make_room(user), user)
        one.text, many.text = "https://example.com/a", "https://example.com/1 https://example.com/2 https://example.com/3"
        with django_assert_num_queries(3):
            previewing.note_links([one])
        with django_assert_num_queries(3):
            previewing.note_links([many, one])
        assert (LinkPreview.objects.count(), MessageLink.objects.count()) == (4, 4)


class TestShowing:
    def test_the_message_is_there_first_and_the_preview_comes_as_an_update(self, user, site):
        message = linked(user, site.url)
        assert (message.previews, site.seen) == ([], [])
        assert look_all() == 1
        assert previews(message) == [{"url": site.url, **SHOWN}]
        event = Event.objects.get(stream=f"room:{message.room_id}", type="message.updated")
        assert event.payload["previews"] == [{"url": site.url, **SHOWN}]
        assert (event.payload["text"], event.payload["edited_at"]) == (message.text, None)
        assert not MessageLink.objects.exists()

    def test_one_address_is_asked_once_for_everybody_and_a_day(self, user, other, site):
        first, second = linked(user, site.url), linked(other, site.url)
        look_all()
        third = linked(user, site.url)
        assert look_all() == 0
        assert len(site.seen) == 1
        assert all(previews(message) == [{"url": site.url, **SHOWN}] for message in (first, second, third))
        LinkPreview.objects.update(fetched_at=timezone.now() - timedelta(days=1, minutes=1))
        site.steps = [page(PAGE.replace(b"A boat", b"Two boats"))]
        fourth = linked(user, site.url)
        assert look_all() == 1
        assert previews(fourth)[0]["title"] == "Two boats"
        assert previews(first)[0]["title"] == "A boat"

    def test_several_stand_as_in_the_text_although_they_come_as_they_come(self, user, site):
        urls = [f"{site.url}?{number}" for number in range(3)]
        message = linked(user, *urls)
        site.steps = [page(b"", 503), page()]
        look_all()
        assert len(previews(message)) == 2
        later()
        look_all()
        assert [one["url"] for one in previews(message)] == urls

    def test_who_deleted_the_message_meanwhile_or_took_the_link_out_gets_none(self, user, site):
        deleted, edited = linked(user, site.url), linked(user, site.url)
        Message.objects.filter(pk=deleted.pk).update(deleted_at=timezone.now(), text="")
        Message.objects.filter(pk=edited.pk).update(text="never mind")
        look_all()
        assert previews(deleted) == previews(edited) == []
        assert not Event.objects.filter(stream=f"room:{deleted.room_id}", type="message.updated").exists()
        assert not MessageLink.objects.exists()

    def test_a_killed_relay_s_link_is_looked_at_again(self, user, site):
        message = linked(user, site.url)
        (taken,) = previewing.claim(5)
        assert previewing.claim(5) == []
        later()
        (again,) = previewing.claim(5)
        assert (again.preview_id, again.tries) == (taken.preview_id, 2)
        previewing.settle([previewing.look(again)])
        assert look_all() == 0
        assert previews(message)

    def test_one_slow_host_does_not_hold_all_slots(self, user, site):
        linked(user, *(f"{site.url}?{number}" for number in range(5)))
        linked(user, "https://example.com/", "https://example.org/")
        taken = previewing.claim(16)
        assert sorted(one.host for one in taken) == [*[f"127.0.0.1:{site.port}"] * 2, "example.com", "example.org"]
        assert previewing.claim(16, [f"127.0.0.1:{site.port}"]) == []


class TestHostilePages:
    """What is there is somebody else's."""

    def looked(self, user, site, *steps) -> list:
        site.steps = list(steps)
        message = linked(user, site.url)
        look_all()
        return previews(message)

    def none(self, user, site, *steps) -> bool:
        shown = self.looked(user, site, *steps)
        return shown == [] and LinkPreview.objects.get().status == "none" and not MessageLink.objects.exists()

    @pytest.mark.parametrize("kind", ["image/png", "application/json", "text/plain", "", "text/htmlx"])
    def test_what_is_no_page_has_none(self, user, site, kind):
        assert self.none(user, site, page(Content_Type=kind))

    @pytest.mark.parametrize("status", [204, 301, 400, 401, 403, 404])
    def test_any_other_answer_has_none(self, user, site, status):
        assert self.none(user, site, page(b"" if status == 204 else PAGE, status))

    def test_one_that_is_packed_is_not_unpacked(self, user, site):
        assert self.none(user, site, page(Content_Encoding="gzip"))

    def test_of_a_huge_one_the_beginning_counts(self, user, site):
        assert self.looked(user, site, page(PAGE + b"x" * 3_000_000))[0]["title"] == "A boat"
        LinkPreview.objects.all().delete()
        assert self.none(user, site, page(b"x" * previewing.PARSED_BYTES + PAGE))

    def test_one_without_end_is_left_in_time(self, user, site):
        began = time.monotonic()
        assert self.looked(user, site, without_end(PAGE, b"x" * 100_000))[0]["title"] == "A boat"
        assert time.monotonic() - began < 5

    def test_one_that_hangs_is_left_in_time(self, user, site, monkeypatch):
        monkeypatch.setattr(previewing, "SECONDS", 0.4)
        began = time.monotonic()
        assert self.looked(user, site, without_end(PAGE))[0]["title"] == "A boat"
        assert time.monotonic() - began < 4

    @pytest.mark.parametrize("to", ["http://169.254.169.254/latest/meta-data/", "http://[::1]:8080/", "file:///etc/passwd"])
    def test_a_redirect_to_a_private_address_is_not_followed(self, user, site, to):
        assert self.none(user, site, redirect(to), page())

    def test_nothing_reaches_a_private_host_by_a_redirect(self, user, site):
        with http_server(page()) as private:
            assert self.none(user, site, redirect(f"http://127.0.0.1:{private.server_port}/secret"))
            assert private.seen == []

    def test_three_redirects_are_followed_and_a_fourth_is_not(self, user, site):
        assert self.looked(user, site, redirect("/a"), redirect("/b"), redirect("/c"), page())[0]["title"] == "A boat"
        LinkPreview.objects.all().delete()
        assert self.none(user, site, redirect("/again"))

    def test_a_site_in_trouble_is_asked_three_times_with_growing_waits_and_then_no_more(self, user, site):
        message = linked(user, site.url)
        site.steps = [page(b"busy", 503)]
        waits = []
        for _ in range(5):
            look_all()
            preview = LinkPreview.objects.get()
            waits.append(round((preview.due_at - timezone.now()).total_seconds()))
            later()
        assert (waits[:2], len(site.seen), preview.status) == ([10, 30], 3, "none")
        assert previews(message) == []
        assert not MessageLink.objects.exists()

    def test_a_fault_of_ours_is_told_the_log_and_tried_again(self, user, site, monkeypatch, caplog):
        monkeypatch.setattr(previewing, "about", lambda *_: 1 / 0)
        assert self.looked(user, site, page()) == []
        assert LinkPreview.objects.get().status == "pending"
        assert "could not be made" in caplog.text
