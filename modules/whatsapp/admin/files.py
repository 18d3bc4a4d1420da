"""Everybody's files, by what is known of them. What is in them is their owners' business: nothing is downloaded here."""

from collections.abc import Collection
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from core.admin_pages import KeysetAdmin, directory
from core.admin_pages.decorators import display
from core.admin_pages.filters import TimeRangeFilter, by
from core.admin_pages.values import written
from modules.whatsapp.choices import MediaStatus
from modules.whatsapp.models import Media


@admin.register(Media)
class MediaAdmin(KeysetAdmin):
    """Files."""

    icon = "attach_file"
    menu_order = 4
    keyset = ("id",)
    named: ClassVar[dict[str, str]] = {"user_id": "user", "session_id": "whatsapp_session"}
    list_display = ("created_at", "shown_user", "kind", "shown_name", "mime_type", "shown_size", "shown_status", "shown_error")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        by("user", field="user_id", title="user", parameter="user"),
        ("created_at", TimeRangeFilter),
    )
    fields = (
        "shown_user",
        "shown_session",
        "kind",
        "shown_name",
        "mime_type",
        "shown_size",
        "sha256",
        "shown_status",
        "error_code",
        "shown_source",
        "tries",
        "shown_due",
        "created_at",
    )
    readonly_fields = (
        "shown_user",
        "shown_session",
        "shown_name",
        "shown_size",
        "shown_status",
        "shown_source",
        "shown_due",
    )

    @display(description="user")
    def shown_user(self, media: Media) -> Any:
        """Whose it is."""
        return self.named_link(media, "user_id")

    @display(description="came in by")
    def shown_session(self, media: Media) -> Any:
        """Which session it came in by, where it did."""
        return self.named_link(media, "session_id")

    @display(description="name", empty_value="-")
    def shown_name(self, media: Media) -> str | None:
        """What its sender calls it."""
        return media.filename or None

    @display(description="size", empty_value="-")
    def shown_size(self, media: Media) -> str | None:
        """Once it is here."""
        return filesizeformat(media.size) if media.size else None

    @display(description="status", label={"pending": "info", "ready": "success", "failed": "danger", "expired": "warning"})
    def shown_status(self, media: Media) -> str:
        """Whether it is here."""
        return media.status

    @display(description="error", empty_value="-")
    def shown_error(self, media: Media) -> str | None:
        """In a word or two."""
        return media.error_code.replace("_", " ") or None

    @display(description="fetched from", empty_value="-")
    def shown_source(self, media: Media) -> str | None:
        """Without a query, which may hold a credential; what came in by a gateway is known by its reference there."""
        parts = urlsplit(media.source_url)
        host = parts.hostname or ""
        return f"{parts.scheme}://{host}{parts.path}" if host else media.source_url.partition("?")[0] or None

    @display(description="to be fetched", empty_value="-")
    def shown_due(self, media: Media) -> str | None:
        """When, while it is not here."""
        return written(media.due_at) if media.status == MediaStatus.PENDING else None


def _names(ids: Collection[UUID]) -> dict[UUID, str]:
    return {one.pk: str(one) for one in Media.objects.filter(pk__in=ids).only("filename")}


def _find(text: str) -> list[UUID]:  # noqa: ARG001 - by its id only
    return []


directory.register("whatsapp_file", directory.Kind(_names, _find, "admin:whatsapp_media_change"))
