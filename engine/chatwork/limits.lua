-- Sliding windows shared by all processes that use the token: one for the token, one for the room posted to.
-- KEYS: window ...   ARGV: now ms, request id, then for each window: span ms, how many this lane may use
-- Returns 0 when the request may go now (it is then counted in every window), else the wait in ms.
local now = tonumber(ARGV[1])
local wait = 0
for i, window in ipairs(KEYS) do
  local span, limit = tonumber(ARGV[1 + 2 * i]), tonumber(ARGV[2 + 2 * i])
  redis.call('ZREMRANGEBYSCORE', window, '-inf', now - span)
  local used = redis.call('ZCARD', window)
  if used >= limit then
    local freeing = redis.call('ZRANGE', window, used - limit, used - limit, 'WITHSCORES')
    wait = math.max(wait, tonumber(freeing[2]) + span - now + 1)
  end
end
if wait > 0 then
  return math.ceil(wait)
end
for i, window in ipairs(KEYS) do
  redis.call('ZADD', window, now, ARGV[2])
  redis.call('PEXPIRE', window, tonumber(ARGV[1 + 2 * i]))
end
return 0
