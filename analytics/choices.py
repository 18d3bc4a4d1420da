"""Fixed sets of values."""

from django.db import models


class Period(models.IntegerChoices):
    """The grain of a rollup, in minutes."""

    MINUTE = 1, "Minute"
    HOUR = 60, "Hour"
    DAY = 1440, "Day"


class Cube(models.IntegerChoices):
    """Which dimensions a rollup row keeps. The ones with latency carry a histogram bucket."""

    TOTAL = 1, "Status class, latency"
    ROUTE = 2, "Method, endpoint, status class, latency"
    USER = 3, "User, status class"
    USER_LATENCY = 4, "User, latency"
    KEY = 5, "User, key, status class"
    KEY_LATENCY = 6, "User, key, latency"
    DETAIL = 7, "User, key, method, endpoint, status class"
