#include "ops/alert_message.h"

#include <string.h>

#include "core/json_read.h"
#include "core/json_write.h"
#include "core/utf8.h"
#include "core/uuid.h"
#include "ops/alert_words.h"
#include "ops/rules.h"

enum {
	MAX_WORD = 64,       /* bytes taken of a text in the snapshot */
	MAX_LINE = 600,      /* of a line, before it is escaped */
	MAX_TEXT = 16 << 10, /* of what is built and then cut */
};

/* A snapshot taken apart.  Texts are the object's, and never NULL. */
struct facts {
	const struct alert_message *m;
	struct json_object *root, *inputs;
	const char *rule, *alert_id, *event, *decision, *carried_out, *title, *anchor;
	bool stopped, escalated, resolved;
};

static const char *text_of(struct json_object *o, const char *name)
{
	struct json_object *member = json_object_object_get(o, name);

	return json_object_is_type(member, json_type_string) ? json_object_get_string(member) : "";
}

static enum rc invalid(struct err *e)
{
	return err_set(e, RC_INVALID, "invalid_snapshot", "the snapshot of the alert is none");
}

/* RC_OK: the caller puts f->root back. */
static enum rc read_facts(const struct alert_message *m, struct facts *f, struct err *e)
{
	struct json_object *root;
	const struct rule *rule;
	enum rc rc = json_read(m->snapshot, strlen(m->snapshot), &root, NULL);

	if (rc != RC_OK)
		return rc == RC_INVALID ? invalid(e) : err_no_memory(e);
	*f = (struct facts){
		.m = m,
		.root = root,
		.inputs = json_object_object_get(root, "inputs"),
		.rule = text_of(root, "rule"),
		.alert_id = text_of(root, "alert_id"),
		.event = text_of(root, "event"),
		.decision = text_of(root, "decision"),
		.carried_out = text_of(root, "carried_out"),
		.stopped = json_object_get_boolean(json_object_object_get(root, "stopped")),
		.escalated = text_of(root, "escalated_at")[0] != '\0',
	};
	rule = rule_named(f->rule);
	f->title = rule != NULL ? rule->title : f->rule;
	f->anchor = rule != NULL ? rule->anchor : "";
	f->resolved = strcmp(f->event, "resolved") == 0;
	if (f->rule[0] != '\0' && f->alert_id[0] != '\0' && f->event[0] != '\0')
		return RC_OK;
	(void)json_object_put(root);
	return invalid(e);
}

/* At most max bytes of s, of whole characters, controls as spaces. */
static void add_plain(struct buf *out, const char *s, size_t max)
{
	size_t left = strlen(s), n;
	uint32_t c;

	for (; left > 0 && (n = utf8_decode(s, left, &c)) > 0 && n <= max;
	     s += n, left -= n, max -= n)
		buf_add(out, utf8_is_control(c) ? " " : s, utf8_is_control(c) ? 1 : n);
	if (left > 0)
		buf_adds(out, "...");
}

/* Slack's three characters (https://docs.slack.dev/messaging/formatting-message-text). */
static void add_escaped(struct buf *out, const char *s)
{
	for (size_t n; *s != '\0'; s += n) {
		n = strcspn(s, "&<>");
		buf_add(out, s, n);
		if (s[n] == '\0')
			return;
		buf_adds(out, s[n] == '&' ? "&amp;" : s[n] == '<' ? "&lt;" : "&gt;");
		n++;
	}
}

static const char *event_words(const struct facts *f)
{
	static const struct {
		const char *event, *words;
	} all[] = {
		{ "firing", "FIRING" },
		{ "escalated", "ESCALATED" },
		{ "repeated", "STILL FIRING" },
		{ "resolved", "RESOLVED" },
	};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (strcmp(all[i].event, f->event) == 0)
			return all[i].words;
	return f->event;
}

/* "FIRING: S1 spike" */
static void add_headline(struct buf *out, const struct facts *f)
{
	add_plain(out, event_words(f), MAX_WORD);
	buf_adds(out, ": ");
	add_plain(out, f->title, MAX_WORD);
}

static void add_measure(struct buf *out, const struct facts *f)
{
	struct buf line;

	buf_init(&line, MAX_TEXT);
	alert_measure(&line, f->rule, f->inputs);
	add_plain(out, buf_str(&line), MAX_LINE);
	out->broken = out->broken || buf_broken(&line);
	buf_free(&line);
}

static void add_end(struct buf *out, const struct facts *f)
{
	const char *reason = text_of(f->root, "resolved_reason");

	buf_adds(out, "Over since ");
	add_plain(out, text_of(f->root, "resolved_at"), MAX_WORD);
	buf_adds(out, strcmp(reason, "too_few_samples") == 0
			  ? ": too few samples to say anything any more"
			  : ": the condition no longer holds");
}

/* "; ROLLBACK_COMMAND, away from build git:abc1234: exit status 1" */
static void add_rollback(struct buf *out, const struct facts *f)
{
	struct json_object *rollback = json_object_object_get(f->root, "rollback");
	struct json_object *status = json_object_object_get(rollback, "exit_status");

	if (rollback == NULL)
		return;
	buf_adds(out, "; ROLLBACK_COMMAND, away from build ");
	add_plain(out, text_of(rollback, "build_id"), MAX_WORD);
	if (status != NULL)
		buf_addf(out, ": exit status %d", json_object_get_int(status));
	else if (text_of(rollback, "finished_at")[0] != '\0')
		buf_adds(out, ": it was not run, or nobody knows to what end");
	else
		buf_adds(out, ": it has not ended yet");
}

/* "Decision: STOP, done by the watchdog; the pilot is off" */
static void add_decision(struct buf *out, const struct facts *f)
{
	buf_adds(out, "Decision: ");
	add_plain(out, f->decision, MAX_WORD);
	if (strcmp(f->carried_out, "done") == 0)
		buf_adds(out, ", done by the watchdog");
	else if (strcmp(f->carried_out, "ordered") == 0)
		buf_adds(out, ", ordered by the watchdog");
	else if (strcmp(f->carried_out, "failed") == 0)
		buf_adds(out, ", tried by the watchdog and FAILED: for a person to do");
	else if (strcmp(f->decision, "INVESTIGATE") != 0)
		buf_adds(out, ": for a person to do");
	else if (f->escalated)
		buf_adds(out, ": the time for it is over, roll back by hand");
	add_rollback(out, f);
	if (f->stopped)
		buf_adds(out, "; the pilot is off");
}

static void add_command(struct buf *out, const struct facts *f)
{
	alert_command(out, f->rule, alert_next(f->rule, f->decision, f->carried_out, f->escalated),
	    f->m->pilot_tenant);
}

/* What an alert that is over leaves behind. */
static void add_pilot_off(struct buf *out, const struct facts *f)
{
	if (f->stopped)
		buf_adds(out, "It stopped the pilot, which is off still. To switch it on:");
}

static void add_start(struct buf *out, const struct facts *f)
{
	if (f->stopped)
		alert_command(out, f->rule, TODO_START, f->m->pilot_tenant);
}

/* The page of the alert, or of all; nothing where it has no address. */
static void add_page(struct buf *out, const struct facts *f)
{
	const char *url = f->m->public_url;
	size_t len = url != NULL ? strlen(url) : 0;

	while (len > 0 && url[len - 1] == '/')
		len--;
	if (len == 0)
		return;
	buf_add(out, url, len);
	buf_adds(out, "/admin/alerts");
	if (uuid_valid(f->alert_id)) /* else it is of no row */
		buf_addf(out, "/%s", f->alert_id);
}

static void add_runbook(struct buf *out, const struct facts *f)
{
	buf_adds(out, f->m->runbook_url != NULL ? f->m->runbook_url : "docs/runbook.md");
	if (f->anchor[0] != '\0')
		buf_addf(out, "#%s", f->anchor);
}

static void add_since(struct buf *out, const struct facts *f)
{
	buf_adds(out, "Since ");
	add_plain(out, text_of(f->root, "pending_at"), MAX_WORD);
	buf_adds(out, ", firing since ");
	add_plain(out, text_of(f->root, "fired_at"), MAX_WORD);
}

static void add_build(struct buf *out, const struct facts *f)
{
	buf_adds(out, "Build ");
	add_plain(out, text_of(f->root, "build_id"), MAX_WORD);
	buf_adds(out, ", configuration ");
	add_plain(out, text_of(f->root, "config_hash"), MAX_WORD);
}

typedef void line_fn(struct buf *out, const struct facts *f);

/* One line of mrkdwn, escaped, between two marks; one that does not fit is left out. */
static void slack_line(
    struct buf *out, const struct facts *f, line_fn *line, const char *before, const char *after)
{
	struct buf plain, marked;

	buf_init(&plain, MAX_TEXT);
	buf_init(&marked, MAX_TEXT);
	line(&plain, f);
	buf_adds(&marked, before);
	add_escaped(&marked, buf_str(&plain));
	buf_adds(&marked, after);
	if (plain.len > 0 && marked.len <= out->max - out->len)
		buf_adds(out, buf_str(&marked));
	out->broken = out->broken || buf_broken(&plain) || buf_broken(&marked);
	buf_free(&plain);
	buf_free(&marked);
}

static void add_note(struct buf *out, const struct facts *f)
{
	add_plain(out, text_of(f->root, "note"), MAX_LINE);
}

static void slack_text(struct buf *out, const struct facts *f)
{
	slack_line(out, f, add_headline, "*", "*\n");
	slack_line(out, f, add_measure, "", "\n");
	if (f->resolved) {
		slack_line(out, f, add_end, "", "\n");
		slack_line(out, f, add_pilot_off, "", "\n");
		slack_line(out, f, add_start, "```", "```\n");
	} else {
		slack_line(out, f, add_since, "", "\n");
		slack_line(out, f, add_decision, "", "\n");
		slack_line(out, f, add_command, "```", "```\n");
	}
	slack_line(out, f, add_note, "", "\n");
	slack_line(out, f, add_build, "", "\n");
	slack_line(out, f, add_page, "<", "|Alert>, ");
	slack_line(out, f, add_runbook, f->m->runbook_url != NULL ? "<" : "runbook: ",
	    f->m->runbook_url != NULL ? "|runbook>" : "");
}

enum rc alert_message_slack(const struct alert_message *m, struct buf *out, struct err *e)
{
	struct json_writer w = { .out = out };
	struct buf text, fallback;
	struct facts f;
	enum rc rc = read_facts(m, &f, e);

	if (rc != RC_OK)
		return rc;
	buf_init(&text, SLACK_MAX_SECTION);
	buf_init(&fallback, SLACK_MAX_SECTION);
	slack_text(&text, &f);
	slack_line(&fallback, &f, add_headline, "", ": ");
	slack_line(&fallback, &f, add_measure, "", "");
	json_write_object(&w, NULL);
	json_write_text(&w, "text", buf_str(&fallback));
	json_write_list(&w, "blocks");
	json_write_object(&w, NULL);
	json_write_text(&w, "type", "section");
	json_write_object(&w, "text");
	json_write_text(&w, "type", "mrkdwn");
	json_write_text(&w, "text", buf_str(&text));
	json_write_object_end(&w);
	json_write_object_end(&w);
	json_write_list_end(&w);
	json_write_object_end(&w);
	(void)json_object_put(f.root);
	if (buf_broken(&text) || buf_broken(&fallback) || buf_broken(out))
		rc = err_no_memory(e);
	buf_free(&text);
	buf_free(&fallback);
	return rc;
}

static const char *severity(const struct facts *f)
{
	if (strcmp(f->decision, "ROLLBACK") == 0)
		return "critical";
	return strcmp(f->decision, "STOP") == 0 ? "error" : "warning";
}

static void write_line(
    struct json_writer *w, const char *name, const struct facts *f, line_fn *line)
{
	struct buf text;

	buf_init(&text, MAX_TEXT);
	line(&text, f);
	if (text.len > 0)
		json_write_text(w, name, buf_str(&text));
	w->out->broken = w->out->broken || buf_broken(&text);
	buf_free(&text);
}

static void write_link(
    struct json_writer *w, const char *text, const struct facts *f, line_fn *address)
{
	json_write_object(w, NULL);
	write_line(w, "href", f, address);
	json_write_text(w, "text", text);
	json_write_object_end(w);
}

static void write_payload(struct json_writer *w, const struct facts *f, const char *summary)
{
	const char *at = text_of(f->root, "at");

	json_write_object(w, "payload");
	json_write_text(w, "summary", summary);
	json_write_text(w, "source", f->m->public_url != NULL ? f->m->public_url : "mizan");
	json_write_text(w, "severity", severity(f));
	if (at[0] != '\0')
		json_write_text(w, "timestamp", at);
	json_write_text(w, "component", "mizan");
	json_write_text(w, "group", text_of(f->root, "build_id"));
	json_write_text(w, "class", f->rule);
	json_write_object(w, "custom_details");
	write_line(w, "measure", f, add_measure);
	write_line(w, "since", f, add_since);
	write_line(w, "decision", f, add_decision);
	write_line(w, "note", f, add_note);
	write_line(w, "next", f, add_command);
	write_line(w, "runbook", f, add_runbook);
	write_line(w, "build", f, add_build);
	json_write_object_end(w);
	json_write_object_end(w);
	json_write_list(w, "links");
	if (f->m->public_url != NULL)
		write_link(w, "Alert", f, add_page);
	if (f->m->runbook_url != NULL)
		write_link(w, "Runbook", f, add_runbook);
	json_write_list_end(w);
}

enum rc alert_message_pagerduty(
    const struct alert_message *m, const char *routing_key, struct buf *out, struct err *e)
{
	struct json_writer w = { .out = out };
	struct buf summary, key;
	struct facts f;
	enum rc rc = read_facts(m, &f, e);

	if (rc != RC_OK)
		return rc;
	buf_init(&summary, PAGERDUTY_MAX_SUMMARY);
	buf_init(&key, PAGERDUTY_MAX_DEDUP_KEY);
	add_headline(&summary, &f);
	buf_adds(&summary, ": ");
	add_measure(&summary, &f);
	buf_adds(&key, "mizan-");
	add_plain(&key, f.rule, MAX_WORD);
	buf_adds(&key, "-");
	add_plain(&key, f.alert_id, MAX_WORD);
	json_write_object(&w, NULL);
	json_write_text(&w, "routing_key", routing_key);
	json_write_text(&w, "event_action", f.resolved ? "resolve" : "trigger");
	json_write_text(&w, "dedup_key", buf_str(&key));
	if (!f.resolved)
		write_payload(&w, &f, buf_str(&summary));
	json_write_object_end(&w);
	(void)json_object_put(f.root);
	if (buf_broken(&summary) || buf_broken(&key) || buf_broken(out))
		rc = err_no_memory(e);
	buf_free(&summary);
	buf_free(&key);
	return rc;
}
