-- Operators in a browser: their sessions (SPEC 1); and the smoke run (issue 4).

-- The one form in which times leave the database as JSON.
create function rfc3339(p_at timestamptz) returns text language sql stable strict parallel safe as $$
	select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;
comment on function rfc3339(timestamptz) is 'A time as RFC 3339 in UTC, with milliseconds; null for null';
