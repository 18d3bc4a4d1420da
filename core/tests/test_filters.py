"""List filters say what is wrong instead of ignoring it. Through the list of accounts, which has all three."""

import pytest

pytestmark = pytest.mark.django_db


def detail(response):
    assert response.status_code == 400, response.content
    (item,) = response.json()["error"]["details"]
    return item["field"], item["code"]


def names(response):
    assert response.status_code == 200, response.content
    return [row["username"] for row in response.json()["data"]]


class TestFilters:
    @pytest.mark.parametrize(
        ("value", "expected"), [("true", ["chief"]), ("1", ["chief"]), ("False", ["owner"]), ("0", ["owner"])]
    )
    def test_a_truth_value_filters(self, as_admin, user, value, expected):
        assert names(as_admin.get(f"/api/v1/users/?is_staff={value}")) == expected

    @pytest.mark.parametrize("value", ["perhaps", "2", "yes", "None", "%00", "true%20"])
    def test_a_truth_value_that_is_none_is_refused(self, as_admin, value):
        assert detail(as_admin.get(f"/api/v1/users/?is_staff={value}")) == ("is_staff", "invalid")

    def test_an_empty_value_filters_nothing(self, as_admin, user):
        assert len(names(as_admin.get("/api/v1/users/?is_staff="))) == 2

    @pytest.mark.parametrize("value", ["yesterday", "2026-13-01", "%00", "1"])
    def test_a_time_that_is_none_is_refused(self, as_admin, value):
        assert detail(as_admin.get(f"/api/v1/users/?created_after={value}")) == ("created_after", "invalid")


class TestSearch:
    def test_words_are_looked_for_in_the_declared_fields(self, as_admin, user):
        assert names(as_admin.get("/api/v1/users/?search=own")) == ["owner"]
        assert names(as_admin.get("/api/v1/users/?search=nobody")) == []

    def test_a_text_that_is_too_long_or_holds_a_null_character_is_refused(self, as_admin):
        assert detail(as_admin.get(f"/api/v1/users/?search={'x' * 201}")) == ("search", "too_long")
        assert detail(as_admin.get("/api/v1/users/?search=a%00b")) == ("search", "null_characters_not_allowed")
        assert as_admin.get(f"/api/v1/users/?search={'x' * 200}").status_code == 200

    @pytest.mark.parametrize("text", ["%25", "_", "\\", "a b c", "%F0%9F%98%80", "--", "*"])
    def test_no_text_is_taken_for_a_pattern_or_sql(self, as_admin, user, text):
        assert names(as_admin.get(f"/api/v1/users/?search={text}")) == []


class TestOrdering:
    def test_the_declared_fields_order_both_ways(self, as_admin, user):
        assert names(as_admin.get("/api/v1/users/?ordering=username")) == ["chief", "owner"]
        assert names(as_admin.get("/api/v1/users/?ordering=-username,email")) == ["owner", "chief"]

    @pytest.mark.parametrize(
        "value", ["password", "-password", "username,password", "--username", "username;", "pk", "%3F", ",", "%00"]
    )
    def test_any_other_is_refused_and_the_allowed_ones_are_named(self, as_admin, value):
        response = as_admin.get(f"/api/v1/users/?ordering={value}")
        assert detail(response) == ("ordering", "unknown_field")
        assert "username" in response.json()["error"]["details"][0]["message"]

    def test_without_a_wish_the_views_own_order_holds(self, as_admin, user):
        assert names(as_admin.get("/api/v1/users/?ordering=")) == names(as_admin.get("/api/v1/users/"))
