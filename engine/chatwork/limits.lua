-- Sliding windows shared by all processes that use the token: one for the token, one for the room posted to.
-- KEYS: pauses, window ...   ARGV: now ms, request id, then for each window: name of its pause, span ms, how many this
-- lane may use
-- Returns 0 when the request may go now (it is then counted in every window), else the wait in ms (counted nowhere).
-- A request counted long after now, or a pause that ends so, was counted before the clock was set back.
local LATEST_REQUEST, LATEST_PAUSE = 60000, 360000
local now = tonumber(ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + LATEST_PAUSE, '+inf')
local wait = 0
for i = 2, #KEYS do
  local window, pause = KEYS[i], ARGV[3 * i - 3]
  local span, limit = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
  local paused_until = redis.call('ZSCORE', KEYS[1], pause)
  if paused_until then
    wait = math.max(wait, tonumber(paused_until) - now)
  end
  redis.call('ZREMRANGEBYSCORE', window, '-inf', now - span)
  redis.call('ZREMRANGEBYSCORE', window, now + LATEST_REQUEST, '+inf')
  local used = redis.call('ZCARD', window)
  if used >= limit then
    local freeing = redis.call('ZRANGE', window, used - limit, used - limit, 'WITHSCORES')
    wait = math.max(wait, tonumber(freeing[2]) + span - now + 1)
  end
end
if wait > 0 then
  return math.ceil(wait)
end
for i = 2, #KEYS do
  redis.call('ZADD', KEYS[i], now, ARGV[2])
  redis.call('PEXPIRE', KEYS[i], tonumber(ARGV[3 * i - 2]))
end
return 0
