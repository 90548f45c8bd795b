"""More databases on the shared stack's Postgres, for tests that need a whole one to themselves.

    database = Database(stack, "mizan_backups").make()      # empty, as scripts/db_init leaves it
    database.migrate()
    database.sql("select ...", "worker")                    # as of a Stack; Ledger(database, tenant) works too
"""
from harness import ROOT, Stack, environment, run


class Database(Stack):
    """Of a Stack only what concerns the database."""

    def __init__(self, stack, name):
        super().__init__(stack.dir.name)
        self.stack, self.name = stack, name
        self.env = {key: url.replace("@/mizan?", f"@/{name}?")
                    for key, url in stack.env.items() if key.startswith("DATABASE_")}

    def superuser(self, query, database="postgres"):
        """The output of psql."""
        done = run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", query],
                   env=self.superuser_environment())
        if done.returncode != 0:
            raise RuntimeError(done.stdout)
        return done.stdout

    def superuser_environment(self):
        secrets = dict(line.split(" ", 1) for line in (self.dir / "conf" / "secrets").read_text().splitlines())
        return self.stack.psql_environment("owner") | {
            "PGUSER": "postgres", "PGPASSWORD": secrets["postgres"], "PGDATABASE": "postgres"}

    def make(self):
        """Empty."""
        self.drop()
        self.done(run([str(ROOT / "scripts" / "db_init"), "--database", self.name], env=self.superuser_environment()))
        return self

    def drop(self):
        self.superuser(f"drop database if exists {self.name} with (force)")

    def migrate(self):
        self.done(self.run("migrate"))
        return self

    def run(self, script, *arguments, **variables):
        """One of the scripts, with this database's owner."""
        return run([str(ROOT / "scripts" / script), *map(str, arguments)], cwd=ROOT,
                   env=environment(variables) | {"DATABASE_OWNER_URL": self.env["DATABASE_OWNER_URL"]})

    @staticmethod
    def done(result):
        if result.returncode != 0:
            raise RuntimeError(result.stdout)
        return result.stdout

    def is_empty(self):
        return not self.value("select count(*) from pg_class where relnamespace = to_regnamespace('public')")

    def rows(self, but=None):
        """{table: count and digest of its rows}, computed another way than scripts/facts.sh does; without those of
        the tenant `but`."""
        tables = dict(self.sql(
            "select relname, exists (select from pg_attribute where attrelid = c.oid and attname = 'tenant_id') from pg_class c"
            " where relnamespace = 'public'::regnamespace and relkind = 'r'"))
        return {name: (int(n), digest) for name, n, digest in self.sql(" union all ".join(
            f"select '{name}', count(*), md5(string_agg(md5(r::text), '' order by md5(r::text))) from {name} r"
            + (f" where r.tenant_id is distinct from '{but}'" if but and has_tenants == "t" else "")
            for name, has_tenants in tables.items()))}
