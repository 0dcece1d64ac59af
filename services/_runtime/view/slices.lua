
-- Applies a batch of changes to a view, in one atomic step with the positions it was read up to. A view's own script
-- stands before this one and defines `apply(prefix, change)`.
--
-- KEYS[1]  hash: place ("topic/partition") -> next offset to apply
-- ARGV[1]  msgpack: { {place, from, next, { {offset, prefix, change}, ... }}, ... }
--          from: where this slice was read from, -1 for the beginning of the log; next: where the one after it begins
-- ARGV[2]  msgpack: the view's options
--
-- Returns the places that could not be applied, because Redis knows less of them than the reader thought (it was
-- flushed or has lost its last writes): the reader must go back to the positions that stand here.
-- What another instance has applied already is skipped, by offset.

local behind = {}
for _, slice in ipairs(cmsgpack.unpack(ARGV[1])) do
  local place, from, next_offset = slice[1], slice[2], slice[3]
  local reached = tonumber(redis.call('HGET', KEYS[1], place) or '-1')
  if reached < from then
    behind[#behind + 1] = place
  elseif reached < next_offset then
    for _, item in ipairs(slice[4]) do
      if item[1] >= reached then apply(item[2], item[3]) end
    end
    redis.call('HSET', KEYS[1], place, next_offset)
  end
end
return behind
