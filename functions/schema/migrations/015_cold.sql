-- query: days of the report that went to cold storage. A day is put away in parts,
-- compressed files of lines elsewhere; here stands what each of them holds.
create table query.cold_part (
    day         date        not null,
    part        integer     not null,
    object      text        not null constraint cold_object_once unique,
    lines       integer     not null,
    first_at    timestamptz not null,
    first_id    uuid        not null,
    last_at     timestamptz not null,
    last_id     uuid        not null,
    content     bytea       not null,
    written_at  timestamptz not null default now(),
    detached_at timestamptz,
    constraint cold_part_once primary key (day, part),
    constraint cold_part_has_lines check (lines > 0),
    constraint cold_content_is_sha256 check (octet_length(content) = 32)
);
comment on column query.cold_part.content is 'of the file''s text before it was compressed';
comment on column query.cold_part.detached_at is 'when its lines left the database; null while they are in both';

-- A line as it stands in a file: JSON, in UTC, without what means something to this
-- server only.
create function query.line_text(l query.report_line) returns text
    language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
    select (to_jsonb(l) - 'xid')::text || E'\n'
$$;
revoke all on function query.line_text(query.report_line) from public;

-- Takes a day's lines away once files hold all of them: each part is compared with
-- the table, line by line, by its hash. Owned by the migrator, so that a function
-- needs no right to drop a table or to delete a line. What does not agree stays,
-- its parts are forgotten, and the answer is false.
create function query.detach_day(wanted date) returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    low     timestamptz := wanted::timestamp at time zone 'UTC';
    high    timestamptz := low + interval '24 hours';
    name    text := 'query.report_line_' || to_char(wanted, 'YYYYMMDD');
    differs boolean;
begin
    if wanted > (now() at time zone 'UTC')::date - 7 then
        raise exception 'reports reach back to this day'
            using errcode = 'check_violation', constraint = 'report_reaches_back', schema = 'query', table = 'cold_part';
    end if;
    -- Reading goes on; writing waits.
    if to_regclass(name) is not null then
        execute format('lock table only %s in exclusive mode', name);
    else
        name := null;
        lock table only query.report_line_default in exclusive mode;
    end if;
    select coalesce(sum(p.lines), 0) <> (select count(*) from query.report_line where occurred_at >= low and occurred_at < high)
           or bool_or(p.content <> (
               select sha256(convert_to(coalesce(string_agg(query.line_text(l), '' order by l.occurred_at, l.id), ''), 'UTF8'))
               from query.report_line l
               where l.occurred_at >= low and l.occurred_at < high
                 and (l.occurred_at, l.id) >= (p.first_at, p.first_id) and (l.occurred_at, l.id) <= (p.last_at, p.last_id)))
    into differs
    from query.cold_part p where p.day = wanted and p.detached_at is null;
    if differs is not false then
        delete from query.cold_part where day = wanted and detached_at is null;
        return false;
    end if;
    if name is null then
        delete from query.report_line_default where occurred_at >= low and occurred_at < high;
    else
        execute format('alter table query.report_line detach partition %s', name);
        execute format('drop table %s', name);
    end if;
    update query.cold_part set detached_at = now() where day = wanted and detached_at is null;
    return true;
end $$;
revoke all on function query.detach_day(date) from public;

grant select, insert (day, part, object, lines, first_at, first_id, last_at, last_id, content) on query.cold_part to quittance_query;
grant execute on function query.line_text(query.report_line), query.detach_day(date) to quittance_query;

---- create above / drop below ----
drop function query.detach_day(date);
drop function query.line_text(query.report_line);
drop table query.cold_part;
