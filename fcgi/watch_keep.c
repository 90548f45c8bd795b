/* Keeps what is kept small: counts that are old enough go, and what GET /metrics adds up is summed.
 */
#include "store/samples.h"
#include "store/watch.h"
#include "watch.h"

enum { MORE_MS = 500, RETRY_MS = 2000, FORGET_MS = 3600 * 1000, SUM_UP_MS = 60 * 1000 };

int64_t watch_forget(struct watchdog *w)
{
	bool more = false, samples = false;

	if (front_door_forget(w->pg, &more, NULL) != RC_OK ||
	    watch_forget_samples(w->pg, &samples, NULL) != RC_OK)
		return RETRY_MS;
	return more || samples ? MORE_MS : FORGET_MS;
}

int64_t watch_sum_up(struct watchdog *w)
{
	bool more = false;

	if (samples_sum_up(w->pg, &more, NULL) != RC_OK)
		return RETRY_MS;
	return more ? MORE_MS : SUM_UP_MS;
}
