"""The base of every admin list: administrators may use it, writes go through services, what a service refuses is told."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import capfirst
from unfold.admin import ModelAdmin, TabularInline
from unfold.views import ChangeList

from core.admin_pages.confirm import Confirmation, confirm
from core.admin_pages.decorators import display
from core.exceptions import DomainError

MAX_LISTED = 100
_REFUSAL = "_atelier_refusal"


def reason(error: DomainError) -> str:
    """What a refusal says to a person."""
    return " ".join(detail.message for detail in error.details) or error.message


# What the lists' own searching and paging are asked by.
_OWN = frozenset(["q", "p"])


class ServiceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A model form that also shows what the service refused on the first try."""

    refusal: DomainError | None = None

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.refusal is None:
            return
        if not self.refusal.details:
            self.add_error(None, self.refusal.message)
        for detail in self.refusal.details:
            self.add_error(detail.field if detail.field in self.fields else None, detail.message)


class UncountedChangeList(ChangeList):
    """A list that counts what its filters find, and never the whole table beside it."""

    def get_results(self, request: HttpRequest) -> None:
        """Read one page."""
        super().get_results(request)
        self.full_result_count = self.result_count


class AdministratorAdmin(ModelAdmin):
    """A list for administrators: every member of staff, as in the API; there are no finer permissions.

    `icon` and `menu_order` are its sign and its place among its app's in the navigation, `noun` is what its services call a
    thing. The history of a thing is the audit trail, not a second log of the admin's own.
    """

    icon = "table_rows"
    menu_order = 0
    noun = ""
    form = ServiceForm
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_filter_submit = True
    list_per_page = 50
    list_fullwidth = True
    delete_confirmation_template = "core/admin/delete_confirmation.html"

    def _is_administrator(self, request: HttpRequest) -> bool:
        user: Any = request.user
        return bool(user.is_active and user.is_staff)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Administrators."""
        return self._is_administrator(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Administrators."""
        return self._is_administrator(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Administrators."""
        return self._is_administrator(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Administrators."""
        return self._is_administrator(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Administrators."""
        return self._is_administrator(request)

    def get_actions(self, request: HttpRequest) -> Any:
        """Deleting many at once would go around the services."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, named by what it holds. What no column can hold is no filter; searching and paging see to it themselves."""
        filtered = [value for name, values in request.GET.lists() if name not in _OWN for value in values]
        if any("\0" in value for value in filtered):
            return HttpResponseRedirect(request.path)
        context = {"title": capfirst(str(self.opts.verbose_name_plural)), **(extra_context or {})}
        return super().changelist_view(request, context)

    def allowed(self, request: HttpRequest, thing: Any) -> Collection[str]:
        """Which of its page's buttons (`actions_detail`) the state of a thing allows."""
        return set(self.actions_detail)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """The buttons that the thing's state allows."""
        thing = self.get_object(request, str(object_id)) if self.actions_detail else None
        if thing is None:
            return []
        meant = self.allowed(request, thing)
        return [one for one in super().get_actions_detail(request, object_id) if one.method.original_function_name in meant]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list."""
        return UncountedChangeList

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        """The form, knowing what the service refused in this request."""
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"refusal": getattr(request, _REFUSAL, None)})

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The form; a refusal of the service has rolled everything back and is shown beside the fields it is about."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            setattr(request, _REFUSAL, error)
            return super().changeform_view(request, object_id, form_url, extra_context)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        """The confirmation; a refusal is told on the thing's page."""
        with self.refusals(request) as refused:
            return super().delete_view(request, object_id, extra_context)
        assert refused  # noqa: S101 - the block either returned or was refused
        return self.back_to(object_id)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The audit trail of this one thing."""
        return HttpResponseRedirect(f"{reverse('admin:core_auditentry_changelist')}?target={object_id}")

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The services write the audit trail."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The services write the audit trail."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """The services write the audit trail."""

    @display(description="address", empty_value="-")
    def address(self, thing: Any) -> str | None:
        """From where."""
        found: str | None = thing.ip_address
        return found

    def acting(self, request: HttpRequest, service: Callable[..., Any]) -> Callable[[Any], Any]:
        """A service as this administrator calls it on a thing."""
        return lambda thing: service(**{self.noun: thing, "actor": request.user})

    def called(self, thing: Any) -> str:
        """What a confirmation calls a thing."""
        return str(thing)

    def ask(
        self, request: HttpRequest, object_id: str, asked: Confirmation, operation: Callable[[Any], Any], done: str
    ) -> HttpResponse:
        """Show the question, or run a service on one thing. With a form, what is wrong or refused is shown above it."""
        thing = self.get_object(request, object_id)
        if thing is None:
            return self.gone(request, object_id)
        form = asked.form
        if request.method == "POST" and (form is None or form.is_valid()):
            with self.refusals(request, form) as refused:
                operation(thing)
                self.message_user(request, done, messages.SUCCESS)
            if form is None or not refused:
                return self.back_to(object_id)
        return confirm(request, self, replace(asked, back=self.back_to(object_id).url, things=[self.called(thing)]))

    def ask_of_chosen(
        self, request: HttpRequest, queryset: Any, asked: Confirmation, operation: Callable[[Any], Any], done: str
    ) -> HttpResponse | None:
        """Show the question about the chosen things, at most MAX_LISTED, or run a service over them; see `apply`."""
        if request.POST.get("confirmed"):
            self.apply(request, queryset, operation, done)
            return None
        things = list(queryset[:MAX_LISTED])
        hidden = [("action", request.POST["action"]), ("confirmed", "yes")]
        hidden += [("_selected_action", str(thing.pk)) for thing in things]
        back = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return confirm(request, self, replace(asked, back=back, things=[self.called(thing) for thing in things], hidden=hidden))

    def back_to(self, object_id: Any) -> HttpResponseRedirect:
        """To the page of one thing."""
        return HttpResponseRedirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[object_id]))

    def gone(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """To the list, saying that there is no such thing any more."""
        response: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        return response

    @contextmanager
    def refusals(self, request: HttpRequest, form: forms.Form | None = None) -> Iterator[list[str]]:
        """Turn a service's refusal into a message, or an error of the form; the list holds it afterwards."""
        refused: list[str] = []
        try:
            yield refused
        except DomainError as error:
            refused.append(reason(error))
            if form is not None:
                form.add_error(None, refused[0])
            else:
                self.message_user(request, refused[0], messages.ERROR)

    def apply(self, request: HttpRequest, things: Iterable[Any], operation: Callable[[Any], Any], done: str) -> None:
        """Run a service over chosen things: each one is done or refused for itself. `done` has a `{}` for their number."""
        count = 0
        for thing in things:
            try:
                operation(thing)
                count += 1
            except DomainError as error:
                self.message_user(request, f"{thing}: {reason(error)}", messages.ERROR)
        if count:
            self.message_user(request, done.format(count), messages.SUCCESS)


class ReadOnlyAdmin(AdministratorAdmin):
    """A list to look at."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The thing, which has no history: nobody changes it."""
        return super().changeform_view(request, object_id, form_url, {"show_history": False, **(extra_context or {})})


class ReadOnlyInline(TabularInline):
    """Rows that belong to a thing, to look at."""

    extra = 0
    can_delete = False
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Administrators."""
        user: Any = request.user
        return bool(user.is_active and user.is_staff)
