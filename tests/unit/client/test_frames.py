from __future__ import annotations

from event_system.client.frames import Frame, FrameReader


def frames(text: str) -> list[Frame]:
    reader = FrameReader()
    return [frame for line in text.split("\n") if (frame := reader.feed(line))]


def test_a_stream_is_read_frame_by_frame() -> None:
    text = "retry: 2000\n\nid: 7\nevent: event\ndata: {}\n\n:\nid: 9\n\n"

    assert frames(text) == [Frame("event", "7", "{}"), Frame("message", "9", None)]


def test_data_of_several_lines_is_joined() -> None:
    assert frames("data: a\ndata:b\n\n") == [Frame("message", None, "a\nb")]


def test_a_frame_that_is_cut_off_is_none() -> None:
    assert frames("id: 7\nevent: event\ndata: {}") == []
