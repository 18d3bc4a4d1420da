"""Who follows a stream right now: counted in Redis by person and process, each entry with an expiry that its process renews.

A person is there from the first socket of the first process to the last of the last. A process that dies leaves entries that
expire; whoever sweeps first takes them out. Nothing here is kept: with Redis away nobody is seen to come or go.
"""

import time
from collections.abc import Sequence
from uuid import UUID

from redis import Redis

from core.redis import breaker
from events.announcing import PREFIX

LIFE_SECONDS = 60
MAX_LISTED = 500
# Entries are `<user> <process>` with their expiry; beside them, in how many processes each person is.
_ENTER = """
local entry = ARGV[1] .. ' ' .. ARGV[2]
local is_new = redis.call('ZSCORE', KEYS[1], entry) == false
redis.call('ZADD', KEYS[1], ARGV[3], entry)
local count = is_new and redis.call('HINCRBY', KEYS[2], ARGV[1], 1) or 0
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[4])
return count
"""
_LEAVE = """
if redis.call('ZREM', KEYS[1], ARGV[1] .. ' ' .. ARGV[2]) == 0 then return -1 end
local left = redis.call('HINCRBY', KEYS[2], ARGV[1], -1)
if left <= 0 then redis.call('HDEL', KEYS[2], ARGV[1]) end
return left
"""
_SWEEP = """
local gone = {}
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])) do
  redis.call('ZREM', KEYS[1], entry)
  local user = string.match(entry, '^%S+')
  if redis.call('HINCRBY', KEYS[2], user, -1) <= 0 then
    redis.call('HDEL', KEYS[2], user)
    gone[#gone + 1] = user
  end
end
return gone
"""


def enter(stream: str, user: str, process: str) -> bool:
    """Somebody follows a stream in a process, or still does; whether the person was nowhere before. Raises RedisAway."""
    expires = time.time() + LIFE_SECONDS
    return _run(_ENTER, stream, [user, process, expires, 2 * LIFE_SECONDS]) == 1


def leave(stream: str, user: str, process: str) -> bool:
    """Not any more in this process; whether the person is nowhere now. Raises RedisAway."""
    return _run(_LEAVE, stream, [user, process]) == 0


def sweep(stream: str) -> list[str]:
    """Take out what expired: the people who are nowhere now. Raises RedisAway."""
    found = _run(_SWEEP, stream, [time.time()])
    return [user.decode() for user in found] if isinstance(found, list) else []


def online(stream: str) -> tuple[int, Sequence[UUID]]:
    """How many people follow it, and who, of many the first MAX_LISTED. Raises RedisAway."""

    def read(redis: "Redis") -> tuple[int, Sequence[UUID]]:
        key = _keys(stream)[1]
        found: list[bytes] = redis.hkeys(key)  # type: ignore[assignment]  # of a client that decodes nothing
        return len(found), sorted(UUID(user.decode()) for user in found[:MAX_LISTED])

    return breaker().call(read)


def count(stream: str) -> int:
    """How many people follow it. Raises RedisAway."""

    def read(redis: "Redis") -> int:
        return int(redis.hlen(_keys(stream)[1]))

    return breaker().call(read)


def _run(script: str, stream: str, values: Sequence[str | float]) -> object:
    return breaker().call(lambda redis: redis.register_script(script)(keys=_keys(stream), args=list(values)))


def _keys(stream: str) -> list[str]:
    return [f"{PREFIX}online:{part}:{stream}" for part in ("expiry", "count")]
