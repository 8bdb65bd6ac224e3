-- A year of day sums is 365 rows a Kafka partition, 8,760 for one ad on 24 partitions: too many for a range query of a few
-- milliseconds. Of months it is 12.
create table clicks_by_month (
    ad_id uuid not null,
    month timestamptz not null,
    kafka_partition integer not null,
    clicks bigint not null,
    primary key (ad_id, month, kafka_partition)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
create index clicks_by_month_month on clicks_by_month (month);

insert into clicks_by_month (ad_id, month, kafka_partition, clicks)
select ad_id, date_trunc('month', day, 'UTC'), kafka_partition, sum(clicks)::bigint from clicks_by_day group by 1, 2, 3;
