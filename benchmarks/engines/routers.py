"""Three routers to put side by side: ours, one that scans everyone, and a Lua script over Redis sorted sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import redis

from benchmarks.routing import CAPACITIES, NOW
from services.router.domain.assignment import choose
from services.router.domain.policy import Policy
from services.router.domain.queue import Queue, Waiter
from services.router.domain.roster import Roster
from services.router.domain.tally import tallied
from services.router.domain.work import LEVEL_NUMBERS, Technician, Work, order_of, requirement_of

PIPELINED: Final = 1_000


class Ours:
    """The decision functions of the product, with every filter and weigher, and what each dropped."""

    name = "Aftercare"

    def __init__(self, people: Iterable[Technician]) -> None:
        self._policy = Policy()
        self._roster = Roster(self._policy)
        self._queue = Queue(self._policy)
        for person in people:
            self._roster.replace(None, person)
        self._roster.advance(NOW)
        self._queue.advance(NOW)
        self._clock = 0

    def offer(self, work: Work) -> str | None:
        """As the handlers do it: choose, then hold or queue."""
        winner = choose(work, requirement_of(work, self._policy, NOW), self._roster).winner_id
        if winner is None:
            self._queue.add(work)
        else:
            self._hold(winner, work)
        return winner

    def take(self, works: Sequence[Work]) -> list[str | None]:
        """One after the other."""
        return [self.offer(work) for work in works]

    def free(self, ticket_id: str, technician_id: str) -> tuple[str, str] | None:
        """As the handlers do it: whoever got room takes the first that suits, if nobody suits it better."""
        del ticket_id
        self._roster.add_load(technician_id, -1)
        place = self._roster.place_of(technician_id)
        if place is None:
            return None
        work = self._queue.first_for(Waiter(technician_id, place.group.profile, place.cell.load))
        if work is None:
            return None
        winner = choose(work, self._queue.spot_of(work.ticket_id).requirement, self._roster).winner_id
        if winner is None:
            raise AssertionError(f"{technician_id} suits {work.ticket_id} and is not chosen")
        self._queue.remove(work)
        self._hold(winner, work)
        return work.ticket_id, winner

    def _hold(self, winner: str, work: Work) -> None:
        roster = self._roster
        self._clock += 1
        roster.add_load(winner, work.weight)
        roster.set_tally(
            winner, tallied(roster.tally_of(winner), work.weight, self._policy, roster.at_us + self._clock)
        )


class ScanAll:
    """Straightforward: ask everyone, take the best; keep the queue sorted and look through it from the front."""

    name = "scan-all"

    def __init__(self, people: Iterable[Technician]) -> None:
        self._people = {person.technician_id: person for person in people}
        self._load = dict.fromkeys(self._people, 0)
        self._waiting: list[Work] = []
        self._sorted = True

    def take(self, works: Sequence[Work]) -> list[str | None]:
        """Let the first of many be held by people in turn, as far as there is room, and the others wait.

        To get there by scanning would take hours, and is not what is measured.
        """
        room = (name for level in range(max(CAPACITIES)) for name in self._people if self._fits(name, level))
        winners: list[str | None] = []
        for work in works:
            winner = next(room, None) if len(self._waiting) == 0 else None
            if winner is None:
                self._waiting.append(work)
            else:
                self._load[winner] += work.weight
            winners.append(winner)
        self._sorted = False
        return winners

    def _fits(self, name: str, level: int) -> bool:
        return level < self._people[name].capacity and self._load[name] <= level

    def offer(self, work: Work) -> str | None:
        """The least loaded by share of all who may."""
        fit = [
            (self._load[name] / person.capacity, name)
            for name, person in self._people.items()
            if self._may(person, work)
        ]
        if not fit:
            self._waiting.append(work)
            self._sorted = False
            return None
        _, winner = min(fit)
        self._load[winner] += work.weight
        return winner

    def free(self, ticket_id: str, technician_id: str) -> tuple[str, str] | None:
        """The first of the queue that they may take."""
        del ticket_id
        self._load[technician_id] -= 1
        person = self._people[technician_id]
        if not self._sorted:
            policy = Policy()
            self._waiting.sort(key=lambda work: order_of(work, policy, NOW))
            self._sorted = True
        for place, work in enumerate(self._waiting):
            if self._may(person, work):
                del self._waiting[place]
                self._load[technician_id] += work.weight
                return work.ticket_id, technician_id
        return None

    def _may(self, person: Technician, work: Work) -> bool:
        return (
            self._load[person.technician_id] + work.weight <= person.capacity
            and LEVEL_NUMBERS[person.level] >= LEVEL_NUMBERS[work.level]
            and work.language in person.languages
            and set(work.skills) <= set(person.skills)
        )


OFFER: Final = """
local ready = 'ready:' .. ARGV[2]
for _, name in ipairs(redis.call('ZRANGE', ready, 0, -1)) do
  local person = redis.call('HMGET', 'person:' .. name, 'load', 'capacity', 'level', 'languages')
  if tonumber(person[1]) < tonumber(person[2]) and tonumber(person[3]) >= tonumber(ARGV[3])
      and string.find(person[4], ARGV[4], 1, true) then
    local load = redis.call('HINCRBY', 'person:' .. name, 'load', 1)
    local share = load / tonumber(person[2])
    for _, skill in ipairs(redis.call('SMEMBERS', 'skills:' .. name)) do
      if load < tonumber(person[2]) then redis.call('ZADD', 'ready:' .. skill, share, name)
      else redis.call('ZREM', 'ready:' .. skill, name) end
    end
    return name
  end
end
redis.call('ZADD', 'waiting:' .. ARGV[2], ARGV[5], ARGV[1] .. '|' .. ARGV[3] .. '|' .. ARGV[4])
return false
"""
FREE: Final = """
local key = 'person:' .. ARGV[1]
local person = redis.call('HMGET', key, 'capacity', 'level', 'languages')
local skills = redis.call('SMEMBERS', 'skills:' .. ARGV[1])
local best, from, score = false, false, false
for _, skill in ipairs(skills) do
  local at = 0
  while at >= 0 do
    local found = redis.call('ZRANGE', 'waiting:' .. skill, at, at + 9, 'WITHSCORES')
    at = #found == 20 and at + 10 or -1
    for n = 1, #found, 2 do
      local _, _, level, language = string.find(found[n], '|(%d)|(.+)$')
      if tonumber(person[2]) >= tonumber(level) and string.find(person[3], language, 1, true) then
        if not score or tonumber(found[n + 1]) < score then
          best, from, score = found[n], skill, tonumber(found[n + 1])
        end
        at = -1
        break
      end
    end
  end
end
if best then
  redis.call('ZREM', 'waiting:' .. from, best)
  return best
end
local load = redis.call('HINCRBY', key, 'load', -1)
for _, skill in ipairs(skills) do redis.call('ZADD', 'ready:' .. skill, load / tonumber(person[1]), ARGV[1]) end
return false
"""


class RedisLua:
    """Sorted sets by skill in Redis, one script a decision; each ticket needs one skill, which is all that it does."""

    name = "Redis Lua"

    def __init__(self, people: Iterable[Technician], url: str) -> None:
        self._client: Any = redis.Redis.from_url(url, decode_responses=True)
        self._client.flushdb()
        pipeline = self._client.pipeline(transaction=False)
        for person in people:
            name = person.technician_id
            stated: dict[Any, Any] = {
                "load": 0,
                "capacity": person.capacity,
                "level": LEVEL_NUMBERS[person.level],
                "languages": ",".join(person.languages),
            }
            pipeline.hset(f"person:{name}", mapping=stated)
            pipeline.sadd(f"skills:{name}", *person.skills)
            for skill in person.skills:
                pipeline.zadd(f"ready:{skill}", {name: 0})
        pipeline.execute()
        self._offer = self._client.register_script(OFFER)
        self._free = self._client.register_script(FREE)
        self._ranks: dict[str, int] = {}
        self._policy = Policy()

    def offer(self, work: Work) -> str | None:
        """The least loaded by share with the skill who may."""
        given: str | None = self._offer(args=self._stated(work))
        return given

    def take(self, works: Sequence[Work]) -> list[str | None]:
        """The same script, a thousand calls a round trip."""
        given: list[str | None] = []
        for first in range(0, len(works), PIPELINED):
            pipeline = self._client.pipeline(transaction=False)
            for work in works[first : first + PIPELINED]:
                self._offer(args=self._stated(work), client=pipeline)
            given += pipeline.execute()
        return given

    def _stated(self, work: Work) -> list[Any]:
        (skill,) = work.skills
        order = order_of(work, self._policy, NOW)
        score = order.priority[1] * 1e12 + (order.due_microseconds - 1_700_000_000_000_000) // 1_000_000
        return [work.ticket_id, skill, LEVEL_NUMBERS[work.level], work.language.value, score]

    def free(self, ticket_id: str, technician_id: str) -> tuple[str, str] | None:
        """The first of the queues of their skills that they may take."""
        del ticket_id
        given: str | None = self._free(args=[technician_id])
        return (given.partition("|")[0], technician_id) if given is not None else None
