-- The horizon within which a click id is known runs from when the id was stored, by this server's clock. received_at is the
-- sender's: a replayed record is weeks old when it is stored, and by that time its id would be removed at once.
-- now() is evaluated once here and kept in the catalog, so no row is rewritten. Ids that are there already are kept for a full
-- horizon from this moment on. The version before this one goes on writing received_at, and gets stored_at by default.
alter table click_ids add column stored_at timestamptz not null default now();
-- No longer written: a null takes no room in a row, so stored_at costs none.
alter table click_ids alter column received_at drop not null;
-- Old ids are found by reading the table in order: once space is used again, each range of pages has had an old row.
drop index click_ids_by_receipt;

-- When a task of upkeep that need not run in each round was done last, by any pool.
create table upkeep (
    task text primary key,
    finished_at timestamptz not null
);
