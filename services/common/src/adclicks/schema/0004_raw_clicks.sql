-- Of an ad's single clicks in the minute that `lower` lies in, received from first_day to last_day: how many lie in
-- [lower, upper), and how many there are. No row of the minute's sum, no days, no answer: strict.
-- A plan that is made for just these days opens no other; one for all days would lock each of a year's at each call.
-- Stable, so it sees what the statement that calls it sees: the sums and the single clicks of one moment.
create function raw_clicks(
    ad uuid, lower timestamptz, upper timestamptz, first_day date, last_day date, out inside bigint, out of_minute bigint
) language plpgsql stable strict set plan_cache_mode = force_custom_plan as $$
begin
    select count(*) filter (where clicked_at >= lower and clicked_at < upper), count(*)
    into inside, of_minute
    from clicks
    where ad_id = ad and received_on between first_day and last_day
        and clicked_at >= date_trunc('minute', lower, 'UTC')
        and clicked_at < date_trunc('minute', lower, 'UTC') + interval '1 minute';
end
$$;
