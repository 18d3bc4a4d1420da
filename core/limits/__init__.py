"""Rate limits and quotas: never more than the limit, in every process together.

A policy admits `quota` requests in any window of `window` seconds (or in each calendar window when `fixed`). The count lives in
Redis; a process takes leases of a few units from it, so most requests need no round trip. Units of a lease that was not used
up are given back. With Redis away each process limits on its own until it is back, and a metric says so.
"""

from core.limits.limiter import Decision, Limiter, limiter
from core.limits.policy import Policy, parse_policy

__all__ = ["Decision", "Limiter", "Policy", "limiter", "parse_policy"]
