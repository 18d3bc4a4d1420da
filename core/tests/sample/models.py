"""The sample module's one model."""

from django.db import models

from core.models import SoftDeleteModel, TimestampedModel, UUIDModel


class Sample(UUIDModel, TimestampedModel, SoftDeleteModel):
    """A thing with every base the kernel offers."""

    name = models.CharField(max_length=20)

    def __str__(self) -> str:
        return self.name
