"""Samples as remote write 1.0 has them: Protocol Buffers in a block of Snappy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cramjam
import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from event_system.kernel.errors import RemoteWriteError
from event_system.promql.ports import NAME, Labels
from event_system.timeseries.collection.exposition import LONGEST_LABEL, MOST_LABELS
from event_system.timeseries.columns import Times, Values
from event_system.timeseries.remote.counting import check_size

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a request, unpacked."""
LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
METRIC_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_PACKAGE: Final = "event_system.remote"
_Field: Final = descriptor_pb2.FieldDescriptorProto
_MESSAGES: Final[dict[str, tuple[tuple[str, int, str], ...]]] = {
    "Label": (("name", 1, "string"), ("value", 2, "string")),
    "Sample": (("value", 1, "double"), ("timestamp", 2, "int64")),
    "TimeSeries": (("labels", 1, "Label"), ("samples", 2, "Sample")),
    "WriteRequest": (("timeseries", 1, "TimeSeries"),),
}
"""The messages as far as they count here: name, number and type of each field."""
_TYPES: Final = {
    "string": _Field.TYPE_STRING,
    "double": _Field.TYPE_DOUBLE,
    "int64": _Field.TYPE_INT64,
}


def _message(name: str) -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="write.proto", package=_PACKAGE, syntax="proto3")
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for field, number, kind in fields:
            known = _TYPES.get(kind)
            added = described.field.add(
                name=field,
                number=number,
                type=_Field.TYPE_MESSAGE if known is None else known,
                label=_Field.LABEL_REPEATED if known is None else _Field.LABEL_OPTIONAL,
            )
            if known is None:
                added.type_name = f".{_PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


_WriteRequest: Final = _message("WriteRequest")


@dataclass(frozen=True, slots=True)
class Written:
    """Samples, with the labels of each."""

    labels: list[Labels]
    times: Times
    values: Values


def decoded(body: bytes) -> Written:
    """The samples of a request; exemplars, native histograms and metadata are passed over.

    Raises `RemoteWriteError` for what is no request, or one with labels that cannot be.
    """
    request = _WriteRequest()
    try:
        if cramjam.snappy.decompress_raw_len(body) > LARGEST:
            raise RemoteWriteError(f"the request unpacks to more than {LARGEST} bytes")
        unpacked = bytes(cramjam.snappy.decompress_raw(body))
        check_size(unpacked)
        request.ParseFromString(unpacked)
    except (cramjam.DecompressionError, DecodeError) as error:
        raise RemoteWriteError(f"the body is no request: {str(error)[:200]}") from error
    labels: list[Labels] = []
    times: list[int] = []
    values: list[float] = []
    for series in request.timeseries:
        named = _checked({label.name: label.value for label in series.labels if label.value})
        labels += [named] * len(series.samples)
        times += [sample.timestamp for sample in series.samples]
        values += [sample.value for sample in series.samples]
    return Written(labels, np.array(times, np.int64), np.array(values, np.float64))


def _checked(labels: dict[str, str]) -> Labels:
    if not METRIC_NAME.fullmatch(labels.get(NAME, "")):
        raise RemoteWriteError(f"{labels.get(NAME, '')[:100]!r} is no metric name")
    if len(labels) > MOST_LABELS or max(map(len, labels.values())) > LONGEST_LABEL:
        raise RemoteWriteError(f"over {MOST_LABELS} labels, or one over {LONGEST_LABEL} characters")
    for name in labels:
        if not LABEL_NAME.fullmatch(name):
            raise RemoteWriteError(f"{name[:100]!r} is no label name")
    return tuple(sorted(labels.items()))


def encoded(labels: Sequence[Labels], times: Times, values: Values) -> bytes:
    """A request with these samples."""
    request = _WriteRequest()
    rows = zip(labels, times.tolist(), values, strict=True)
    for named, time, value in rows:
        series = request.timeseries.add()
        for name, text in named:
            series.labels.add(name=name, value=text)
        series.samples.add(value=value, timestamp=time)
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))
