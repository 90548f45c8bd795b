/* Documents and raw answers lose their content once they are DOCUMENT_RETENTION_DAYS old. */
#include "core/log.h"
#include "store/retention.h"
#include "watch.h"

/* Far apart enough that removing a backlog leaves the disks to the uploads. */
enum { MORE_MS = 500, RETRY_MS = 2000, LOOK_MS = 600 * 1000, NEVER_MS = 24 * 3600 * 1000 };

int64_t watch_retention(struct watchdog *w)
{
	const int64_t days = w->app.cfg.document_retention_days;
	struct retention done = { .more = false };

	if (days == 0)
		return NEVER_MS;
	if (retention_expire(w->pg, days, &done, NULL) != RC_OK)
		return RETRY_MS;
	if (done.documents > 0 || done.replies > 0)
		log_info("content.expired",
		    "%lld documents and %lld answers of the provider lost their content after %lld days",
		    (long long)done.documents, (long long)done.replies, (long long)days);
	return done.more ? MORE_MS : LOOK_MS;
}
