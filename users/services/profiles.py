"""A person's own profile."""

import io
from typing import Any, BinaryIO
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from PIL import Image, ImageOps, UnidentifiedImageError

from core.exceptions import Invalid
from core.ids import uuid7
from events import publish
from users.events import UserUpdated
from users.models import User, UserProfile

AVATAR_SIZE = 512
MAX_AVATAR_BYTES = 5 * 1_048_576
MAX_AVATAR_PIXELS = 40_000_000
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")


def get_profile(*, user_id: UUID) -> UserProfile:
    """The profile, made on first sight for accounts that came without one."""
    return UserProfile.objects.select_related("user").get_or_create(user_id=user_id)[0]


def update_profile(*, user_id: UUID, names: dict[str, str], **fields: Any) -> UserProfile:
    """Change profile fields, and first and last name in `names`."""
    with transaction.atomic():
        profile = _locked(user_id)
        changed = [name for name, value in fields.items() if getattr(profile, name) != value]
        changed += [name for name, value in names.items() if getattr(profile.user, name) != value]
        for name, value in fields.items():
            setattr(profile, name, value)
        profile.full_clean(exclude=["user"])
        profile.save()
        if names:
            User.objects.filter(pk=user_id).update(**names, updated_at=timezone.now())
        if changed:
            _publish(profile, changed)
    return get_profile(user_id=user_id)


def _locked(user_id: UUID) -> UserProfile:
    return UserProfile.objects.select_for_update(of=("self",)).select_related("user").get_or_create(user_id=user_id)[0]


def _publish(profile: UserProfile, changed: list[str]) -> None:
    publish(UserUpdated(profile.user_id, profile.user.username, sorted(changed)), stream=f"user:{profile.user_id}")


def set_avatar(*, user_id: UUID, upload: BinaryIO, size: int) -> UserProfile:
    """Replace the avatar. The picture is decoded and made anew, so nothing but pixels is kept. Raises Invalid."""
    if size > MAX_AVATAR_BYTES:
        raise Invalid.field("avatar", "At most 5 MB.", "too_large")
    picture = ContentFile(_reencode(upload))
    with transaction.atomic():
        profile = _locked(user_id)
        old = profile.avatar.name
        profile.avatar.save(f"{uuid7()}.webp", picture, save=True)
        if old:
            transaction.on_commit(lambda: default_storage.delete(old))
        _publish(profile, ["avatar"])
    return get_profile(user_id=user_id)


def remove_avatar(*, user_id: UUID) -> None:
    """Remove the avatar, if there is one."""
    with transaction.atomic():
        if profile := drop_avatar(user_id=user_id):
            _publish(profile, ["avatar"])


def drop_avatar(*, user_id: UUID) -> UserProfile | None:
    """Remove the avatar as part of a larger change, in the caller's transaction; the profile if it had one."""
    profile = _locked(user_id)
    old = profile.avatar.name
    if not old:
        return None
    profile.avatar = ""
    profile.save(update_fields=["avatar", "updated_at"])
    transaction.on_commit(lambda: default_storage.delete(old))
    return profile


def _reencode(upload: BinaryIO) -> bytes:
    try:
        with Image.open(upload, formats=_FORMATS) as image:
            if image.width * image.height > MAX_AVATAR_PIXELS:
                raise Invalid.field("avatar", "The picture has too many pixels.", "too_large")
            small = ImageOps.fit(ImageOps.exif_transpose(image).convert("RGBA"), (AVATAR_SIZE, AVATAR_SIZE))
            out = io.BytesIO()
            small.save(out, "WEBP", quality=85)
            return out.getvalue()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Invalid.field("avatar", "This is not a JPEG, PNG, WebP or GIF picture.", "invalid_image") from error
