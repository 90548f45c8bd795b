/*
 * An alert in words, for people: what it is, how the value stands against its threshold, and the
 * next command to give.  Pure; English, as chats and pagers are read by all.
 */
#ifndef MIZAN_OPS_ALERT_WORDS_H
#define MIZAN_OPS_ALERT_WORDS_H

#include <stdbool.h>

#include <json-c/json.h>

#include "core/buf.h"

/* What to do next. */
enum alert_todo { TODO_INVESTIGATE, TODO_STOP, TODO_ROLLBACK, TODO_VERIFY, TODO_START, TODO__MAX };

/* "INVESTIGATE", ...: the first three are the names of decisions. */
const char *alert_todo_name(enum alert_todo todo);

/* The command for it, in bash with MIZAN_URL and ADMIN_API_KEY. */
void alert_command(
    struct buf *out, const char *rule, enum alert_todo todo, const char *pilot_tenant);

/*
 * What a person has to do after a decision.  carried_out: as alerts.carried_out has it, "" for
 * none; escalated: the time to investigate is over.
 */
enum alert_todo alert_next(
    const char *rule, const char *decision, const char *carried_out, bool escalated);

/* Value against threshold, one line without its end; inputs as alerts.inputs keeps them. */
void alert_measure(struct buf *out, const char *rule, struct json_object *inputs);

/* Seconds as people say them: "45 s", "5 min 10 s", "24 h", "7 d". */
void alert_span(struct buf *out, double seconds);

#endif
