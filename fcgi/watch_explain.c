/* watchdog --explain [TIME]: what each rule sees and would say, now or then; nothing is done. */
#include <stdio.h>
#include <stdlib.h>

#include "ops/watch.h"
#include "watch.h"

enum { EXIT_USAGE = 2, MAX_PROBLEMS = 8 << 10, MAX_DOCUMENT = 64 << 10 };

static int failed(const char *why)
{
	(void)fprintf(stderr, "watchdog: %s\n", why);
	return EXIT_USAGE;
}

static int explain(const struct config *cfg, const char *time)
{
	struct pg *pg = pg_new(cfg->database_url, "watchdog", cfg->db_timeout_ms);
	struct buf doc;
	struct json_writer w = { .out = &doc, .spaced = true };
	struct err e = { .msg = "out of memory" };
	int status = EXIT_SUCCESS;

	buf_init(&doc, MAX_DOCUMENT);
	if (pg == NULL || watch_explain(pg, cfg, time, &w, &e) != RC_OK || buf_broken(&doc))
		status = failed(e.msg);
	else
		(void)printf("%s\n", buf_str(&doc));
	buf_free(&doc);
	pg_free(pg);
	return status;
}

int watch_explain_main(const char *time)
{
	struct config cfg;
	struct buf problems;
	int status;

	buf_init(&problems, MAX_PROBLEMS);
	if (config_load(&cfg, NULL, NULL, &problems) != RC_OK) {
		status = failed(buf_str(&problems));
		buf_free(&problems);
		return status;
	}
	status = cfg.database_url != NULL ? explain(&cfg, time) : failed("DATABASE_URL is not set");
	buf_free(&problems);
	config_free(&cfg);
	return status;
}
