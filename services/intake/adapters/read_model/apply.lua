-- What a change does to the read model: `apply(prefix, change)` for `_runtime/view/slices.lua`, which follows.
-- A ticket's changes are applied by sequence: what was applied already is skipped.
--
-- ARGV[2]  msgpack: {keep_seconds, thread_seconds, timeline_entries, final_index_tickets}

local options = cmsgpack.unpack(ARGV[2])
local keep_seconds, thread_seconds = options[1], options[2]
local timeline_entries, final_index_tickets = options[3], options[4]

local HELD = {assigned = true, in_progress = true, pending = true, on_hold = true, in_review = true}
local FINAL = {closed = true, cancelled = true, merged = true}

local function count(prefix, what, name, by)
  redis.call('HINCRBY', prefix .. ':stats:' .. what, name, by)
end

local function move_in_index(prefix, change, was, score)
  local id, status = change[2], change[4]
  if was.status ~= status then
    if was.status then
      redis.call('ZREM', prefix .. ':tickets:' .. was.status, id)
      count(prefix, 'status', was.status, -1)
    end
    redis.call('ZADD', prefix .. ':tickets:' .. status, score, id)
    count(prefix, 'status', status, 1)
    if FINAL[status] then
      redis.call('ZREMRANGEBYRANK', prefix .. ':tickets:' .. status, 0, -(final_index_tickets + 1))
    end
  end
end

local function move_to_holder(prefix, change, was, score)
  local id, status = change[2], change[4]
  local technician = change[9]
  if technician == '' then technician = was.technician end
  local holder = HELD[status] and technician or ''
  if was.holder ~= holder then
    if was.holder ~= '' then
      redis.call('ZREM', prefix .. ':technician:' .. was.holder .. ':tickets', id)
    end
    if holder ~= '' then
      redis.call('ZADD', prefix .. ':technician:' .. holder .. ':tickets', score, id)
    end
  end
  return holder
end

local function note_thread(prefix, change, conversation)
  for _, place in ipairs(change[11]) do
    redis.call('SET', prefix .. ':thread:' .. place, '1\n' .. change[2] .. '\n' .. conversation, 'EX', thread_seconds)
  end
end

local function bound_life(key, was, status)
  if FINAL[status] then
    redis.call('EXPIRE', key, keep_seconds)
    redis.call('EXPIRE', key .. ':events', keep_seconds)
  elseif not was.status or FINAL[was.status] then
    redis.call('PERSIST', key)
    redis.call('PERSIST', key .. ':events')
  end
end

-- change: {"ticket", id, sequence, status, kind, occurred_us, fields, entry, technician, channel, places}
local function apply_ticket(prefix, change)
  local key = prefix .. ':ticket:' .. change[2]
  local old = redis.call('HMGET', key, 'sequence', 'status', 'technician_id', 'holder', 'score', 'conversation')
  if old[1] and tonumber(old[1]) >= change[3] then return end
  if not old[1] and change[5] == 'ticket.command_refused' then
    -- Someone named a ticket that does not exist: the refusal is told, but it makes no ticket.
    count(prefix, 'events', change[5], 1)
    return
  end
  local was = {status = old[2], technician = old[3] or '', holder = old[4] or ''}
  local score = old[5] or change[6]

  redis.call('HSET', key, 'score', score, unpack(change[7]))
  local holder = move_to_holder(prefix, change, was, score)
  if holder ~= was.holder then redis.call('HSET', key, 'holder', holder) end
  move_in_index(prefix, change, was, score)
  redis.call('RPUSH', key .. ':events', change[8])
  redis.call('LTRIM', key .. ':events', -timeline_entries, -1)
  note_thread(prefix, change, old[6] or redis.call('HGET', key, 'conversation') or '')
  bound_life(key, was, change[4])
  count(prefix, 'events', change[5], 1)
  if change[10] ~= '' then count(prefix, 'channel', change[10], 1) end
end

-- change: {"target", id, target, kind, value}
local function apply_target(prefix, change)
  local key = prefix .. ':ticket:' .. change[2]
  redis.call('HSET', key, 'target:' .. change[3], change[5])
  if redis.call('HEXISTS', key, 'sequence') == 0 then
    -- Ahead of the ticket's own events, or after it has left: either way not for ever.
    redis.call('EXPIRE', key, keep_seconds)
  end
  count(prefix, 'events', change[4], 1)
end

local function apply(prefix, change)
  if change[1] == 'ticket' then
    apply_ticket(prefix, change)
  elseif change[1] == 'target' then
    apply_target(prefix, change)
  else
    count(prefix, 'events', change[2], 1)
  end
end
