# What a database of Mizan holds, told so that two of them can be compared: backup writes it down,
# restore compares.  Sourced, never run.
# shellcheck shell=bash

# SQL of two functions for the session at hand: pg_temp.table_facts(), rows and checksum of every
# table, and pg_temp.access_facts(), a digest of who may do what.  Both see what the transaction sees,
# of all tenants, or fail.
facts_functions() {
	cat <<-'SQL'
		set row_security = off;
		-- The checksum is a sum over the rows, so that their order does not matter.
		create function pg_temp.table_facts() returns table (name text, n bigint, checksum text) language plpgsql
		set timezone = 'UTC' set datestyle = 'ISO' set intervalstyle = 'iso_8601' set bytea_output = 'hex'
		set extra_float_digits = 1 set jit = off as $$
		begin
			for name in
				select relname from pg_catalog.pg_class
				 where relnamespace = 'public'::pg_catalog.regnamespace and relkind = 'r' order by relname collate "C"
			loop
				return query execute pg_catalog.format($f$
					select %1$L::text, count(*), coalesce(sum(('x' || left(encode(sha256(
					       convert_to(whole_row::text, 'UTF8')), 'hex'), 16))::bit(64)::bigint::numeric), 0)::text
					  from public.%1$I whole_row $f$, name);
			end loop;
		end $$;
		-- What owners hold by being owners is left out: another server may call them otherwise.
		create function pg_temp.access_facts() returns text language sql set search_path = pg_catalog, pg_temp as $$
			with object (what, owner, acl) as (
				select 'schema ' || nspname, nspowner, coalesce(nspacl, acldefault('n', nspowner))
				  from pg_namespace where nspname = 'public'
				union all
				select 'relation ' || relname, relowner, coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner))
				  from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'm', 'S')
				union all
				select 'column ' || relname || '.' || attname, relowner, attacl
				  from pg_attribute join pg_class c on c.oid = attrelid
				 where relnamespace = 'public'::regnamespace and attacl is not null
				union all
				select 'function ' || p.oid::regprocedure, proowner, coalesce(proacl, acldefault('f', proowner))
				  from pg_proc p where pronamespace = 'public'::regnamespace
			), fact (line) as (
				select concat_ws(' ', what, privilege_type, coalesce(grantee::regrole::text, ''), is_grantable)
				  from object, aclexplode(acl) where grantee <> owner
				union all
				select concat_ws(' ', 'walled', relname, relforcerowsecurity) from pg_class
				 where relnamespace = 'public'::regnamespace and relrowsecurity
				union all
				select concat_ws(' ', 'policy', tablename, policyname, permissive, roles, cmd, qual, with_check)
				  from pg_policies where schemaname = 'public'
				union all
				select concat_ws(' ', 'trigger', pg_get_triggerdef(t.oid), tgenabled)
				  from pg_trigger t join pg_class c on c.oid = tgrelid
				 where relnamespace = 'public'::regnamespace and not tgisinternal
				union all
				select concat_ws(' ', 'runs as its owner', p.oid::regprocedure) from pg_proc p
				 where pronamespace = 'public'::regnamespace and prosecdef
			)
			select encode(sha256(convert_to(string_agg(line, e'\n' order by line collate "C"), 'UTF8')), 'hex') from fact
		$$;
	SQL
}

bytes() { numfmt --to=iec-i --suffix=B --format=%.1f "$1"; }

# progress TEXT: the line of what is going on, where somebody looks; with no TEXT it goes away.
progress() {
	[ ! -t 2 ] || printf '\r%s\e[K' "$*" >&2
}
