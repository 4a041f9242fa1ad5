#!lua flags=no-writes
-- Everything of one community as it is at one moment; nothing is written.
-- KEYS[1] stream; the other keys are found by ARGV[1], a pattern, and share KEYS[1]'s hash tag.
-- ARGV: pattern, bytes that are too many, entries to give at most, then names (`{c}:<name>:…`) that are left out
-- Returns { ms, { key, moment of its end in ms or -1, DUMP, ... }, stream } | an error when there is too much.
-- Stream, empty if there is none: { XINFO STREAM, { XINFO GROUPS row, { XPENDING row, ... }, ... }, XRANGE }. The entries
-- begin with the oldest that a group has not acknowledged; what follows the last given can be read afterwards, because
-- the stream only grows at its end.
local left, given, is_left_out = tonumber(ARGV[2]), tonumber(ARGV[3]), {}
for i = 4, #ARGV do
  is_left_out[ARGV[i]] = true
end

local rows, n = {}, 0
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  local dump = key ~= KEYS[1] and not is_left_out[string.match(key, ':([^:]*)')] and redis.call('DUMP', key)
  if dump then
    left = left - #dump
    if left < 0 then
      return redis.error_reply('TOOBIG')
    end
    rows[n + 1], rows[n + 2], rows[n + 3] = key, redis.call('PEXPIRETIME', key), dump
    n = n + 3
  end
end

local function is_before(id, other)
  local ms, n = string.match(id, '(%d+)-(%d+)')
  local other_ms, other_n = string.match(other, '(%d+)-(%d+)')
  ms, other_ms = tonumber(ms), tonumber(other_ms)
  return ms < other_ms or (ms == other_ms and tonumber(n) < tonumber(other_n))
end

local stream = {}
if redis.call('EXISTS', KEYS[1]) == 1 then
  local groups, needed = {}, nil
  for _, row in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local group = {}
    for i = 1, #row, 2 do
      group[row[i]] = row[i + 1]
    end
    local pending = {}
    if group['pending'] > 0 then
      pending = redis.call('XPENDING', KEYS[1], group['name'], '-', '+', group['pending'])
    end
    local oldest = pending[1] and pending[1][1] or group['last-delivered-id']
    if needed == nil or is_before(oldest, needed) then
      needed = oldest
    end
    groups[#groups + 1] = row
    groups[#groups + 1] = pending
  end
  local entries = redis.call('XRANGE', KEYS[1], needed or '-', '+', 'COUNT', given)
  stream = { redis.call('XINFO', 'STREAM', KEYS[1]), groups, entries }
end

local now = redis.call('TIME')
return { now[1] * 1000 + math.floor(now[2] / 1000), rows, stream }
