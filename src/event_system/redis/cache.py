"""What nodes cache together on a Redis server, and how they hear of each other's invalidations."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from event_system.cache.ports import Ears, Found
from event_system.kernel.chance import RandomBytes, system_random_bytes
from event_system.kernel.tasks import end
from event_system.redis.link import FAILURES, LOOK_SECONDS, Link

TAG_SECONDS: Final = 8 * 86_400
"""How long a tag's version is kept after it was last read: longer than any entry."""
SILENCE_SECONDS: Final = 4 * LOOK_SECONDS
"""After so long without an answer to a ping, the connection that listens is taken as broken."""

# A tag without a version gets one that nobody had, so that what was kept before it was lost
# (evicted, expired, flushed) is never found again.
_READ: Final = """
local versions = {}
for i = 2, #KEYS do
  local version = redis.call('GET', KEYS[i])
  if version then
    redis.call('EXPIRE', KEYS[i], ARGV[2])
  else
    version = ARGV[1]
    redis.call('SET', KEYS[i], version, 'EX', ARGV[2])
  end
  versions[#versions + 1] = version
end
return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1]), versions}
"""
_UNLOCK: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
"""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[bytes, list[str]]).decode


class RedisCache:
    """Implements `Remote`. `start` with who is to hear of other nodes, `close` at the end."""

    def __init__(self, link: Link, random_bytes: RandomBytes = system_random_bytes) -> None:
        self._link = link
        self._random_bytes = random_bytes
        self._read = link.client.register_script(_READ)
        self._unlock = link.client.register_script(_UNLOCK)
        self._channel = link.key("cache")
        self._name = random_bytes(8)
        self._listening: asyncio.Task[None] | None = None
        self._doubtful = False
        """Whether the server did not answer since the channel was joined."""

    @property
    def usable(self) -> bool:
        return self._link.up

    # Remote

    async def read(self, key: str, tags: Sequence[str]) -> Found:
        keys = [self._link.key("cache", "entry", key), *map(self._tag, tags)]
        fresh = self._random_bytes(8)
        body, ms, versions = await self._link.call(
            "cache_read",
            lambda client: self._read(keys=keys, args=[fresh, TAG_SECONDS], client=client),
        )
        return Found(body, ms / 1000, tuple(versions))

    async def write(self, key: str, body: bytes, seconds: float) -> None:
        name, ms = self._link.key("cache", "entry", key), max(1, int(seconds * 1000))
        await self._link.call("cache_write", lambda client: client.set(name, body, px=ms))

    async def bump(self, tags: Sequence[str]) -> None:
        async def bump(client: Any) -> None:
            async with client.pipeline(transaction=True) as pipe:
                for tag in tags:
                    pipe.set(self._tag(tag), self._random_bytes(8), ex=TAG_SECONDS)
                pipe.publish(self._channel, _encode((self._name, tags)))
                await pipe.execute()

        await self._link.call("cache_invalidate", bump)

    async def lock(self, key: str, owner: bytes, seconds: float) -> bool:
        name, ms = self._link.key("cache", "lock", key), int(seconds * 1000)
        return bool(
            await self._link.call(
                "cache_lock", lambda client: client.set(name, owner, px=ms, nx=True)
            )
        )

    async def unlock(self, key: str, owner: bytes) -> None:
        name = self._link.key("cache", "lock", key)
        await self._link.call(
            "cache_unlock", lambda client: self._unlock(keys=[name], args=[owner], client=client)
        )

    def _tag(self, tag: str) -> str:
        return self._link.key("cache", "tag", tag)

    # What other nodes do

    async def start(self, ears: Ears) -> None:
        def changed(up: bool) -> None:
            if not up:
                self._doubtful = True
                ears.cut()

        self._link.changed.append(changed)
        self._listening = asyncio.get_running_loop().create_task(
            self._listen(ears), name="invalidations"
        )

    async def close(self) -> None:
        if self._listening is not None:
            await end(self._listening)

    async def _listen(self, ears: Ears) -> None:
        while True:
            if self._link.up:
                try:
                    await self._hear(ears)
                except FAILURES:
                    ears.cut()  # the link looks for the server and says what it finds
            await asyncio.sleep(LOOK_SECONDS / 4)

    async def _hear(self, ears: Ears) -> None:
        """Until the connection breaks, or the server does not answer somebody else.

        Whenever the channel is joined anew, something may have been missed.
        """
        loop = asyncio.get_running_loop()
        self._doubtful = False
        async with self._link.client.pubsub() as radio:
            await radio.subscribe(self._channel)
            heard = asked = loop.time()
            while not self._doubtful and loop.time() - heard < SILENCE_SECONDS:
                message = await radio.get_message(timeout=LOOK_SECONDS)
                if message is not None:
                    heard = loop.time()
                    self._tell(ears, message)
                if loop.time() - asked >= LOOK_SECONDS:
                    asked = loop.time()
                    await radio.ping()
        raise TimeoutError("no answer on the channel of invalidations")

    def _tell(self, ears: Ears, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            ears.joined()
        elif message["type"] == "message":
            try:
                name, tags = _decode(message["data"])
            except msgspec.MsgspecError:
                ears.joined()  # from another version: whatever it says, nothing is believed
            else:
                if name != self._name:  # who invalidates knows
                    ears.heard(tags)
