"""An explanation in sentences, in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeAlias

from event_system.alerting.explaining import (
    ChannelView,
    Explanation,
    GroupView,
    HeldBack,
    Visited,
)
from event_system.alerting.labels import written
from event_system.kernel.clock import rfc3339

Language: TypeAlias = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")

_EN: Final = {
    "firing": "{alert} fires since {since}.",
    "resolved": "{alert} ended at {until}.",
    "unknown": "{alert} is not known; if it came now, this would happen.",
    "flaps": "It flaps ({count} changes): it is told of as firing until it is steady.",
    "route": "It goes to the receiver {receiver}, by {why}.",
    "by_matchers": "the route {matchers}",
    "by_default": "the top route, as no route below takes it",
    "passed": "The route to {receiver} does not take it: {compared}.",
    "compared": '{matcher}, but its value is "{value}"',
    "silenced": "It is silenced by {id} of {owner} until {until}: {comment}",
    "inhibited": "It is inhibited by {alert}, by the rule {source} over {target}{equal}.",
    "equal": " with equal {names}",
    "waiting": "Its group {group} for {receiver} waits for what begins with it until {at}.",
    "group": "Its group {group} for {receiver} ({count} alerts) is looked at next at {at}.",
    "mute": "Then it is quiet by the time interval {names}.",
    "active": "Then it is quiet, as none of the time intervals {names} holds.",
    "knows_firing": "{channel} was told at {at} that it fires.",
    "knows_resolved": "{channel} was told at {at} that it ended.",
    "knows_none": "{channel} was told of the group at {at}, but not of this alert.",
    "knows_nothing": "{channel} was not told of the group yet.",
    "failing": "{channel} fails since {since}: {error}",
    "held_limit": "{channel} is held back until {at}: its limit of {limit} is used up.",
    "held_asked": "{channel} is held back until {at}: it has asked to be left alone.",
    "in_line": "{count} notifications wait for it{with_it}, and go as one.",
    "in_line_1": "1 notification waits for it{with_it}.",
    "with_it": " (with this alert)",
    "next_flush": "Then {channel} is {will}: {reason}.",
    "will": "told",
    "will_not": "not told",
    "next": "The next notification of {channel} is due at {at}{without}: {reason}.",
    "without": " (without this alert)",
    "no_next": "As things stand, {channel} gets no further notification.",
    "gone": "It has left its groups: all that were to be told know of its end.",
    "owed": "an end is owed to who was told the beginning",
    "first": "it is the group's first notification",
    "new": "something fires that it was not told of",
    "all_ended": "all has ended",
    "ended": "something has ended",
    "steady": "what flapped is steady and fires",
    "repeat": "the repeat interval has passed",
    "nothing": "all alerts of the group are muted",
    "never_told": "what has ended was never told",
    "end_known": "it knows that all has ended",
    "known": "there is nothing new since, and the repeat interval has not passed",
    "ends_not_wanted": "only an end is to be told, which it does not want",
    "quiet_time": "it is a quiet time",
}
_ZH: Final = {
    "firing": "{alert} 自 {since} 起触发中。",
    "resolved": "{alert} 已于 {until} 恢复。",
    "unknown": "没有 {alert} 这条告警；如果它现在触发，将会如下处理。",
    "flaps": "它在抖动（变化 {count} 次）：在稳定之前按触发中通知。",
    "route": "它发往接收者 {receiver}，依据{why}。",
    "by_matchers": "路由 {matchers}",
    "by_default": "顶层路由，因为没有下级路由接收它",
    "passed": "发往 {receiver} 的路由不接收它：{compared}。",
    "compared": "{matcher}，而它的值是“{value}”",
    "silenced": "它被 {owner} 的静默 {id} 静默到 {until}：{comment}",
    "inhibited": "它被 {alert} 抑制，规则为 {source} 抑制 {target}{equal}。",
    "equal": "，要求 {names} 相同",
    "waiting": "它在接收者 {receiver} 的分组 {group} 中等待同时开始的告警，直到 {at}。",
    "group": "它在接收者 {receiver} 的分组 {group} 中（{count} 条告警），下次检查时间是 {at}。",
    "mute": "届时因时间段 {names} 而静音。",
    "active": "届时静音，因为时间段 {names} 都不生效。",
    "knows_firing": "{channel} 已于 {at} 得知它触发。",
    "knows_resolved": "{channel} 已于 {at} 得知它恢复。",
    "knows_none": "{channel} 于 {at} 得到过该分组的通知，但不含这条告警。",
    "knows_nothing": "{channel} 还没有得到过该分组的通知。",
    "failing": "{channel} 自 {since} 起发送失败：{error}",
    "held_limit": "{channel} 在 {at} 之前暂缓发送：限速 {limit} 已用完。",
    "held_asked": "{channel} 在 {at} 之前暂缓发送：接收方要求稍后再试。",
    "in_line": "有 {count} 条通知在等待它{with_it}，将合并为一条。",
    "in_line_1": "有 1 条通知在等待它{with_it}。",
    "with_it": "（含这条告警）",
    "next_flush": "届时{will} {channel}：{reason}。",
    "will": "会通知",
    "will_not": "不会通知",
    "next": "{channel} 的下一次通知在 {at}{without}：{reason}。",
    "without": "（不含这条告警）",
    "no_next": "照目前的情况，{channel} 不会再收到通知。",
    "gone": "它已离开分组：该通知的都已得知它恢复。",
    "owed": "得知开始的，也应得知结束",
    "first": "这是该分组的第一次通知",
    "new": "有它还不知道的告警触发",
    "all_ended": "全部已恢复",
    "ended": "有告警已恢复",
    "steady": "原先抖动的告警已稳定，仍在触发",
    "repeat": "重复间隔已到",
    "nothing": "该分组的告警都被静音",
    "never_told": "已恢复的告警从未通知过",
    "end_known": "它已知道全部恢复",
    "known": "此后没有新情况，重复间隔也未到",
    "ends_not_wanted": "只剩恢复可通知，而它不需要",
    "quiet_time": "现在是静音时间",
}
_WORDS: Final[Mapping[Language, Mapping[str, str]]] = {"en": _EN, "zh": _ZH}


def sentences(of: Explanation, language: Language) -> list[str]:
    """What people read, in the order in which the pipeline decides."""
    return list(_sentences(of, _WORDS[language], ", " if language == "en" else "、"))


def _sentences(of: Explanation, words: Mapping[str, str], comma: str) -> Iterator[str]:
    yield words[of.state].format(
        alert=written(of.labels), since=_at(of.starts_us), until=_at(of.ends_us)
    )
    if of.flapping:
        yield words["flaps"].format(count=of.flapping)
    for route in of.routes:
        yield from _route(route, words, comma)
    for silence in of.silenced_by:
        yield words["silenced"].format(
            id=silence.id,
            owner=silence.created_by,
            until=_at(silence.ends_us),
            comment=silence.comment,
        )
    if (found := of.inhibited_by) is not None:
        names = comma.join(found.equal)
        yield words["inhibited"].format(
            alert=f"{written(found.labels)} ({found.fingerprint})",
            source=found.source_matchers,
            target=found.target_matchers,
            equal=words["equal"].format(names=names) if names else "",
        )
    for group in of.groups:
        yield from _group(group, words, comma)
    if not of.groups:
        yield words["gone"]


def _route(route: Visited, words: Mapping[str, str], comma: str) -> Iterator[str]:
    if route.takes:
        matchers = comma.join(each.matcher for each in route.matchers)
        why = words["by_matchers"].format(matchers=matchers) if matchers else words["by_default"]
        yield words["route"].format(receiver=route.receiver, why=why)
    elif not route.matches:
        compared = comma.join(
            words["compared"].format(matcher=each.matcher, value=each.value)
            for each in route.matchers
            if not each.holds
        )
        yield words["passed"].format(receiver=route.receiver, compared=compared)


def _group(group: GroupView, words: Mapping[str, str], comma: str) -> Iterator[str]:
    yield words["waiting" if group.is_waiting else "group"].format(
        group=written(group.labels),
        receiver=group.receiver,
        count=group.alerts,
        at=_at(group.flush_us),
    )
    if group.quiet_time is not None:
        names = comma.join(group.quiet_time.intervals)
        yield words[group.quiet_time.kind].format(names=names)
    for channel in group.channels:
        yield from _channel(channel, group, words)


def _channel(channel: ChannelView, group: GroupView, words: Mapping[str, str]) -> Iterator[str]:
    known = channel.known
    key = "knows_nothing" if known is None else f"knows_{(known.of_alert or 'none')}"
    yield words[key].format(channel=channel.name, at="" if known is None else _at(known.us))
    if channel.failing is not None:
        yield words["failing"].format(
            channel=channel.name,
            since=_at(channel.failing.since_us),
            error=channel.failing.error,
        )
    if channel.held is not None:
        yield from _held(channel.name, channel.held, words)
    yield words["next_flush"].format(
        channel=channel.name,
        will=words["will" if channel.flush_sends else "will_not"],
        reason=words[channel.flush_reason],
    )
    if channel.next is None:
        yield words["no_next"].format(channel=channel.name)
    elif channel.next.us != group.flush_us or not channel.next.has_alert:
        yield words["next"].format(
            channel=channel.name,
            at=_at(channel.next.us),
            without="" if channel.next.has_alert else words["without"],
            reason=words[channel.next.reason],
        )


def _held(channel: str, held: HeldBack, words: Mapping[str, str]) -> Iterator[str]:
    yield words["held_limit" if held.by else "held_asked"].format(
        channel=channel, at=_at(held.until_us), limit=held.by
    )
    if held.waiting:
        yield words["in_line_1" if held.waiting == 1 else "in_line"].format(
            count=held.waiting, with_it=words["with_it"] if held.has_alert else ""
        )


def _at(us: int | None) -> str:
    return "" if us is None else rfc3339(us)
