"""The SQL of the live totals: what changed, and all of it as blocks of a listing."""

from psycopg import sql

from analytics.listing import BLOCK_ROWS

# A row without a partition where nothing was taken in yet.
LEDGER = sql.SQL("""
select version, deletions, (select coalesce(sum(stored), 0)::bigint from ledger) as stored,
    topic_id, kafka_partition, next_offset
from ads_version left join (
    select distinct on (kafka_partition) topic_id, kafka_partition, next_offset
    from ledger order by kafka_partition, started_at desc
) as newest on true
""")

# Rows of (ad, name): the registered ones that changed after one version and until another.
CHANGED_NAMES = sql.SQL("select uuid_send(id), name from ads where version > %(after)s and version <= %(until)s")
# Rows of (ad, name): those of ``ads`` that are to be listed.
NAMES = sql.SQL("""
select uuid_send(ad_id), coalesce(ads.name, seen_ads.name)
from unnest(%(ads)s::uuid[]) as asked (ad_id) left join ads on ads.id = ad_id left join seen_ads using (ad_id)
where ads.id is not null or seen_ads.ad_id is not null
""")

_TOTALS = "select ad_id, sum(clicks)::bigint as clicks from ad_totals group by ad_id"
# A listing's blocks, in order: the number of rows, the rows encoded, and what ``Counters.load`` takes. PostgreSQL encodes
# them, because that takes a quarter of the time of sending and encoding each row, and none of the event loop's.
# PostgreSQL and msgspec escape the same characters of a name: control characters are refused where a name comes in.
BLOCKS = sql.SQL(f"""
with known as (
    select id as ad_id, name, true as registered from ads
    union all
    select ad_id, name, false from seen_ads where not exists (select from ads where id = ad_id)
),
listed as (
    select ad_id, name, coalesce(clicks, 0) as clicks from known left join ({_TOTALS}) as totals using (ad_id)
    where registered or clicks > 0
),
numbered as (
    select *, (row_number() over (order by clicks desc, ad_id) - 1) / {BLOCK_ROWS} as block from listed
)
select count(*),
    string_agg('{{"ad_id":"' || ad_id || '","name":' || to_json(name) || ',"total_clicks":"' || clicks || '"}}', ','
        order by clicks desc, ad_id),
    string_agg(uuid_send(ad_id) || int8send(clicks * 2 + 1), ''::bytea order by clicks desc, ad_id)
from numbered group by block order by block
""")  # noqa: S608 our own text

# What ``Counters.load`` takes, of ads that are counted and not listed.
UNLISTED = sql.SQL(f"""
select string_agg(uuid_send(ad_id) || int8send(clicks * 2), ''::bytea)
from (
    select ad_id, clicks, row_number() over () / 10000 as part from ({_TOTALS}) as totals
    where clicks > 0 and not exists (select from ads where id = ad_id)
        and not exists (select from seen_ads where seen_ads.ad_id = totals.ad_id)
) as unlisted group by part
""")  # noqa: S608 our own text

# Rows of (ad, name, clicks) by their ids, registered or clicked, those after ``after`` alone.
PAGE = sql.SQL("""
select ad_id, name, clicks from (
    (select id as ad_id, name, true as registered from ads where id > %(after)s order by id)
    union all
    (select ad_id, name, false from seen_ads where ad_id > %(after)s and not exists (select from ads where id = ad_id)
     order by ad_id)
    order by ad_id
) as known
cross join lateral (
    select coalesce(sum(clicks), 0)::bigint as clicks from ad_totals where ad_totals.ad_id = known.ad_id
) as counted
where registered or clicks > 0 order by ad_id limit %(limit)s
""")
