"""The SQL of the counts.

``lower``, ``upper``, ``sign`` and ``level`` are a plan's pieces (``ranges``), ``bucket`` says what each of them counts for.
Columns are compared in pairs, ``(ad_id, minute)``, because that leaves the planner the primary key alone: the index on
``minute`` would read all ads' rows. A sum over a piece without rows is null, which an outer sum passes over.

Raw clicks are looked up only for an ad that has clicks in the minute that an edge cuts, and only on the days of receipt that
the minute's sum names: the schema's function ``raw_clicks`` is planned for just those, since to open all days of ``clicks``
takes ten times as long as to answer. They are believed only when all of the minute's add up to that minute's sum: ``lost``
holds the minutes where they don't, because retention has taken some of them.
"""

from psycopg import sql

_PIECE = """
unnest(
    %(level)s::smallint[], %(lower)s::timestamptz[], %(upper)s::timestamptz[], %(sign)s::smallint[],
    %(bucket)s::timestamptz[]
) as piece (level, lower, upper, sign, bucket)
"""

_SUMS_OF = """
select ad.ad_id, bucket, coalesce(sum(sign * case level
        when 0 then raw.inside
        when 1 then (
            select sum(clicks) from clicks_by_minute as s
            where (s.ad_id, s.minute) >= (ad.ad_id, lower) and (s.ad_id, s.minute) < (ad.ad_id, upper))
        when 2 then (
            select sum(clicks) from clicks_by_hour as s
            where (s.ad_id, s.hour) >= (ad.ad_id, lower) and (s.ad_id, s.hour) < (ad.ad_id, upper))
        when 3 then (
            select sum(clicks) from clicks_by_day as s
            where (s.ad_id, s.day) >= (ad.ad_id, lower) and (s.ad_id, s.day) < (ad.ad_id, upper))
        when 4 then (
            select sum(clicks) from clicks_by_month as s
            where (s.ad_id, s.month) >= (ad.ad_id, lower) and (s.ad_id, s.month) < (ad.ad_id, upper))
    end), 0)::bigint,
    array_remove(array_agg(case when raw.of_minute <> cut.clicks then cut.minute end), null)
from unnest(%(ads)s::uuid[]) as ad (ad_id) cross join
"""
_CUT = """
left join lateral (
    select date_trunc('minute', lower, 'UTC') as minute, sum(clicks) as clicks,
        min(first_day) as first_day, max(last_day) as last_day
    from clicks_by_minute as s where level = 0 and (s.ad_id, s.minute) >= (ad.ad_id, date_trunc('minute', lower, 'UTC'))
        and (s.ad_id, s.minute) < (ad.ad_id, date_trunc('minute', lower, 'UTC') + interval '1 minute')
) as cut on true
left join lateral raw_clicks(ad.ad_id, lower, upper, cut.first_day, cut.last_day) as raw on true
"""
_BY_BUCKET = "group by ad.ad_id, bucket"
_SUMS = _SUMS_OF + _PIECE + _CUT + _BY_BUCKET

# Rows of (ad, bucket, clicks, lost), one for each ad and bucket that is asked for.
COUNT = sql.SQL(_SUMS)

_WHOLE_BUCKETS = """
union all
select %(ad)s, minute, sum(clicks)::bigint, '{}'::timestamptz[] from clicks_by_minute where %(step)s = 1
    and (ad_id, minute) >= (%(ad)s, %(whole_lower)s) and (ad_id, minute) < (%(ad)s, %(whole_upper)s) group by minute
union all
select %(ad)s, hour, sum(clicks)::bigint, '{}'::timestamptz[] from clicks_by_hour where %(step)s = 2
    and (ad_id, hour) >= (%(ad)s, %(whole_lower)s) and (ad_id, hour) < (%(ad)s, %(whole_upper)s) group by hour
union all
select %(ad)s, day, sum(clicks)::bigint, '{}'::timestamptz[] from clicks_by_day where %(step)s = 3
    and (ad_id, day) >= (%(ad)s, %(whole_lower)s) and (ad_id, day) < (%(ad)s, %(whole_upper)s) group by day
"""
# As COUNT, for one ad, and a row for each bucket of ``step`` in [whole_lower, whole_upper) that has clicks.
SERIES = sql.SQL(_SUMS + _WHOLE_BUCKETS)

# Not by ``raw_clicks``: it would be planned for each of all ads, and here one plan does for them.
_RANKED = """
part as (
    select ad_id, sign * clicks as clicks, null::timestamptz as lost
    from piece join clicks_by_minute on minute >= lower and minute < upper where level = 1
    union all
    select ad_id, sign * clicks, null from piece join clicks_by_hour on hour >= lower and hour < upper where level = 2
    union all
    select ad_id, sign * clicks, null from piece join clicks_by_day on day >= lower and day < upper where level = 3
    union all
    select ad_id, sign * clicks, null from piece join clicks_by_month on month >= lower and month < upper where level = 4
    union all
    select summed.ad_id, found.clicks,
        case when found.clicks_of_minute <> summed.clicks then inside.minute end
    from piece
    cross join lateral (select date_trunc('minute', lower, 'UTC') as minute) as inside
    cross join lateral (
        select ad_id, sum(clicks) as clicks, min(first_day) as first_day, max(last_day) as last_day
        from clicks_by_minute as m where m.minute = inside.minute group by ad_id
    ) as summed
    cross join lateral (
        select count(*) filter (where clicked_at >= lower and clicked_at < upper) as clicks, count(*) as clicks_of_minute
        from clicks where clicks.ad_id = summed.ad_id
            and clicked_at >= inside.minute and clicked_at < inside.minute + interval '1 minute'
            and received_on between summed.first_day and summed.last_day
    ) as found where level = 0
),
ranked as (
    select ad_id, sum(clicks)::bigint as clicks from part group by ad_id
)
select ad_id, coalesce(ads.name, seen_ads.name, ''), clicks,
    array(select distinct lost from part where lost is not null)
from ranked left join ads on ads.id = ad_id left join seen_ads using (ad_id)
where clicks > 0 or exists (select from part where lost is not null) order by clicks desc, ad_id limit %(limit)s
"""
# Rows of (ad, name, clicks, lost), the most clicked first; ``lost`` speaks of all ads, those past the limit too.
TOP = sql.SQL("with piece as (select * from" + _PIECE + ")," + _RANKED)
