"""The ads and campaigns that are registered, in PostgreSQL."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

import msgspec
from psycopg import errors, sql

from adclicks.errors import FieldError, conflict
from analytics.bodies import AdBody, CampaignBody
from analytics.database import Database


class Ad(msgspec.Struct, frozen=True, rename="camel"):
    """A registered ad."""

    id: UUID
    name: str
    campaign_id: UUID | None
    media: str | None
    created_at: datetime


class Campaign(msgspec.Struct, frozen=True, rename="camel"):
    """A registered campaign."""

    id: UUID
    name: str
    created_at: datetime


Kind = TypeVar("Kind", Ad, Campaign)
Body = TypeVar("Body", AdBody, CampaignBody)


@dataclass(frozen=True)
class Statements:
    """The SQL of one kind. ``page``: the oldest first, those after ``after`` alone unless that is null."""

    get: sql.SQL
    page: sql.SQL
    create: sql.SQL
    replace: sql.SQL


ADS = Statements(
    get=sql.SQL("select id, name, campaign_id, media, created_at from ads where id = %(id)s"),
    page=sql.SQL(
        "select id, name, campaign_id, media, created_at from ads where %(after)s::uuid is null "
        "or (created_at, id) > (select created_at, id from ads where id = %(after)s) "
        "order by created_at, id limit %(limit)s"
    ),
    create=sql.SQL(
        "insert into ads (id, name, campaign_id, media) "
        "values (coalesce(%(id)s, gen_random_uuid()), %(name)s, %(campaign_id)s, %(media)s) "
        "on conflict (id) do nothing returning id, name, campaign_id, media, created_at"
    ),
    replace=sql.SQL(
        "update ads set name = %(name)s, campaign_id = %(campaign_id)s, media = %(media)s where id = %(id)s "
        "returning id, name, campaign_id, media, created_at"
    ),
)
CAMPAIGNS = Statements(
    get=sql.SQL("select id, name, created_at from campaigns where id = %(id)s"),
    page=sql.SQL(
        "select id, name, created_at from campaigns where %(after)s::uuid is null "
        "or (created_at, id) > (select created_at, id from campaigns where id = %(after)s) "
        "order by created_at, id limit %(limit)s"
    ),
    create=sql.SQL(
        "insert into campaigns (id, name) values (coalesce(%(id)s, gen_random_uuid()), %(name)s) "
        "on conflict (id) do nothing returning id, name, created_at"
    ),
    replace=sql.SQL("update campaigns set name = %(name)s where id = %(id)s returning id, name, created_at"),
)
ADS_OF_CAMPAIGN = sql.SQL(
    "select id, name, campaign_id, media, created_at from ads where campaign_id = %(id)s order by created_at, id"
)


class Registry(Generic[Kind, Body]):
    """What is kept of one kind. Each method raises ``Problem`` (503) where PostgreSQL is away."""

    def __init__(self, database: Database, kind: type[Kind], statements: Statements) -> None:
        self._database = database
        self._kind: type[Kind] = kind
        self._statements = statements

    async def get(self, object_id: UUID) -> Kind | None:
        """None where there is none."""
        rows = await self._database.rows(self._kind, self._statements.get, {"id": object_id})
        return rows[0] if rows else None

    async def page(self, after: UUID | None, limit: int) -> list[Kind]:
        """At most ``limit``, in the order of their creation, from the one after ``after`` on."""
        return await self._database.rows(self._kind, self._statements.page, {"after": after, "limit": limit})

    async def create(self, body: Body) -> tuple[Kind, bool]:
        """The object, and whether it was made now: the same one sent again is no error.

        Raises ``Problem`` (409) where its id is taken by another one, or its campaign does not exist.
        """
        made = await self._write(self._statements.create, msgspec.structs.asdict(body))
        if made is not None:
            return made, True
        there = await self.get(body.id) if body.id is not None else None
        if there is None:
            raise conflict("The object is being changed by someone else: send it again.")
        different = [
            FieldError(_wire_name(field), f"is {getattr(there, field)!r} already")
            for field in body.__struct_fields__
            if getattr(body, field) != getattr(there, field)
        ]
        if different:
            raise conflict("There is another one with this id.", *different)
        return there, False

    async def replace(self, object_id: UUID, body: Body) -> Kind | None:
        """The object as it is now; None where there is none. Raises ``Problem`` (409) as ``create``."""
        return await self._write(self._statements.replace, {**msgspec.structs.asdict(body), "id": object_id})

    async def _write(self, statement: sql.SQL, params: dict[str, object]) -> Kind | None:
        try:
            rows = await self._database.write(self._kind, statement, params)
        except errors.ForeignKeyViolation:
            raise conflict(
                "There is no such campaign.", FieldError("campaignId", "there is no campaign with this id")
            ) from None
        return rows[0] if rows else None


async def ads_of_campaign(database: Database, campaign_id: UUID) -> list[Ad]:
    """The campaign's ads, in the order of their creation."""
    return await database.rows(Ad, ADS_OF_CAMPAIGN, {"id": campaign_id})


def _wire_name(field: str) -> str:
    return "campaignId" if field == "campaign_id" else field
