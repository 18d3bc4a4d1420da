"""Fixed sets of values."""

from django.db import models


class Environment(models.TextChoices):
    """What a key's requests may touch: the outside world, or sandbox drivers only."""

    LIVE = "live", "Live"
    TEST = "test", "Test"
