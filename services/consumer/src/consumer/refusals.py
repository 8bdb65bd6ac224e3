"""Which rows of a batch PostgreSQL refuses, at a cost that is linear in the batch. Nothing that is tried here stays."""

import re
from collections.abc import Callable, Sequence
from importlib.resources import files

import psycopg
from psycopg import errors

from adclicks.postgres import first_line
from consumer.batch import Place, Row, place_of
from consumer.store import COPY

# What a row's content can be the cause of: its values, a constraint, or a trigger that raises an exception.
REFUSALS = (psycopg.DataError, psycopg.IntegrityError, errors.RaiseException, errors.WithCheckOptionViolation)
# Tried together first: of a batch with few refused rows most are cleared a hundred at a time.
_CHUNK_ROWS = 100
_CONDITIONS = "data_exception or integrity_constraint_violation or with_check_option_violation or raise_exception"
# The rows of the staging table that are refused. First each by an insert into clicks alone, which finds nearly all and
# costs a tenth of the statement; only where the rest is still refused, each by the statement itself. It is one function,
# with a savepoint a row inside the server: one made by the client would cost four round trips, a transaction also a commit.
# Each try ends in an exception of our own, which takes back what it wrote.
_FUNCTION = """
create or replace function pg_temp.refusals() returns table (kafka_partition integer, kafka_offset bigint, reason text)
language plpgsql as $refusals$
#variable_conflict use_column
declare
    one staging%rowtype;
    result record;
    refused_constraint text;
    refused_table text;
begin
    {all}
    for one in select * from staging loop
        begin
            insert into clicks (click_id, ad_id, name, ip, clicked_at, received_at, received_on, peer, kafka_partition,
                kafka_offset)
            select (one).*;
            {undo_or_report}
        end;
    end loop;
    {all}
    for one in select * from staging loop
        begin
            for result in {single} loop null; end loop;
            {undo_or_report}
        end;
    end loop;
end
$refusals$
"""
_ALL = """
    begin
        for result in {statement} loop null; end loop;
        raise sqlstate 'UNDO0';
    exception
        when sqlstate 'UNDO0' then return;
        when {conditions} then null;
    end;
"""
_UNDO_OR_REPORT = """
            raise sqlstate 'UNDO0';
        exception
            when sqlstate 'UNDO0' then null;
            when {conditions} then
                get stacked diagnostics refused_constraint = constraint_name, refused_table = table_name;
                if sqlstate = '23514' and refused_constraint = '' and refused_table = 'clicks' then
                    -- The day's table is missing: no fault of the row.
                    raise;
                end if;
                kafka_partition := one.kafka_partition;
                kafka_offset := one.kafka_offset;
                reason := sqlerrm;
                return next;
                delete from staging
                where staging.kafka_partition = one.kafka_partition and staging.kafka_offset = one.kafka_offset;
"""


def is_missing_day(error: psycopg.Error) -> bool:
    """Whether a row was refused because the table of its day is not there. Not by the message: it is translated."""
    diagnosis = error.diag
    return (
        isinstance(error, errors.CheckViolation) and not diagnosis.constraint_name and diagnosis.table_name == "clicks"
    )


def find_refused(
    connection: psycopg.Connection, rows: Sequence[Row], check: Callable[[Sequence[bool]], None]
) -> dict[Place, str]:
    """The places of the rows that are refused, each by itself, and PostgreSQL's reasons.

    ``check`` is given, as far as the search has come, whether each row is refused; what it raises ends the search.
    ``connection`` is a ``Store``'s. Raises ``psycopg.Error``, also where the table of a row's day is missing.
    """
    with connection.transaction():
        connection.execute(_function())
    found: dict[Place, str] = {}
    refused: list[bool] = []
    for begin in range(0, len(rows), _CHUNK_ROWS):
        chunk = rows[begin : begin + _CHUNK_ROWS]
        found |= _refused_of(connection, chunk)
        refused += [place_of(row.record) in found for row in chunk]
        check(refused)
    return found


def _function() -> bytes:
    # Its one parameter says whether names are listed: with them all that may refuse a row is tried.
    statement = (files("consumer") / "store.sql").read_text().replace("%s", "true")
    single = re.sub(r"^with ", "with staging as (select (one).*), ", statement, count=1, flags=re.MULTILINE)
    every = _ALL.format(statement=statement, conditions=_CONDITIONS)
    undo_or_report = _UNDO_OR_REPORT.format(conditions=_CONDITIONS)
    return _FUNCTION.format(all=every, single=single, undo_or_report=undo_or_report).encode()


def _refused_of(connection: psycopg.Connection, rows: Sequence[Row]) -> dict[Place, str]:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("set constraints all immediate")
            with connection.cursor() as cursor:
                with cursor.copy(COPY) as copy:
                    copy.write(b"\n".join([row.line for row in rows]))
                found = cursor.execute("select * from pg_temp.refusals()").fetchall()
            return {(partition, offset): reason for partition, offset, reason in found}
    except REFUSALS as error:
        # COPY itself: a value of another type than its column.
        if is_missing_day(error):
            raise
        if len(rows) == 1:
            return {place_of(rows[0].record): first_line(error)}
    return {place: reason for row in rows for place, reason in _refused_of(connection, [row]).items()}
