"""Periodic and enqueued work of accounts. Each takes ids, can run twice, and calls a worker module."""

from celery import shared_task

from users import housekeeping, mailing


@shared_task
def deliver_mail(mail_id: str) -> bool:
    """Send one letter."""
    return mailing.deliver(mail_id)


@shared_task
def sweep_mails() -> int:
    """Send what a lost ring or a failed attempt left behind."""
    return sum(mailing.deliver(mail_id) for mail_id in mailing.waiting())


@shared_task
def purge() -> dict[str, int]:
    """Remove what has run out."""
    return housekeeping.purge()
