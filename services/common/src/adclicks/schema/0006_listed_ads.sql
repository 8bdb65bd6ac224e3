-- Which ads changed since a version that a reader knows, so that it need not read all names again for each.
-- The version is taken before the rows are written, and its row stays locked until the commit: versions become visible in
-- their order, and whoever sees one sees all rows up to it.
alter table ads add column version bigint not null default 0;
create index ads_by_version on ads (version);
alter table ads_version add column deletions bigint not null default 0;

drop trigger ads_changed on ads;
create or replace function move_ads_version() returns trigger language plpgsql as $$
begin
    update ads_version
    set version = version + 1, deletions = deletions + (tg_op in ('DELETE', 'TRUNCATE'))::int;
    return null;
end
$$;
create trigger ads_change before insert or update or delete or truncate on ads
for each statement execute function move_ads_version();

create function note_ads_version() returns trigger language plpgsql as $$
begin
    new.version := (select version from ads_version);
    return new;
end
$$;
create trigger ad_changes before insert or update on ads
for each row execute function note_ads_version();

-- How many ads that nobody has registered were listed in an hour. A row a Kafka partition, so that each has one writer.
create table listed_ads (
    kafka_partition integer primary key,
    hour timestamptz not null,
    listed integer not null
);
