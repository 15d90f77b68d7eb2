"""What nodes that are not alike agree on before they begin. Pure.

What all of them offer is divided finely among them; what only some offer, or offer as something
else, is `uneven` and goes whole to one of those. Which names are uneven follows from who is there,
so while a node comes or goes two of them may see it differently for a moment. Hence a node ends
with what is at odds with its view, then publishes the view's `sign`, then looks again, and begins
only when all go by the same: whoever sees another view cannot have begun with it, nor can it begin.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b

from event_system.cluster.ports import View


def uneven(view: View) -> frozenset[str]:
    """The names that not all nodes that offer anything offer as the same kind of thing."""
    offers = [member.offers for member in view.members.values() if member.offers is not None]
    if all(each == offers[0] for each in offers):
        return frozenset()
    kinds = [{name: form.partition(" ")[0] for name, form in each.items()} for each in offers]
    names = frozenset().union(*kinds)
    return frozenset(name for name in names if len({each.get(name) for each in kinds}) > 1)


def sign(names: Collection[str]) -> str:
    """What a node publishes that goes by these uneven names; the same text for the same names."""
    text = "\n".join(sorted(names))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def agreed(view: View, published: str) -> bool:
    """Whether all nodes that offer anything go by what this sign stands for."""
    members = view.members.values()
    return all(member.plan == published for member in members if member.offers is not None)
