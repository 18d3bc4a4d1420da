"""Permissions by principal: who may call, told apart without loading the account."""

from types import SimpleNamespace
from uuid import uuid4

import pytest

from core.exceptions import NotAllowed, NotAuthenticated
from core.permissions import HasScope, IsActiveUser, IsAdminUser, IsNotGuest, IsOwnerOrAdmin, principal_of
from core.tests.test_principals import principal


def request(auth=None, method="GET"):
    return SimpleNamespace(auth=auth, method=method)


def key(*scopes, **fields):
    return principal(kind="api_key", scopes=frozenset(scopes), **fields)


def view(scopes=None, action=None):
    return SimpleNamespace(scopes=scopes or {}, action=action)


def allowed(permission, auth, scopes=None, action=None, method="GET"):
    return permission().has_permission(request(auth, method), view(scopes, action))


def refusal(permission, auth, **kwargs):
    with pytest.raises(NotAllowed) as caught:
        allowed(permission, auth, **kwargs)
    return caught.value.stable_code


class TestRoles:
    @pytest.mark.parametrize("permission", [IsActiveUser, IsAdminUser, IsNotGuest])
    def test_nobody_is_refused_as_nobody(self, permission):
        with pytest.raises(NotAuthenticated):
            allowed(permission, None)

    def test_each_role_is_let_in_where_it_belongs(self):
        assert allowed(IsActiveUser, principal(is_guest=True))
        assert allowed(IsAdminUser, principal(is_staff=True))
        assert allowed(IsNotGuest, principal())
        assert refusal(IsAdminUser, principal()) == "admin_required"
        assert refusal(IsNotGuest, principal(is_guest=True)) == "account_required"

    def test_the_principal_of_an_anonymous_request_is_an_error(self):
        with pytest.raises(NotAuthenticated):
            principal_of(request())
        known = principal()
        assert principal_of(request(known)) is known


class TestScopes:
    def test_scopes_narrow_keys_only(self):
        assert allowed(HasScope, principal(), {"GET": "a:read"})
        assert allowed(HasScope, None, {"GET": "a:read"})
        assert allowed(HasScope, key("a:read"), {"GET": "a:read"})
        assert refusal(HasScope, key("a:write"), scopes={"GET": "a:read"}) == "insufficient_scope"
        assert refusal(HasScope, key("a:rea", "a"), scopes={"GET": "a:read"}) == "insufficient_scope"

    def test_the_missing_scope_is_named(self):
        with pytest.raises(NotAllowed) as caught:
            allowed(HasScope, key(), {"GET": "a:read"})
        (detail,) = caught.value.details
        assert (detail.field, detail.code, detail.message) == ("scope", "missing", "a:read")

    def test_an_operation_without_a_scope_is_closed_to_keys(self):
        assert refusal(HasScope, key("a:read"), scopes={}) == "session_required"
        assert refusal(HasScope, key("a:read"), scopes={"GET": "a:read"}, method="DELETE") == "session_required"

    def test_an_action_goes_before_its_method_and_that_before_the_rest(self):
        scopes = {"export": "a:export", "GET": "a:read", "*": "a:write"}
        assert allowed(HasScope, key("a:export"), scopes, "export")
        assert refusal(HasScope, key("a:read", "a:write"), scopes=scopes, action="export") == "insufficient_scope"
        assert allowed(HasScope, key("a:read"), scopes, "list")
        assert allowed(HasScope, key("a:write"), scopes, "create", "POST")

    def test_head_needs_what_get_needs(self):
        assert allowed(HasScope, key("a:read"), {"GET": "a:read", "*": "a:write"}, "list", "HEAD")
        assert (
            refusal(HasScope, key("a:write"), scopes={"GET": "a:read", "*": "a:write"}, action="list", method="HEAD")
            == "insufficient_scope"
        )


class TestOwnership:
    def may(self, auth, obj):
        return IsOwnerOrAdmin().has_object_permission(request(auth), view(), obj)

    def test_the_owner_and_staff_may_and_others_may_not(self):
        me, other = principal(), principal()
        for name in ("owner_id", "user_id"):
            mine = SimpleNamespace(**{name: me.user_id})
            assert self.may(me, mine)
            assert not self.may(other, mine)
            assert self.may(principal(is_staff=True), mine)

    def test_a_thing_without_an_owner_is_staffs(self):
        assert not self.may(principal(), SimpleNamespace())
        assert not self.may(principal(), SimpleNamespace(owner_id=None))
        assert self.may(principal(is_staff=True), SimpleNamespace(id=uuid4()))
