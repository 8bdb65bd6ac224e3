-- One number that tells whether what is kept of the ads has changed. It is read at each poll, so it has to cost nothing;
-- and it moves in the transaction that changes an ad, whoever makes it, so a reader never keeps an old name under a new number.
create table ads_version (
    single boolean primary key default true check (single),
    version bigint not null default 0
);
insert into ads_version default values;

create function move_ads_version() returns trigger language plpgsql as $$
begin
    update ads_version set version = version + 1;
    return null;
end
$$;
create trigger ads_changed after insert or update or delete on ads
for each statement execute function move_ads_version();
