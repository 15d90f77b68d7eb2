"""`event-system cache` and the routes behind it."""

from __future__ import annotations

from tests.support.command import command
from tests.support.site import Site


async def one() -> int:
    return 1


async def fill(site: Site) -> None:
    for name in ("a", "b"):
        await site.cache.get_or_load(name, one, tags=[f"tag:{name}"])


async def test_stats_tell_what_was_found(site: Site) -> None:
    await fill(site)
    await fill(site)

    shown = await command(site, "cache", "stats")
    told = await command(site, "cache", "stats", "--json")

    assert "hit rate" in shown.out
    assert (told.json["entries"], told.json["memory_hits"], told.json["misses"]) == (2, 2, 2)
    assert (told.json["hit_rate"], told.json["attached"]) == (50.0, True)


async def test_a_tag_is_purged_or_everything(site: Site) -> None:
    await fill(site)
    some = await command(site, "cache", "purge", "--tag", "tag:a")
    assert "forgotten: tag:a" in some.out
    assert len(site.cache.memory) == 1

    every = await command(site, "cache", "purge", "--json")
    assert every.json["entries"] == 0


async def test_what_is_no_tag_is_refused(site: Site) -> None:
    async with site.client() as client:
        for body in ('{"tags":[]}', '{"tags":[""]}', f'{{"tags":["{"x" * 257}"]}}', '{"all":1}'):
            headers = {"content-type": "application/json"}
            answer = await client.post("/api/cache/purge", content=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (400, "request.invalid")
        assert (await client.post("/api/cache/purge")).status_code == 200
