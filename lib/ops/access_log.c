#include "ops/access_log.h"

#include <stdbool.h>
#include <string.h>

#include "core/json_read.h"

/* What nginx's map $mizan_route can say; a test holds the two together. */
static const char *const routes[] = {
	"/health",
	"/health/ready",
	"/metrics",
	"/openapi.yaml",
	"/full-process",
	"/jobs/{id}",
	"/admin/alerts",
	"/admin/alerts/silences",
	"/admin/alerts/silences/{id}/end",
	"/admin/alerts/{id}",
	"/admin/assets",
	"/admin/audit-log",
	"/admin/config",
	"/admin/config/keys",
	"/admin/feedback-stats",
	"/admin/incidents",
	"/admin/incidents/{id}",
	"/admin/incidents/{id}/document",
	"/admin/incidents/{id}/feedback",
	"/admin/jobs",
	"/admin/jobs/cancel",
	"/admin/jobs/counts",
	"/admin/jobs/retry",
	"/admin/jobs/{id}",
	"/admin/jobs/{id}/cancel",
	"/admin/jobs/{id}/document",
	"/admin/jobs/{id}/retry",
	"/admin/other",
	"/admin/pilot",
	"/admin/run-summary",
	"/admin/session",
	"/admin/smoke",
	"/admin/smoke/run",
	"/admin/system-health",
	"/admin/tenants",
	"/admin/upload",
	"other",
};
enum { N_ROUTES = sizeof routes / sizeof routes[0], CLIENT_LEFT = 499 };

const char *const *access_log_routes(size_t *ret_n)
{
	*ret_n = N_ROUTES;
	return routes;
}

static const char *known_route(const char *name)
{
	size_t i = 0;

	while (i < N_ROUTES - 1 && strcmp(routes[i], name) != 0)
		i++;
	return routes[i];
}

/* n digits, or -1. */
static int digits(const char *s, size_t n)
{
	int v = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	return v;
}

/* Days since 1970 of a date in the Gregorian calendar, counting years from March. */
static int64_t days_since_1970(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + of_year - 719468;
}

static int days_of_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* "Z" or "+03:00", in minutes. */
static bool parse_offset(const char *s, int *ret)
{
	int hour, minute;

	*ret = 0;
	if (strcmp(s, "Z") == 0)
		return true;
	if (strlen(s) != 6 || (s[0] != '+' && s[0] != '-') || s[3] != ':')
		return false;
	hour = digits(s + 1, 2);
	minute = digits(s + 4, 2);
	*ret = (s[0] == '-' ? -1 : 1) * (hour * 60 + minute);
	return hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59;
}

/* "2026-01-17T15:04:05" and an offset. */
static bool parse_minute(const char *s, int64_t *ret)
{
	int year, month, day, hour, minute, second, offset;

	if (strlen(s) < 20 || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' ||
	    s[16] != ':' || !parse_offset(s + 19, &offset))
		return false;
	year = digits(s, 4);
	month = digits(s + 5, 2);
	day = digits(s + 8, 2);
	hour = digits(s + 11, 2);
	minute = digits(s + 14, 2);
	second = digits(s + 17, 2);
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_of_month(year, month) ||
	    hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
		return false;
	*ret = days_since_1970(year, month, day) * 1440 + hour * 60 + minute - offset;
	return true;
}

/* nginx's $request_time: seconds with three decimals. */
static bool parse_ms(const char *s, int64_t *ret)
{
	const char *point = s != NULL ? strchr(s, '.') : NULL;
	size_t whole = point != NULL ? (size_t)(point - s) : 0;
	int seconds, ms;

	if (whole < 1 || whole > 9 || strlen(point + 1) != 3)
		return false;
	seconds = digits(s, whole);
	ms = digits(point + 1, 3);
	*ret = (int64_t)seconds * 1000 + ms;
	return seconds >= 0 && ms >= 0;
}

static const char *text_of(struct json_object *o, const char *name)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, name, &v) || !json_object_is_type(v, json_type_string))
		return NULL;
	return json_object_get_string(v);
}

static bool parse_status(struct json_object *o, int *ret_class)
{
	struct json_object *v;
	int64_t status;

	if (!json_object_object_get_ex(o, "status", &v) || !json_object_is_type(v, json_type_int))
		return false;
	status = json_object_get_int64(v);
	*ret_class = status == CLIENT_LEFT ? 0 : (int)(status / 100);
	return status == 0 || (status >= 100 && status <= 599);
}

static bool read_line(struct json_object *o, struct access_line *ret)
{
	const char *event = text_of(o, "event"), *time = text_of(o, "time"),
		   *route = text_of(o, "route"), *tenant = text_of(o, "tenant_id");
	struct json_object *took;

	if (event == NULL || strcmp(event, "access") != 0 || time == NULL || route == NULL ||
	    tenant == NULL || !parse_minute(time, &ret->minute) ||
	    !parse_status(o, &ret->status_class) ||
	    !json_object_object_get_ex(o, "request_time", &took) ||
	    !json_object_is_type(took, json_type_double) ||
	    !parse_ms(json_object_get_userdata(took), &ret->ms))
		return false;
	ret->route = known_route(route);
	ret->tenant_id[0] = '\0';
	if (tenant_id_valid(tenant))
		memcpy(ret->tenant_id, tenant, strlen(tenant) + 1);
	return true;
}

enum rc access_log_parse(const char *line, size_t len, struct access_line *ret, struct err *e)
{
	struct json_object *o = NULL;
	struct access_line read;
	struct err why = { .rc = RC_OK };
	enum rc rc = len <= ACCESS_LOG_MAX_LINE ? json_read(line, len, &o, &why) : RC_INVALID;

	if (rc == RC_UNAVAILABLE)
		return err_no_memory(e);
	if (rc == RC_OK && !read_line(o, &read))
		rc = RC_INVALID;
	(void)json_object_put(o);
	if (rc != RC_OK)
		return err_set(e, rc, "invalid_line", "not a line of the access log");
	*ret = read;
	return RC_OK;
}

static void write_line(struct json_writer *w, const struct access_line *line)
{
	json_write_object(w, NULL);
	json_write_int(w, "minute", line->minute);
	json_write_text(w, "route", line->route);
	json_write_text(w, "tenant_id", line->tenant_id);
	json_write_int(w, "status_class", line->status_class);
	json_write_int(w, "ms", line->ms);
	json_write_object_end(w);
}

enum rc access_log_lines(
    const char *text, size_t len, struct json_writer *w, size_t *ret_skipped, struct err *e)
{
	const char *end = text + len, *newline;
	size_t skipped = 0;

	json_write_list(w, NULL);
	for (; text < end; text = newline + 1) {
		struct access_line line;
		enum rc rc;

		newline = memchr(text, '\n', (size_t)(end - text));
		if (newline == NULL)
			newline = end;
		rc = access_log_parse(text, (size_t)(newline - text), &line, e);
		if (rc == RC_UNAVAILABLE)
			return rc;
		if (rc == RC_OK)
			write_line(w, &line);
		else
			skipped++;
	}
	json_write_list_end(w);
	if (buf_broken(w->out))
		return err_no_memory(e);
	*ret_skipped = skipped;
	return RC_OK;
}
