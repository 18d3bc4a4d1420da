"""Demo data: on an empty development database only, credentials that work, and nothing of anybody's ever reset."""

import stat

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from api import demo
from api_keys import services as key_services
from api_keys.models import APIKey
from core import registry
from modules.chat.models import Message, Room
from users.models import User
from users.tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path):
    return tmp_path / "data" / "demo.env"


def snapshot():
    return list(User.objects.values_list("pk", "password", "is_active")), list(
        APIKey.objects.values_list("pk", "digest", "revoked_at")
    )


class TestEmptyDatabase:
    def test_an_administrator_and_a_key_are_made_and_work(self, file, api, settings):
        assert demo.ensure(file) is True
        known = demo.read(file)
        own = {"ATELIER_URL", "ATELIER_ADMIN_USERNAME", "ATELIER_ADMIN_PASSWORD", "ATELIER_API_KEY"}
        assert set(known) == own | {"ATELIER_CHAT_USERS", "ATELIER_CHAT_ROOM"}
        assert known["ATELIER_URL"] == settings.PUBLIC_URL
        login = {"username": known["ATELIER_ADMIN_USERNAME"], "password": known["ATELIER_ADMIN_PASSWORD"]}
        assert api.post("/api/v1/auth/login/", login).status_code == 200
        me = api.as_key(known["ATELIER_API_KEY"]).get("/api/v1/auth/me/").json()["data"]
        assert me["username"] == "admin"
        assert set(me["credential"]["scopes"]) == set(registry.scopes()) - registry.admin_scopes()

    def test_a_module_that_is_switched_on_later_is_the_keys_too(self, file):
        demo.ensure(file)
        APIKey.objects.update(scopes=["account:read"])
        demo.ensure(file)
        assert set(APIKey.objects.get().scopes) == set(registry.scopes()) - registry.admin_scopes()

    def test_only_the_owner_may_read_the_file(self, file):
        demo.ensure(file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert [path.name for path in file.parent.iterdir()] == [file.name]

    def test_the_password_is_another_on_each_database(self, file, tmp_path):
        demo.ensure(file)
        first = demo.read(file)
        User.objects.all().delete()
        other = tmp_path / "other.env"
        demo.ensure(other)
        assert demo.read(other)["ATELIER_ADMIN_PASSWORD"] != first["ATELIER_ADMIN_PASSWORD"]
        assert len(first["ATELIER_ADMIN_PASSWORD"]) >= 12


class TestAppsDemos:
    def test_two_people_can_sign_in_and_find_a_conversation_in_a_room(self, file, api):
        demo.ensure(file)
        known = demo.read(file)
        passwords = dict(pair.split(":") for pair in known["ATELIER_CHAT_USERS"].split(","))
        assert set(passwords) == {"ada", "grace"}
        for name, password in passwords.items():
            assert api.post("/api/v1/auth/login/", {"username": name, "password": password}).status_code == 200
        room = Room.objects.get(pk=known["ATELIER_CHAT_ROOM"])
        assert room.name == "Harbour"
        assert room.member_count == 3
        assert room.last_number == Message.objects.filter(room=room).count() > 2

    def test_later_runs_make_none_again_and_keep_what_the_file_says(self, file):
        demo.ensure(file)
        text, people, rooms = file.read_text(), User.objects.count(), Room.objects.count()
        key_services.revoke_key(key=APIKey.objects.get(), actor=User.objects.get(username="admin"))
        assert demo.ensure(file) is True
        assert (User.objects.count(), Room.objects.count()) == (people, rooms)
        kept = [line for line in text.splitlines() if line.startswith("ATELIER_CHAT_")]
        assert kept == [line for line in file.read_text().splitlines() if line.startswith("ATELIER_CHAT_")]

    def test_an_app_that_declares_none_makes_none(self, file, monkeypatch):
        monkeypatch.setattr(apps.get_app_config("chat"), "demo", "", raising=False)
        demo.ensure(file)
        assert list(User.objects.values_list("username", flat=True)) == ["admin"]
        assert "ATELIER_CHAT_USERS" not in demo.read(file)


class TestAgain:
    def test_while_the_file_fits_nothing_changes(self, file):
        demo.ensure(file)
        before, text = snapshot(), file.read_text()
        assert demo.ensure(file) is True
        assert snapshot() == before
        assert file.read_text() == text

    def test_a_revoked_demo_key_is_replaced_and_the_password_kept(self, file, api):
        demo.ensure(file)
        before = demo.read(file)
        key_services.revoke_key(key=APIKey.objects.get(), actor=User.objects.get(username="admin"))
        assert demo.ensure(file) is True
        after = demo.read(file)
        assert after["ATELIER_ADMIN_PASSWORD"] == before["ATELIER_ADMIN_PASSWORD"]
        assert after["ATELIER_API_KEY"] != before["ATELIER_API_KEY"]
        assert api.as_key(after["ATELIER_API_KEY"]).get("/api/v1/auth/me/").status_code == 200

    def test_a_file_of_another_database_makes_a_new_administrator_on_an_empty_one(self, file):
        demo.ensure(file)
        before = demo.read(file)
        User.objects.all().delete()
        assert demo.ensure(file) is True
        assert demo.read(file) != before


class TestNothingIsReset:
    def test_a_database_with_people_is_left_alone(self, file):
        make_user()
        before = snapshot()
        assert demo.ensure(file) is False
        assert snapshot() == before
        assert not file.exists()

    def test_somebodys_own_administrator_is_left_alone(self, file):
        make_user(username="admin", is_staff=True, is_superuser=True)
        before = snapshot()
        assert demo.ensure(file) is False
        assert snapshot() == before

    def test_a_lost_file_does_not_reset_the_password(self, file):
        demo.ensure(file)
        before = snapshot()
        file.unlink()
        assert demo.ensure(file) is False
        assert snapshot() == before

    def test_a_password_changed_since_is_not_changed_back(self, file):
        demo.ensure(file)
        admin = User.objects.get(username="admin")
        admin.set_password("another long phrase")
        admin.save()
        before, text = snapshot(), file.read_text()
        assert demo.ensure(file) is False
        assert snapshot() == before
        assert file.read_text() == text


class TestCommand:
    def test_it_prepares_an_empty_database_and_says_where_the_credentials_are(self, file, capsys):
        call_command("prepare", "--env-file", str(file))
        assert str(file) in capsys.readouterr().out
        assert file.is_file()

    def test_outside_development_it_refuses_and_changes_nothing(self, file, settings):
        settings.DEMO_ALLOWED = False
        with pytest.raises(CommandError, match="development settings only"):
            call_command("prepare", "--env-file", str(file))
        assert not file.exists()
        assert not User.objects.exists()
