#include "ops/smoke.h"

#include <stdio.h>
#include <string.h>

#include "ops/smoke_invoice.h"

enum { RESTART_MS = 2000 };

bool smoke_ended(const struct smoke_look *look)
{
	return strcmp(look->state, "QUEUED") != 0 && strcmp(look->state, "RUNNING") != 0;
}

bool smoke_is_stuck(const struct smoke_look *look, int64_t waited_ms, int64_t left_ms)
{
	if (strcmp(look->state, "QUEUED") != 0)
		return false;
	return (look->workers == 0 && waited_ms >= RESTART_MS) || look->due_in_ms > left_ms ||
	       (look->provider_state[0] != '\0' && look->provider_in_ms > left_ms);
}

/* The provider's state as the end of a sentence, or nothing. */
static void add_provider(const struct smoke_look *look, char *detail, size_t size)
{
	size_t n = strlen(detail);

	if (look->provider_state[0] != '\0')
		(void)snprintf(detail + n, size - n, "%sthe provider is %s until %s",
		    n > 0 ? "; " : "", look->provider_state, look->provider_until);
}

static void judge_queue(const struct smoke_look *look, struct smoke_stage *s)
{
	s->ms = look->queue_ms;
	s->status = look->claimed ? SMOKE_OK : SMOKE_FAILED;
	if (look->claimed)
		return;
	if (look->workers == 0)
		(void)snprintf(s->detail, sizeof s->detail, "no worker is alive");
	else
		add_provider(look, s->detail, sizeof s->detail);
	if (s->detail[0] == '\0')
		(void)snprintf(s->detail, sizeof s->detail,
		    "no worker took the job; %lld alive, busy with other jobs",
		    (long long)look->workers);
}

/* The worker's word for a result that the database did not take. */
static bool store_failed(const struct smoke_look *look)
{
	return strcmp(look->error_code, "internal_error") == 0;
}

static void judge_extract(const struct smoke_look *look, struct smoke_stage *s)
{
	bool known = look->error_code[0] != '\0' && strcmp(look->error_code, "smoke_timeout") != 0;

	s->ms = look->extraction_ms >= 0 ? look->extraction_ms : look->running_ms;
	s->status = SMOKE_FAILED;
	if (store_failed(look)) {
		s->status = SMOKE_OK;
	} else if (known) {
		(void)snprintf(
		    s->detail, sizeof s->detail, "%s: %s", look->error_code, look->error_detail);
		add_provider(look, s->detail, sizeof s->detail);
	} else if (strcmp(look->state, "SUCCEEDED") != 0) {
		(void)snprintf(s->detail, sizeof s->detail,
		    "the provider had not answered after %lld ms", (long long)s->ms);
	} else if (strcmp(look->stated, SMOKE_INVOICE_TOTAL) != 0) {
		(void)snprintf(s->detail, sizeof s->detail,
		    "the total was read as %s; the invoice says " SMOKE_INVOICE_TOTAL,
		    look->stated[0] != '\0' ? look->stated : "nothing");
	} else {
		s->status = SMOKE_OK;
	}
}

static void judge_audit(const struct smoke_look *look, struct smoke_stage *s)
{
	s->ms = look->audit_ms;
	if (store_failed(look) || strcmp(look->outcome, "exact") == 0)
		s->status = SMOKE_OK;
	else
		(void)snprintf(s->detail, sizeof s->detail,
		    "the outcome is %s; the invoice adds up exactly", look->outcome);
}

static void judge_store(const struct smoke_look *look, struct smoke_stage *s)
{
	s->ms = look->store_ms;
	if (store_failed(look))
		(void)snprintf(s->detail, sizeof s->detail, "%s", look->error_detail);
	else
		s->status = SMOKE_OK;
}

void smoke_judge(const struct smoke_look *look, int64_t accept_ms, struct smoke_report *ret)
{
	static void (*const judge[SMOKE_STAGES])(
	    const struct smoke_look *, struct smoke_stage *) = {
		[SMOKE_QUEUE] = judge_queue,
		[SMOKE_EXTRACT] = judge_extract,
		[SMOKE_AUDIT] = judge_audit,
		[SMOKE_STORE] = judge_store,
	};

	*ret = (struct smoke_report){ .failed = -1 };
	ret->stages[SMOKE_ACCEPT] = (struct smoke_stage){ .status = SMOKE_OK, .ms = accept_ms };
	for (int i = SMOKE_QUEUE; i < SMOKE_STAGES; i++) {
		struct smoke_stage *s = &ret->stages[i];

		s->status = ret->failed >= 0 ? SMOKE_NOT_REACHED : SMOKE_FAILED;
		s->ms = -1;
		if (ret->failed >= 0)
			continue;
		judge[i](look, s);
		if (s->status == SMOKE_FAILED)
			ret->failed = i;
	}
}
