-- What a change does to the view of the pools: `apply(prefix, change)` for `_runtime/view/slices.lua`, which follows.
-- `prefix` is the pools'; what belongs to a tenant carries its own.
--
-- Each key of the router's state has a place here that says what it has brought in, so that the next change of the key
-- takes out just that: applied again from the beginning, the view comes out the same.

local function offer_out(shared, pool, ticket)
  local places = shared .. ':offers:' .. pool
  local known = redis.call('HGET', places, ticket)
  if not known then return end
  local place = cmsgpack.unpack(known)
  local mine, queued, technician, weight = place[1], place[2], place[3], place[4]
  redis.call('HDEL', mine .. ':rows:' .. pool, ticket)
  if technician == '' then
    redis.call('ZREM', mine .. ':queue:' .. pool, queued)
    redis.call('ZREM', mine .. ':due:' .. pool, ticket)
    redis.call('ZREM', mine .. ':ages:' .. pool, ticket)
  else
    redis.call('SREM', mine .. ':held:' .. pool .. ':' .. technician, ticket)
    if redis.call('HINCRBY', shared .. ':loads:' .. pool, technician, -weight) == 0 then
      redis.call('HDEL', shared .. ':loads:' .. pool, technician)
    end
    redis.call('HINCRBY', shared .. ':sums:' .. pool, 'load', -weight)
  end
  redis.call('HDEL', places, ticket)
  return technician
end

local function offer_in(shared, pool, ticket, offer)
  local mine, queued, due, since, technician, weight, row = unpack(offer)
  redis.call('HSET', mine .. ':rows:' .. pool, ticket, row)
  if technician == '' then
    redis.call('ZADD', mine .. ':queue:' .. pool, 0, queued)
    redis.call('ZADD', mine .. ':ages:' .. pool, since, ticket)
    if due ~= '' then redis.call('ZADD', mine .. ':due:' .. pool, due, ticket) end
  else
    redis.call('SADD', mine .. ':held:' .. pool .. ':' .. technician, ticket)
    redis.call('HINCRBY', shared .. ':loads:' .. pool, technician, weight)
    redis.call('HINCRBY', shared .. ':sums:' .. pool, 'load', weight)
  end
  redis.call('HSET', shared .. ':offers:' .. pool, ticket, cmsgpack.pack({mine, queued, technician, weight}))
end

-- Available people first, and the least loaded of them; a tenth of a presence is a whole capacity ten times over.
local function rank(shared, pool, technician)
  local known = redis.call('HGET', shared .. ':members:' .. pool, technician)
  if not known then return end
  local place = cmsgpack.unpack(known)
  local load = tonumber(redis.call('HGET', shared .. ':loads:' .. pool, technician) or '0')
  local share = math.min(load / math.max(place[3], 1), 99)
  redis.call('ZADD', shared .. ':ranks:' .. pool, place[1] * 100 + share, technician)
end

local function member_out(shared, pool, technician)
  local members = shared .. ':members:' .. pool
  local known = redis.call('HGET', members, technician)
  if not known then return end
  local place = cmsgpack.unpack(known)
  redis.call('HINCRBY', shared .. ':sums:' .. pool, 'people:' .. place[2], -1)
  redis.call('HINCRBY', shared .. ':sums:' .. pool, 'capacity:' .. place[2], -place[3])
  redis.call('HDEL', members, technician)
  redis.call('HDEL', shared .. ':people:' .. pool, technician)
  redis.call('ZREM', shared .. ':ranks:' .. pool, technician)
end

local function member_in(shared, pool, technician, member)
  local order, presence, capacity, row = member[1], member[2], member[3], member[4]
  redis.call('HSET', shared .. ':members:' .. pool, technician, cmsgpack.pack({order, presence, capacity}))
  redis.call('HINCRBY', shared .. ':sums:' .. pool, 'people:' .. presence, 1)
  redis.call('HINCRBY', shared .. ':sums:' .. pool, 'capacity:' .. presence, capacity)
  redis.call('HSET', shared .. ':people:' .. pool, technician, row)
end

-- change: {pool, kind, id, facts or nil}, kind 'offer': {tenant's prefix, place in the queue, due, since, technician,
-- weight, row}, kind 'technician': {order of presence, presence, capacity, row}, kind 'policy': {policy}
local function apply(shared, change)
  local pool, kind, id, facts = change[1], change[2], change[3], change[4]
  local gone = facts == nil or facts == cjson.null
  redis.call('SADD', shared .. ':pools', pool)
  redis.call('INCR', shared .. ':changes')
  if kind == 'technician' then
    member_out(shared, pool, id)
    if not gone then
      member_in(shared, pool, id, facts)
      rank(shared, pool, id)
    end
    return
  end
  if kind == 'policy' then
    if gone then redis.call('HDEL', shared .. ':policies', pool)
    else redis.call('HSET', shared .. ':policies', pool, facts[1]) end
    return
  end
  local before = offer_out(shared, pool, id)
  if before and before ~= '' then rank(shared, pool, before) end
  if not gone then
    offer_in(shared, pool, id, facts)
    if facts[5] ~= '' then rank(shared, pool, facts[5]) end
  end
end
