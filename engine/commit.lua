-- The one atomic write. Nothing is written unless every version and the due time still hold, and the entry was not yet
-- acknowledged.
-- KEYS[1] stream; the other keys travel in ARGV and all share KEYS[1]'s hash tag.
-- ARGV: versions  n, then n * (key, version)
--       due       key, member, score        (all empty: nothing expected)
--       ack       group, entry id           (both empty: nothing to acknowledge)
--       writes    n, then n * (words, command, key, ...)
--       events    ttl of the marks in ms, n, then n * (seen key, envelope, heard key, key that counts it; or both empty)
-- Returns { "conflict" } | { "acknowledged" } | { "done", 1|0 for each event: was it new? }
local at = 0
local function take()
  at = at + 1
  return ARGV[at]
end

for _ = 1, tonumber(take()) do
  local key, version = take(), take()
  if (redis.call('HGET', key, 'v') or '0') ~= version then
    return { 'conflict' }
  end
end

local due, member, score = take(), take(), take()
if due ~= '' and tonumber(redis.call('ZSCORE', due, member) or '-1') ~= tonumber(score) then
  return { 'conflict' }
end

local group, entry = take(), take()
if group ~= '' and redis.call('XACK', KEYS[1], group, entry) == 0 then
  return { 'acknowledged' }
end

for _ = 1, tonumber(take()) do
  local words = {}
  for i = 1, tonumber(take()) do
    words[i] = take()
  end
  redis.call(unpack(words))
end

local reply = { 'done' }
local ttl = take()
for _ = 1, tonumber(take()) do
  local seen, envelope, heard, counter = take(), take(), take(), take()
  if redis.call('EXISTS', seen) == 0 then
    redis.call('XADD', KEYS[1], '*', 'e', envelope) -- first: what could not be added must not count as published
    redis.call('SET', seen, '1', 'PX', ttl)
    if counter ~= '' and redis.call('SET', heard, '1', 'PX', ttl, 'NX') then -- whichever of its events comes first
      redis.call('INCR', counter)
    end
    reply[#reply + 1] = 1
  else
    reply[#reply + 1] = 0
  end
end
return reply
