-- What a change does to the view of the clocks: `apply(prefix, change)` for `_runtime/view/slices.lua`, which follows.
--
-- ARGV[2]  msgpack: {keep_seconds, late_rows}

local options = cmsgpack.unpack(ARGV[2])
local keep_seconds, late_rows = options[1], options[2]

local function leave_lanes(prefix, rows_key)
  local held = redis.call('HGETALL', rows_key)
  for at = 1, #held, 2 do
    local member, row = held[at], cjson.decode(held[at + 1])
    redis.call('ZREM', prefix .. ':lane:' .. row.lane, member)
    redis.call('ZREM', prefix .. ':lane:' .. row.lane .. ':pool:' .. row.pool, member)
  end
  redis.call('DEL', rows_key)
end

local function enter_lane(prefix, rows_key, row)
  local member, lane, score, pool = row[1], row[2], row[3], row[4]
  redis.call('HSET', rows_key, member, row[5])
  local key = prefix .. ':lane:' .. lane
  redis.call('ZADD', key, score, member)
  redis.call('ZADD', key .. ':pool:' .. pool, score, member)
  redis.call('ZADD', prefix .. ':pools', 0, pool)
  if lane == 'late' then
    redis.call('ZREMRANGEBYRANK', key, 0, -(late_rows + 1))
    redis.call('ZREMRANGEBYRANK', key .. ':pool:' .. pool, 0, -(late_rows + 1))
  end
end

local function note_surges(prefix, pool, rows)
  if rows == '' then
    redis.call('HDEL', prefix .. ':surges', pool)
  else
    redis.call('HSET', prefix .. ':surges', pool, rows)
  end
end

-- change: {id, state, ended, shrunk, { {member, lane, score, pool, row}, ... }}, or {'', pool, rows} of a pool's surges
local function apply(prefix, change)
  if change[1] == '' then
    note_surges(prefix, change[2], change[3])
    return
  end
  local key = prefix .. ':ticket:' .. change[1]
  local rows_key = key .. ':rows'
  local ended, shrunk = change[3], change[4]
  local known = redis.call('EXISTS', key) == 1
  redis.call('SADD', KEYS[1] .. ':prefixes', prefix)
  if not (shrunk and known) then
    leave_lanes(prefix, rows_key)
    redis.call('SET', key, change[2])
    for _, row in ipairs(change[5]) do enter_lane(prefix, rows_key, row) end
  end
  if ended then
    redis.call('EXPIRE', key, keep_seconds)
    redis.call('EXPIRE', rows_key, keep_seconds)
  else
    redis.call('PERSIST', key)
    redis.call('PERSIST', rows_key)
  end
end
