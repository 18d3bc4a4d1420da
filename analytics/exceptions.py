"""What can be refused here, each with its stable code."""

from core.exceptions import LimitExceeded


class DailyMessagesUsedUp(LimitExceeded):
    """The account has sent as many messages today as it may."""

    code = "daily_quota_exceeded"
    default_message = "The account's messages for today are used up."
