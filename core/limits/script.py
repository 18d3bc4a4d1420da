"""The Lua scripts: give back, forget what left the window, grant what is left. Redis's clock is the only clock."""

# KEYS[1] hash of bucket -> units. ARGV: quota, bucket ms, window ms, lease ms, fixed (1|0), units wanted, units given back,
# bucket they came from. Returns {granted, remaining, ms until the oldest bucket leaves, current bucket}.
TAKE = """
local quota, width, window, lease = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local fixed, want, back, origin = ARGV[5] == '1', tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local current = math.floor(now / width)
if back > 0 then
  local held = tonumber(redis.call('HGET', KEYS[1], origin) or '0')
  if held <= back then redis.call('HDEL', KEYS[1], origin) else redis.call('HINCRBY', KEYS[1], origin, -back) end
end
local used, oldest = 0, nil
local entries = redis.call('HGETALL', KEYS[1])
for i = 1, #entries, 2 do
  local bucket = tonumber(entries[i])
  local gone
  if fixed then gone = bucket < current else gone = (bucket + 1) * width + window + lease <= now end
  if gone then
    redis.call('HDEL', KEYS[1], entries[i])
  else
    used = used + tonumber(entries[i + 1])
    if oldest == nil or bucket < oldest then oldest = bucket end
  end
end
local granted = math.max(0, math.min(want, quota - used))
if granted > 0 then
  redis.call('HINCRBY', KEYS[1], string.format('%.0f', current), granted)
  redis.call('PEXPIRE', KEYS[1], window + width + lease + 1000)
  if oldest == nil then oldest = current end
end
local reset
if fixed then reset = (current + 1) * width - now
elseif oldest == nil then reset = 0
else reset = (oldest + 1) * width + window + lease - now end
return {granted, math.max(0, quota - used - granted), reset, string.format('%.0f', current)}
"""

# KEYS[1] as above. Takes one unit off the newest bucket.
REFUND = """
local newest = nil
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local bucket = tonumber(field)
  if newest == nil or bucket > newest then newest = bucket end
end
if newest == nil then return 0 end
local field = string.format('%.0f', newest)
if redis.call('HINCRBY', KEYS[1], field, -1) <= 0 then redis.call('HDEL', KEYS[1], field) end
return 1
"""
