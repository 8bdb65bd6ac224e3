-- The ads, the clicks, their counts, and the ledger that makes the counts checkable.

create table campaigns (
    id uuid primary key default gen_random_uuid(),
    name text not null check (char_length(name) between 1 and 200),
    created_at timestamptz not null default now()
);

create table ads (
    id uuid primary key default gen_random_uuid(),
    name text not null check (char_length(name) between 1 and 200),
    campaign_id uuid references campaigns (id),
    media text,
    created_at timestamptz not null default now()
);
create index ads_by_campaign on ads (campaign_id);

-- The name that an unknown ad's first click came with.
create table seen_ads (
    ad_id uuid primary key,
    name text not null
);

-- The verdict: a click id is in here once. Independent of Kafka's partition, the timestamp and the sender.
create table click_ids (
    click_id uuid primary key,
    received_at timestamptz not null
);
-- Ids are written in the order of receipt, so a few bytes a range of pages are enough to find those past the horizon.
create index click_ids_by_receipt on click_ids using brin (received_at);

-- Raw clicks, a partition a day received (made by the consumer, dropped after the retention).
create table clicks (
    click_id uuid not null,
    ad_id uuid not null,
    name text not null,
    ip inet not null,
    clicked_at timestamptz not null,
    received_at timestamptz not null,
    received_on date not null,
    peer inet,
    kafka_partition integer not null,
    kafka_offset bigint not null
) partition by range (received_on);
create index clicks_by_ad on clicks (ad_id, clicked_at);

-- Sums. A row a Kafka partition, so that each row has one writer; readers add them up.
-- first_day and last_day bound the received_on of a minute's raw clicks: an edge of a range asks those days alone.
create table clicks_by_minute (
    ad_id uuid not null,
    minute timestamptz not null,
    kafka_partition integer not null,
    clicks bigint not null,
    first_day date not null,
    last_day date not null,
    primary key (ad_id, minute, kafka_partition)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
create index clicks_by_minute_minute on clicks_by_minute (minute);

create table clicks_by_hour (
    ad_id uuid not null,
    hour timestamptz not null,
    kafka_partition integer not null,
    clicks bigint not null,
    primary key (ad_id, hour, kafka_partition)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
create index clicks_by_hour_hour on clicks_by_hour (hour);

create table clicks_by_day (
    ad_id uuid not null,
    day timestamptz not null,
    kafka_partition integer not null,
    clicks bigint not null,
    primary key (ad_id, day, kafka_partition)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
create index clicks_by_day_day on clicks_by_day (day);

create table ad_totals (
    ad_id uuid not null,
    kafka_partition integer not null,
    clicks bigint not null,
    duplicates bigint not null,
    primary key (ad_id, kafka_partition)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
create index ad_totals_by_partition on ad_totals (kafka_partition);

-- How far each partition of the topic has been taken in. The check is the audit: every offset is accounted for, in the
-- transaction that moves it. missing counts offsets that retention took before they could be read.
create table ledger (
    topic text not null,
    topic_id text not null,
    kafka_partition integer not null,
    first_offset bigint not null default 0,
    next_offset bigint not null default 0,
    stored bigint not null default 0,
    duplicates bigint not null default 0,
    rejected bigint not null default 0,
    missing bigint not null default 0,
    started_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (topic, topic_id, kafka_partition),
    constraint every_offset_is_accounted_for
    check (next_offset - first_offset = stored + duplicates + rejected + missing)
) with (fillfactor = 50);
