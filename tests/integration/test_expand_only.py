"""scripts/expand_only: what would break the build that runs is found, however it is written."""
import pathlib
import tempfile
import unittest

from harness import ROOT, run

REFUSED = (
    "drop table t;",
    "drop function f(text);",
    "alter table t drop c;",
    "alter table t drop column if exists c;",
    "alter table t alter c drop not null;",
    "alter table t drop constraint t_check;",
    "alter table t rename c to d;",
    "alter table t rename to u;",
    "alter table t set schema archive;",
    "ALTER TABLE t DROP COLUMN c;",
    'alter table "t" drop "c";',
    "alter\ntable t\ndrop\ncolumn c;",
    "alter table t /* not that */ drop column c;",
    "truncate t;",
    "delete from t;",
    "with gone as (delete from t returning c) insert into archive select c from gone;",
    "revoke select on t from mizan_app;",
    "revoke all on function f() from mizan_app;",
    "alter table t add c text not null;",
    "alter table t add column c text not null;",
    "alter table t add column\n\tc text\n\tnot null;",
    "alter table t add column if not exists c text not null;",
    "alter table only public.t add c2 text not null;",
    'alter table t add "C2" text not null;',
    "alter table t add a text, add b text not null;",
    "alter table t add a text not null default '', add b text not null;",
    "alter table t add id uuid primary key;",
    "alter table t alter c set not null;",
    "alter table t alter c type bigint;",
    "alter table t alter column sha256 type text;",
    'alter table t alter column "sha256" type text;',
    "alter table t alter column c set data type text;",
    "alter table t add a text, alter c type bigint;",
    "alter table t alter id add generated always as identity;",
    "alter table t alter id set generated always;",
    "alter table t add constraint few check (c < 9);",
    "alter table t add check (c < 9);",
    "alter table t add unique (c);",
    "alter table t add\n\tprimary key (c);",
    "alter table t add foreign key (c) references u;",
    "alter table t add exclude using gist (c with &&);",
    "alter domain amount add check (value > 0);",
    "alter type kind rename value 'a' to 'b';",
    "alter type pair alter attribute a type text;",
    "create unique index on t (c);",
    "create unique index concurrently if not exists t_c on only public.t (c);",
    "alter table t enable row level security;",
    "alter table t\n\tenable row level security;",
    "alter table t force row level security;",
    "create policy p on t as restrictive using (true);",
    "create rule r as on insert to t do instead nothing;",
    "do $$ begin execute 'anything'; end $$;",
    "create table if not exists t (c text);\nalter table t add d text not null;",
    "create table u (c text);\nalter table t add d text not null;",
    "-- no reason: expand\ndrop table t;",
    "-- expand:\ndrop table t;",
    "drop table u; -- expand: nobody used it\ndrop table t;",
    "-- expand: nobody used it\ndrop table u;\ndrop table t;",
    "alter table t add c text,\n\talter d drop not null, -- expand: null comes from newer builds\n\talter e type text;",
    "select 'a''; -- '; drop table t;",
    "select e'a\\'; -- '; drop table t;",
    "select $a$ $$ $a$; drop table t;",
)
ACCEPTED = (
    "create table t (c text not null primary key, check (c <> ''));",
    "create table t (c text);\nalter table t add d text not null;\nalter table t alter c type bigint;",
    "create table public.t (c text);\nalter table only t enable row level security;\ncreate unique index on t (c);",
    "create unlogged table t (c text);\ncreate policy p on t as restrictive using (true);",
    "alter table t add c text;",
    "alter table t add column c text;",
    "alter table t add column c text not null default '';",
    "alter table t add column at timestamptz not null default now(), add b text;",
    "alter table t add id bigserial primary key;",
    "alter table t add n integer not null generated always as (1) stored;",
    "alter table t add column c text check (c <> '');",
    "alter table t alter c set default 'x';",
    "alter table t alter c set storage external, enable always trigger r;",
    "alter type kind add value 'c';",
    "create index on t (c);",
    "create function f() returns void language sql as $$ delete from t; drop table t $$;",
    "create function f() returns void language plpgsql as $body$ begin\n\ttruncate t;\nend $body$;",
    "create trigger r after delete or truncate on t execute function f();",
    "create policy p on t for delete using (true);",
    "revoke execute on function f() from public;",
    "grant select, delete on t to mizan_app;",
    "comment on table t is 'drop table t; delete from it';",
    "insert into t values ('alter table t drop c;');",
    "-- drop table t;\n/* drop\ntable t; */\nselect 1;",
    "drop table t; -- expand: nothing before build git:abc1234 read it",
    "-- expand: nothing before build git:abc1234 read it\ndrop table t;",
    "alter table t\n\tadd c text,\n\talter d drop not null; -- expand: null comes from newer builds",
    "alter table t\n\talter d drop not null, -- expand: null comes from newer builds\n\tadd c text;",
    "alter table t\n\t-- expand: null comes from newer builds\n\talter d drop not null, add c text;",
    "-- expand: both are new\nalter table t alter d drop not null,\n\talter e drop not null;",
    "",
)


class ExpandOnly(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def said(self, migrations):
        """(exit status, what it said of each)"""
        files = [self.folder / f"{n:04}.sql" for n in range(len(migrations))]
        for file, migration in zip(files, migrations):
            file.write_text(migration + "\n")
        done = run([str(ROOT / "scripts" / "expand_only"), *map(str, files)])
        return done.returncode, [[line for line in done.stdout.splitlines() if line.startswith(f"{file}:")] for file in files]

    def test_refused(self):
        status, said = self.said(REFUSED)
        self.assertEqual(1, status)
        for migration, lines in zip(REFUSED, said):
            with self.subTest(migration):
                self.assertEqual(1, len(lines))

    def test_accepted(self):
        status, said = self.said(ACCEPTED)
        for migration, lines in zip(ACCEPTED, said):
            with self.subTest(migration):
                self.assertEqual([], lines)
        self.assertEqual(0, status)

    def test_where(self):
        """The line where the action begins."""
        _, said = self.said(["select 1;\n\nalter table t\n\tadd a text,\n\n\tadd b text\n\t\tnot null;"])
        self.assertEqual([[f"{self.folder}/0000.sql:6: add b text"]], said)


if __name__ == "__main__":
    unittest.main()
