"""Token buckets on a Redis server, from which all nodes take."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from event_system.events.limiter import MAX_REMEMBERED, Want
from event_system.events.limits import Buckets
from event_system.events.sharing import Refused, Verdict
from event_system.kernel.errors import RedisUnreachableError
from event_system.kernel.tasks import end
from event_system.redis.link import Link

MAX_REQUESTS: Final = 512
"""Of one call: the server does nothing else meanwhile, about two microseconds for each."""
_COUNT: Final = struct.Struct("<d")
_BUCKET: Final = struct.Struct("<ddd")
_SECOND_US: Final = 1e6
_log = logging.getLogger(__name__)

# A bucket is what it owes and since when, in microseconds of the server's clock: the generic cell
# rate algorithm, kept so that no number is large and fractions stay exact. Its key ends when it
# owes nothing. ARGV[1] has for each request the number of its buckets, then of each bucket the
# events, the time that one takes, and the time in which an empty one is full. The answer has for
# each request 0 and what each bucket owes now, or which of them has not enough and how long it
# takes; all are doubles. As in `events/limits.py`, more than a burst is given to a full bucket.
SCRIPT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local asked, at, first, answer = ARGV[1], 1, 1, {}
local function tell(number)
  answer[#answer + 1] = struct.pack('<d', number)
end
while at <= #asked do
  local buckets, refused, wait, owed = 0, 0, 0, {}
  buckets, at = struct.unpack('<d', asked, at)
  for i = 1, buckets do
    local events, period, span
    events, period, span, at = struct.unpack('<ddd', asked, at)
    local key, owes = KEYS[first + i - 1], 0
    local kept = redis.call('GET', key)
    if kept then
      local since, owing = struct.unpack('<dd', kept)
      if since > now then
        redis.call('SET', key, struct.pack('<dd', now, owing), 'KEEPTTL')
        since = now
      end
      owes = math.max(0, owing - (now - since))
    end
    owed[i] = owes + events * period
    local over = owed[i] - math.max(span, events * period)
    if refused == 0 and over > 1 then
      refused, wait = i, over
    end
  end
  tell(refused)
  if refused > 0 then
    tell(wait)
  else
    for i = 1, buckets do
      local ms = math.min(math.ceil(owed[i] / 1000) + 1, 1e13)
      redis.call('SET', KEYS[first + i - 1], struct.pack('<dd', now, owed[i]), 'PX', ms)
      tell(owed[i])
    end
  end
  first = first + buckets
end
return table.concat(answer)
"""


class _Asked(NamedTuple):
    wants: Sequence[Want]
    told: Callable[[Verdict], None]


class _Form(NamedTuple):
    """What all buckets of a rate have in common: how their keys begin, and the rate's times."""

    prefix: str
    period_us: float
    span_us: float


class RedisLimits:
    """Implements `SharedLimits`. One call is under way; who asks meanwhile goes into the next."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._script = link.client.register_script(SCRIPT)
        self._forms: dict[Buckets, _Form] = {}
        self._waiting: deque[_Asked] = deque()
        self._asking: asyncio.Task[None] | None = None

    @property
    def usable(self) -> bool:
        return self._link.up

    def ask(self, wants: Sequence[Want], told: Callable[[Verdict], None]) -> None:
        self._waiting.append(_Asked(wants, told))
        if self._asking is None:
            self._asking = self._loop.create_task(self._ask_all(), name="limits")

    async def close(self) -> None:
        if self._asking is not None:
            await end(self._asking)
        for each in self._waiting:
            self._loop.call_soon(each.told, None)

    async def _ask_all(self) -> None:
        """Until nobody waits. It begins after this turn of the loop, when all of it have asked."""
        while self._waiting:
            count = min(len(self._waiting), MAX_REQUESTS)
            asked = [self._waiting.popleft() for _ in range(count)]
            verdicts: Sequence[Verdict] = [None] * count
            try:
                verdicts = _verdicts(asked, await self._call(asked))
            except RedisUnreachableError:
                pass  # the link has said so
            except Exception as error:  # noqa: BLE001 - whoever waits has to be told
                _log.error("shared limits cannot be asked: %s", error, exc_info=error)
            finally:
                for each, verdict in zip(asked, verdicts, strict=True):
                    self._loop.call_soon(each.told, verdict)
        self._asking = None

    async def _call(self, asked: Sequence[_Asked]) -> bytes:
        keys: list[str] = []
        packed: list[bytes] = []
        for wants, _ in asked:
            packed.append(_COUNT.pack(len(wants)))
            for want in wants:
                form = self._forms.get(want.buckets) or self._form(want.buckets)
                keys.append(f"{form.prefix}{want.key}")
                packed.append(_BUCKET.pack(want.events, form.period_us, form.span_us))
        arguments = [b"".join(packed)]
        return await self._link.call(
            "limit", lambda client: self._script(keys=keys, args=arguments, client=client)
        )

    def _form(self, buckets: Buckets) -> _Form:
        """A rate that is changed begins with full buckets, so it has keys of its own."""
        rate = buckets.rate
        if len(self._forms) >= MAX_REMEMBERED:
            self._forms.clear()
        form = self._forms[buckets] = _Form(
            self._link.key("limit", buckets.policy, f"{rate.burst}/{rate.per_second!r}", ""),
            _SECOND_US / rate.per_second,
            rate.span * _SECOND_US,
        )
        return form


def _verdicts(asked: Sequence[_Asked], answer: bytes) -> list[Verdict]:
    numbers = iter(struct.unpack(f"<{len(answer) // _COUNT.size}d", answer))
    verdicts: list[Verdict] = []
    for wants, _ in asked:
        refused = int(next(numbers))
        if refused:
            verdicts.append(Refused(refused - 1, next(numbers) / _SECOND_US))
        else:
            verdicts.append([next(numbers) / _SECOND_US for _ in wants])
    return verdicts
