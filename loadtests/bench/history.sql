-- One day of history. Times are in order, as they are in a table that only grows; ads are as unequal as ads are.
with made as materialized (
    select
        gen_random_uuid() as click_id,
        1 + floor(%(ads)s * power(random(), 3))::int as ad,
        %(day)s::date::timestamp at time zone 'UTC' + (number + random()) / %(clicks)s * interval '1 day' as at,
        floor(random() * %(partitions)s)::int as kafka_partition,
        number
    from generate_series(0, %(clicks)s - 1) as number
)
insert into clicks
    (click_id, ad_id, name, ip, clicked_at, received_at, received_on, peer, kafka_partition, kafka_offset)
select
    click_id, (%(ad_ids)s::uuid[])[ad], 'history', '10.0.0.1', least(at, %(day)s::date::timestamp at time zone 'UTC' + interval '23:59:59.999'),
    at, %(day)s, '10.0.0.1', kafka_partition, number
from made
