/* A Chat Completions answer around a content, for tests. */
#ifndef MIZAN_TESTS_OPENAI_ENVELOPE_H
#define MIZAN_TESTS_OPENAI_ENVELOPE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "core/buf.h"

/* The body with content as a JSON string in it; buf_free() it. */
static inline struct buf envelope(const char *content, const char *finish_reason)
{
	struct json_object *text = json_object_new_string(content);
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	buf_addf(&b,
	    "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"model\":\"gpt-4.1-2025\","
	    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":%s,"
	    "\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"%s\"}],"
	    "\"usage\":{\"prompt_tokens\":900,\"completion_tokens\":210,\"total_tokens\":1110}}",
	    json_object_to_json_string(text), finish_reason);
	json_object_put(text);
	return b;
}

#endif
