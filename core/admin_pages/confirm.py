"""A page that asks before something is done: reading it changes nothing, its form posts back to the same address."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What is asked: a title, what will happen in a sentence, the things it is about, and the button's words."""

    title: str
    question: str
    button: str
    back: str = ""
    things: Sequence[str] = ()
    form: forms.Form | None = None
    hidden: Sequence[tuple[str, str]] = ()
    danger: bool = True


def confirm(request: HttpRequest, model_admin: Any, asked: Confirmation) -> TemplateResponse:
    """The page."""
    context = {**admin.site.each_context(request), "title": asked.title, "asked": asked, "opts": model_admin.opts}
    return TemplateResponse(request, "core/admin/confirm.html", context)
