-- One batch, from the staging table into the truth. What click_ids takes in is new; all else of the batch is a duplicate.
with fresh as (
    insert into click_ids (click_id)
    -- In the order of the ids: two consumers that hold the same ids wait for each other instead of deadlocking.
    select distinct click_id from staging order by click_id
    on conflict (click_id) do nothing
    returning click_id
),
kept as materialized (
    select distinct on (click_id) staging.*
    from staging join fresh using (click_id) order by click_id, kafka_partition, kafka_offset
),
raw as (
    insert into clicks (click_id, ad_id, name, ip, clicked_at, received_at, received_on, peer, kafka_partition, kafka_offset)
    select click_id, ad_id, name, ip, clicked_at, received_at, received_on, peer, kafka_partition, kafka_offset from kept
),
by_minute as materialized (
    select ad_id, date_trunc('minute', clicked_at, 'UTC') as minute, kafka_partition,
        count(*) as clicks, min(received_on) as first_day, max(received_on) as last_day
    from kept group by 1, 2, 3
),
by_hour as materialized (
    select ad_id, date_trunc('hour', minute, 'UTC') as hour, kafka_partition, sum(clicks)::bigint as clicks
    from by_minute group by 1, 2, 3
),
minutes as (
    insert into clicks_by_minute as stored (ad_id, minute, kafka_partition, clicks, first_day, last_day)
    select ad_id, minute, kafka_partition, clicks, first_day, last_day from by_minute order by 1, 2, 3
    on conflict (ad_id, minute, kafka_partition) do update set
        clicks = stored.clicks + excluded.clicks,
        first_day = least(stored.first_day, excluded.first_day),
        last_day = greatest(stored.last_day, excluded.last_day)
),
hours as (
    insert into clicks_by_hour as stored (ad_id, hour, kafka_partition, clicks)
    select ad_id, hour, kafka_partition, clicks from by_hour order by 1, 2, 3
    on conflict (ad_id, hour, kafka_partition) do update set clicks = stored.clicks + excluded.clicks
),
days as (
    insert into clicks_by_day as stored (ad_id, day, kafka_partition, clicks)
    select ad_id, date_trunc('day', hour, 'UTC'), kafka_partition, sum(clicks)::bigint
    from by_hour group by 1, 2, 3 order by 1, 2, 3
    on conflict (ad_id, day, kafka_partition) do update set clicks = stored.clicks + excluded.clicks
),
months as (
    insert into clicks_by_month as stored (ad_id, month, kafka_partition, clicks)
    select ad_id, date_trunc('month', hour, 'UTC'), kafka_partition, sum(clicks)::bigint
    from by_hour group by 1, 2, 3 order by 1, 2, 3
    on conflict (ad_id, month, kafka_partition) do update set clicks = stored.clicks + excluded.clicks
),
names as (
    insert into seen_ads (ad_id, name)
    -- Grouped first: a batch has few names, and sorting its rows for them would cost as much as counting them.
    select distinct on (ad_id) ad_id, name
    -- Not at all while as many ads are listed as may be: the parameter.
    from (select ad_id, name, min(kafka_offset) as first_offset from staging where %s group by 1, 2) as named
    order by ad_id, first_offset, name
    on conflict (ad_id) do nothing
    returning ad_id
),
consumed as (
    select ad_id, kafka_partition, count(*) as records from staging group by 1, 2
),
counted as (
    select ad_id, kafka_partition, sum(clicks)::bigint as clicks from by_hour group by 1, 2
),
batch_totals as materialized (
    select ad_id, kafka_partition, coalesce(counted.clicks, 0) as fresh, consumed.records as consumed
    from consumed left join counted using (ad_id, kafka_partition)
),
totals as (
    insert into ad_totals as stored (ad_id, kafka_partition, clicks, duplicates)
    select ad_id, kafka_partition, fresh, consumed - fresh from batch_totals order by 1, 2
    on conflict (ad_id, kafka_partition) do update set
        clicks = stored.clicks + excluded.clicks, duplicates = stored.duplicates + excluded.duplicates
    returning stored.ad_id, stored.kafka_partition, stored.clicks
)
select totals.kafka_partition, totals.ad_id::text, totals.clicks, batch_totals.fresh, batch_totals.consumed
from totals join batch_totals using (ad_id, kafka_partition)
union all
select null, ad_id::text, 0, 0, 0 from names
