from __future__ import annotations

from event_system.cli.following import Frame, frames


def test_frames_are_read_as_an_event_source_reads_them() -> None:
    text = (
        "retry: 2000\n\n"
        'id: 7\nevent: event\ndata: {"a":1}\n\n'
        ":\nid: 9\n\n"
        'event: gap\ndata: {"from":1,"to":2}\n\n'
        "data: two\ndata: lines\n\n"
        "id: 10\ndata: cut off"
    )

    assert list(frames(text.split("\n"))) == [
        Frame("event", "7", '{"a":1}'),
        Frame("message", "9", None),
        Frame("gap", None, '{"from":1,"to":2}'),
        Frame("message", None, "two\nlines"),
    ]
