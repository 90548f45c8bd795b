/*
 * openai_reply_read() over anything.  The first line of an input says what the rest is:
 * "content", the model's text, which goes into an envelope; "headers", the lines of an answer's
 * head; or a number, the HTTP status of an answer whose body it is.  What is read must survive
 * being written and read again.
 */
#include <string.h>

#include <json-c/json.h>

#include "core/json_read.h"
#include "fuzz/fuzz.h"
#include "invoice/invoice_json.h"
#include "openai/headers.h"
#include "openai/reply.h"

static struct buf text_of(const struct invoice *inv)
{
	struct buf b;
	struct json_writer w = { .out = &b };

	buf_init(&b, SIZE_MAX / 2);
	invoice_to_json(&w, NULL, inv);
	return b;
}

/* Writing and reading is the identity on whatever was read. */
static void check_round_trip(const struct invoice *inv)
{
	struct buf first = text_of(inv), second;
	struct json_object *json;
	struct invoice again;

	INVARIANT(json_read(buf_str(&first), first.len, &json, NULL) == RC_OK);
	INVARIANT(invoice_from_json(json, &again, NULL) == RC_OK);
	second = text_of(&again);
	INVARIANT(strcmp(buf_str(&first), buf_str(&second)) == 0);
	json_object_put(json);
	buf_free(&first);
	buf_free(&second);
	invoice_clear(&again);
}

static void add_envelope(struct buf *body, const char *content, size_t len)
{
	struct json_object *text = json_object_new_string_len(content, (int)len);

	buf_addf(body, "{\"choices\":[{\"message\":{\"content\":%s}}]}",
	    json_object_to_json_string(text));
	json_object_put(text);
}

static void check_printable(const char *text)
{
	for (; *text != '\0'; text++)
		INVARIANT(*text >= ' ' && *text <= '~');
}

static void fuzz_headers(const char *text, size_t len)
{
	const uint8_t *rest = (const uint8_t *)text, *end = rest + len;
	struct openai_headers headers = { .date = "" };
	int64_t wait;

	while (rest < end) {
		char *line = fuzz_line(&rest, end);

		openai_headers_add(&headers, line, strlen(line));
		free(line);
	}
	check_printable(headers.date);
	check_printable(headers.request_id);
	check_printable(headers.retry_after);
	check_printable(headers.retry_after_ms);
	wait = openai_headers_retry_after_ms(&headers);
	INVARIANT(wait >= -1 && wait <= OPENAI_MAX_RETRY_AFTER_MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *newline = memchr(data, '\n', size);
	size_t head = newline != NULL ? (size_t)(newline - text) : size;
	size_t rest = newline != NULL ? size - head - 1 : 0;
	struct openai_raw raw = { .http_status = 0 };
	struct openai_reply reply;
	char word[16];

	if (newline == NULL || head >= sizeof word)
		return 0;
	memcpy(word, text, head);
	word[head] = '\0';
	if (strcmp(word, "headers") == 0) {
		fuzz_headers(newline + 1, rest);
		return 0;
	}
	buf_init(&raw.body, SIZE_MAX / 2);
	if (strcmp(word, "content") == 0) {
		raw.http_status = 200;
		add_envelope(&raw.body, newline + 1, rest);
	} else {
		raw.http_status = (int)(strtoul(word, NULL, 10) % 1000);
		buf_add(&raw.body, newline + 1, rest);
	}
	openai_reply_read(&raw, &reply);
	if (reply.outcome == OPENAI_OK)
		check_round_trip(&reply.invoice);
	openai_reply_clear(&reply);
	openai_raw_clear(&raw);
	return 0;
}
