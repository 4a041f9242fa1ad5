-- Puts a community in place that was prepared under other names: all of it, or nothing.
-- KEYS[1] any key of the community; its other keys share the hash tag.
-- ARGV: beginning of its keys, beginning of the prepared ones, '1' to erase what is there, then names (`{c}:<name>:…`)
--       that are left alone
-- Returns { keys in the way, keys put in place }; with keys in the way nothing was done.
local base, prepared, is_left_alone = ARGV[1], ARGV[2], {}
for i = 4, #ARGV do
  is_left_alone[ARGV[i]] = true
end

local new, old = {}, {}
for _, key in ipairs(redis.call('KEYS', base .. '*')) do
  if string.sub(key, 1, #prepared) == prepared then
    new[#new + 1] = key
  elseif not is_left_alone[string.match(key, ':([^:]*)')] then
    old[#old + 1] = key
  end
end
if #old > 0 and ARGV[3] ~= '1' then
  return { #old, 0 }
end
for _, key in ipairs(old) do
  redis.call('UNLINK', key)
end
for _, key in ipairs(new) do
  redis.call('RENAME', key, base .. string.sub(key, #prepared + 1))
end
return { 0, #new }
