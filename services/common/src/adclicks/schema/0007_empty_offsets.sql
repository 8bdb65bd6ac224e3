-- Offsets that hold no record for a consumer: the markers of transactions, records of aborted ones, and compacted records.
-- They were counted as missing, which is what retention took before it could be read.
alter table ledger add column empty_offsets bigint not null default 0;

-- The version before this one writes no empty_offsets and goes on counting them as missing: the sum is the same.
alter table ledger drop constraint every_offset_is_accounted_for;
alter table ledger add constraint every_offset_is_accounted_for
    check (next_offset - first_offset = stored + duplicates + rejected + missing + empty_offsets);
