"""Fixed sets of values."""

from django.db import models


class Period(models.IntegerChoices):
    """The grain of a rollup, in minutes."""

    MINUTE = 1, "Minute"
    HOUR = 60, "Hour"
    DAY = 1440, "Day"


class Cube(models.IntegerChoices):
    """Which dimensions a rollup row keeps. All but DETAIL carry a latency histogram.

    DETAIL is kept by the hour and the day: by the minute it would have nearly as many rows as the log itself.
    """

    TOTAL = 1, "Status class"
    ROUTE = 2, "Method, endpoint, status class"
    USER = 3, "User, status class"
    KEY = 4, "User, key, status class"
    DETAIL = 5, "User, key, method, endpoint, status class"
