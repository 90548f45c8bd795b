#include "openai_sim/stats.h"

#include <pthread.h>
#include <stdlib.h>

#include <json-c/json.h>

struct stats {
	pthread_mutex_t lock;
	long calls, in_flight, max_in_flight, last_budget;
	long outcomes[OUTCOME__MAX];
};

static const char *outcome_name(unsigned outcome)
{
	switch (outcome) {
	case OUTCOME_COMPLETED:
		return "completed";
	case OUTCOME_INVALID:
		return "invalid_request";
	case OUTCOME_BAD_KEY:
		return "bad_key";
	case OUTCOME_ABANDONED:
		return "abandoned";
	default:
		return fault_name((enum fault_kind)outcome);
	}
}

struct stats *stats_new(void)
{
	struct stats *st = calloc(1, sizeof *st);

	if (st != NULL)
		(void)pthread_mutex_init(&st->lock, NULL);
	return st;
}

void stats_free(struct stats *st)
{
	if (st != NULL)
		(void)pthread_mutex_destroy(&st->lock);
	free(st);
}

void stats_begin(struct stats *st)
{
	(void)pthread_mutex_lock(&st->lock);
	st->calls++;
	if (++st->in_flight > st->max_in_flight)
		st->max_in_flight = st->in_flight;
	(void)pthread_mutex_unlock(&st->lock);
}

void stats_end(struct stats *st, unsigned outcome)
{
	(void)pthread_mutex_lock(&st->lock);
	st->in_flight--;
	st->outcomes[outcome]++;
	(void)pthread_mutex_unlock(&st->lock);
}

void stats_budget(struct stats *st, long max_completion_tokens)
{
	(void)pthread_mutex_lock(&st->lock);
	st->last_budget = max_completion_tokens;
	(void)pthread_mutex_unlock(&st->lock);
}

void stats_reset(struct stats *st)
{
	(void)pthread_mutex_lock(&st->lock);
	st->calls = st->last_budget = 0;
	st->max_in_flight = st->in_flight;
	for (unsigned i = 0; i < OUTCOME__MAX; i++)
		st->outcomes[i] = 0;
	(void)pthread_mutex_unlock(&st->lock);
}

struct json_object *stats_json(struct stats *st)
{
	struct json_object *o = json_object_new_object();
	struct json_object *outcomes = json_object_new_object();

	(void)pthread_mutex_lock(&st->lock);
	json_object_object_add(o, "calls", json_object_new_int64(st->calls));
	json_object_object_add(o, "in_flight", json_object_new_int64(st->in_flight));
	json_object_object_add(o, "max_in_flight", json_object_new_int64(st->max_in_flight));
	json_object_object_add(
	    o, "last_max_completion_tokens", json_object_new_int64(st->last_budget));
	for (unsigned i = 0; i < OUTCOME__MAX; i++)
		json_object_object_add(
		    outcomes, outcome_name(i), json_object_new_int64(st->outcomes[i]));
	(void)pthread_mutex_unlock(&st->lock);
	json_object_object_add(o, "outcomes", outcomes);
	return o;
}
