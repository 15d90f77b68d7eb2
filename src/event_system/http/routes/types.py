"""The catalogue of event types: looking, changing, trying."""

from __future__ import annotations

import re
from itertools import islice
from typing import Annotated, Any, Final, TypeAlias

from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import BodyKwarg, HeaderParameter, PathParameter, QueryParameter

from event_system.events.catalogue.catalogue import Change
from event_system.events.catalogue.entry import EntryDraft, TypeEntry, VersionDraft
from event_system.events.catalogue.trial import Report, Trial, tried, version_of
from event_system.http.app import Services
from event_system.http.openapi.answers import answers
from event_system.http.openapi.examples import shown
from event_system.http.openapi.type_examples import (
    DELETED,
    NEW_TYPE,
    NEW_VERSION,
    PAGE,
    REPORT,
    SCHEMA,
    TRIAL,
    TYPE,
)
from event_system.http.replies import json_reply
from event_system.http.type_views import DeletedType, EventType, TypePage, detail, summary
from event_system.kernel.errors import (
    BodyTooLargeError,
    IncompatibleSchemaError,
    InvalidPatternError,
    InvalidQueryError,
    InvalidRequestError,
    InvalidTypeError,
    ReadOnlyTypeError,
    StorageError,
    TypeChangedError,
    TypeConflictError,
    TypeLimitError,
    TypeNotFoundError,
)
from event_system.kernel.patterns import is_event_type, matches, parse_pattern

MAX_TYPE_BODY: Final = 131_072
_ETAG = re.compile(r'"?(\d{1,18})"?')
_UNWRITABLE: Final = (
    *(InvalidTypeError, InvalidRequestError, BodyTooLargeError, ReadOnlyTypeError),
    *(TypeChangedError, TypeConflictError, TypeLimitError),
    *(IncompatibleSchemaError, StorageError),
)

Name: TypeAlias = Annotated[str, PathParameter(description="The event type's name.")]
Number: TypeAlias = Annotated[int, PathParameter(ge=1, description="The version's number.")]
Pattern: TypeAlias = Annotated[
    str | None, QueryParameter(description="Type or pattern: `player.*`, `player.>`.")
]
Owner: TypeAlias = Annotated[str | None, QueryParameter(description="Exactly this owner.")]
Deprecated: TypeAlias = Annotated[
    bool | None, QueryParameter(description="Only deprecated ones, or only others.")
]
Limit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=1000, description="Types a page.")]
Cursor: TypeAlias = Annotated[str | None, QueryParameter(description="`next` of the page before.")]
Force: TypeAlias = Annotated[
    bool, QueryParameter(description="Take a schema even if it is not compatible.")
]
IfMatch: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        description='The ETag that the change was made from (`"3"`); `"0"`: there is none yet.',
    ),
]
TypeBody: TypeAlias = Annotated[
    EntryDraft,
    BodyKwarg(
        media_type=RequestEncodingType.JSON, examples=[shown("type", "a strict type", NEW_TYPE)]
    ),
]
VersionBody: TypeAlias = Annotated[
    VersionDraft,
    BodyKwarg(
        media_type=RequestEncodingType.JSON,
        examples=[shown("version", "a new member", NEW_VERSION)],
    ),
]
TrialBody: TypeAlias = Annotated[
    Trial,
    BodyKwarg(media_type=RequestEncodingType.JSON, examples=[shown("data", "some data", TRIAL)]),
]


@get(
    "/api/types",
    operation_id="listTypes",
    tags=["types"],
    summary="List event types",
    description="A page of the catalogue, ordered by name; `next` continues, null ends.",
    responses=answers(TypePage, PAGE, InvalidPatternError),
)
async def list_types(
    services: NamedDependency[Services],
    pattern: Pattern = None,
    owner: Owner = None,
    deprecated: Deprecated = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    if cursor is not None and not is_event_type(cursor):
        raise InvalidQueryError("this is no cursor; take `next` of a page", where="cursor")
    segments = None if pattern is None else parse_pattern(pattern)
    found = (
        entry
        for entry in services.catalogue.entries(after=cursor or "")
        if (segments is None or matches(segments, entry.name))
        and owner in (None, entry.owner)
        and deprecated in (None, entry.deprecated is not None)
    )
    page = list(islice(found, limit + 1))
    following = page[limit - 1].name if len(page) > limit else None
    return json_reply({"types": [summary(entry) for entry in page[:limit]], "next": following})


@get(
    "/api/types/{name:str}",
    operation_id="getType",
    tags=["types"],
    summary="Look at one event type",
    description="With all versions of its schema. The `ETag` is for `If-Match` of a change.",
    responses=answers(EventType, TYPE, TypeNotFoundError),
)
async def get_type(services: NamedDependency[Services], name: Name) -> Response[bytes]:
    return _reply(services.catalogue.get(name))


@put(
    "/api/types/{name:str}",
    operation_id="putType",
    tags=["types"],
    summary="Create or change an event type",
    description=(
        "Replaces all but the versions. A `schema` that is not the newest version becomes one, "
        "checked for compatibility with the current one. In force for every event that is sent "
        "after the answer."
    ),
    request_max_body_size=MAX_TYPE_BODY,
    responses=answers(EventType, TYPE, *_UNWRITABLE),
)
async def put_type(
    services: NamedDependency[Services],
    name: Name,
    data: TypeBody,
    force: Force = False,
    if_match: IfMatch = None,
) -> Response[bytes]:
    return _reply(await services.catalogue.put(name, data, _change(if_match, force=force)))


@delete(
    "/api/types/{name:str}",
    status_code=200,
    operation_id="deleteType",
    tags=["types"],
    summary="Forget an event type",
    description="With all its versions. Its events stay; new ones count as of an unknown type.",
    responses=answers(
        DeletedType,
        DELETED,
        *(TypeNotFoundError, ReadOnlyTypeError, TypeChangedError, TypeConflictError, StorageError),
    ),
)
async def delete_type(
    services: NamedDependency[Services], name: Name, if_match: IfMatch = None
) -> Response[bytes]:
    await services.catalogue.delete(name, _change(if_match))
    return json_reply(DeletedType(name, deleted=True))


@post(
    "/api/types/{name:str}/versions",
    status_code=200,
    operation_id="addTypeVersion",
    tags=["types"],
    summary="Add a version of the schema",
    description=(
        "It becomes the current one. Where `compatibility` is `backward`, a schema that may "
        "refuse data which the current one accepts is refused, with every place in `faults`."
    ),
    request_max_body_size=MAX_TYPE_BODY,
    responses=answers(EventType, TYPE, TypeNotFoundError, *_UNWRITABLE),
)
async def add_version(
    services: NamedDependency[Services],
    name: Name,
    data: VersionBody,
    force: Force = False,
    if_match: IfMatch = None,
) -> Response[bytes]:
    change = _change(if_match, force=force)
    return _reply(await services.catalogue.add_version(name, data, change))


@get(
    "/api/types/{name:str}/versions/{number:int}/schema",
    operation_id="getTypeSchema",
    tags=["types"],
    summary="Get one version's schema",
    description="The JSON Schema itself; its address is what `dataschema` of an event names.",
    responses=answers(dict[str, Any], SCHEMA, TypeNotFoundError),
)
async def get_schema(
    services: NamedDependency[Services], name: Name, number: Number
) -> Response[bytes]:
    return json_reply(version_of(services.catalogue.get(name), number).schema)


@post(
    "/api/types/{name:str}/check",
    status_code=200,
    operation_id="checkType",
    tags=["types"],
    summary="Try data or a schema",
    description=(
        "Holds `data` against the type (or against a proposed `schema`), and a proposed "
        "`schema` against the current version. Nothing is stored."
    ),
    request_max_body_size=MAX_TYPE_BODY,
    responses=answers(
        Report,
        REPORT,
        *(TypeNotFoundError, InvalidTypeError, InvalidRequestError, BodyTooLargeError),
    ),
)
async def check_type(
    services: NamedDependency[Services], name: Name, data: TrialBody
) -> Response[bytes]:
    return json_reply(tried(name, services.catalogue.find(name), data))


def _reply(entry: TypeEntry) -> Response[bytes]:
    reply = json_reply(detail(entry))
    reply.headers["etag"] = f'"{entry.revision}"'
    return reply


def _change(if_match: str | None, *, force: bool = False) -> Change:
    if if_match is None:
        return Change(force=force)
    found = _ETAG.fullmatch(if_match)
    if found is None:
        raise InvalidRequestError('If-Match is one ETag, such as "3"', where="If-Match")
    return Change(int(found[1]), force)


ROUTES = (
    *(list_types, get_type, put_type, delete_type),
    *(add_version, get_schema, check_type),
)
