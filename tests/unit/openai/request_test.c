#include "openai/request.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <openssl/evp.h>

#include "openai/schema.h"
#include "unit/unit.h"

static const struct openai_settings settings = { .model = "gpt-\x01\"/test" };

/* The value at a path of keys and indices such as "messages/1/content"; NULL: nothing. */
static struct json_object *at(struct json_object *json, const char *path)
{
	char pointer[200];
	struct json_object *found = NULL;

	(void)snprintf(pointer, sizeof pointer, "/%s", path);
	return json_pointer_get(json, pointer, &found) == 0 ? found : NULL;
}

static const char *text_at(struct json_object *json, const char *path)
{
	return json_object_get_string(at(json, path));
}

static struct json_object *build_with(struct openai_frames *frames, const void *bytes, size_t len,
    const char *media_type, int64_t budget)
{
	struct openai_document doc = { .bytes = bytes, .len = len, .media_type = media_type };
	struct json_object *json;
	struct buf body;

	CU_ASSERT_FATAL(
	    openai_request_build(&body, &settings, frames, &doc, budget, NULL) == RC_OK);
	CU_ASSERT_EQUAL(strlen(buf_str(&body)), body.len);
	json = json_tokener_parse(buf_str(&body));
	buf_free(&body);
	CU_ASSERT_PTR_NOT_NULL_FATAL(json);
	return json;
}

static struct json_object *build(const void *bytes, size_t len, const char *media_type)
{
	struct openai_frames frames = { 0 };
	struct json_object *json = build_with(&frames, bytes, len, media_type, 4321);

	openai_frames_clear(&frames);
	return json;
}

/* The data URL is of that media type and holds exactly those bytes. */
static void check_data_url(const char *url, const char *media_type, const void *bytes, size_t len)
{
	char prefix[64];
	size_t encoded;
	unsigned char *decoded;
	int n;

	(void)snprintf(prefix, sizeof prefix, "data:%s;base64,", media_type);
	CU_ASSERT_EQUAL_FATAL(strncmp(url, prefix, strlen(prefix)), 0);
	url += strlen(prefix);
	encoded = strlen(url);
	decoded = malloc(encoded + 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(decoded);
	n = EVP_DecodeBlock(decoded, (const unsigned char *)url, (int)encoded);
	/* EVP_DecodeBlock() counts the padding's zero bytes */
	CU_ASSERT_EQUAL((size_t)n, (len + 2) / 3 * 3);
	CU_ASSERT_EQUAL(memcmp(decoded, bytes, len), 0);
	free(decoded);
}

static void body_is_what_the_api_takes(void)
{
	static const char pdf[] = "%PDF-1.7 \x01 \\u0001";
	struct json_object *json = build(pdf, sizeof pdf, "application/pdf");
	struct buf schema;
	struct json_writer w = { .out = &schema };

	CHECK_STR(text_at(json, "model"), settings.model);
	CU_ASSERT_EQUAL(json_object_get_int(at(json, "max_completion_tokens")), 4321);
	CU_ASSERT_TRUE(json_object_is_type(at(json, "store"), json_type_boolean));
	CU_ASSERT_FALSE(json_object_get_boolean(at(json, "store")));
	CHECK_STR(text_at(json, "messages/0/role"), "system");
	CU_ASSERT_PTR_NOT_NULL(strstr(text_at(json, "messages/0/content"), "never compute"));
	CHECK_STR(text_at(json, "messages/1/role"), "user");
	CHECK_STR(text_at(json, "messages/1/content/0/type"), "text");
	CHECK_STR(text_at(json, "messages/1/content/1/type"), "file");
	CHECK_STR(text_at(json, "messages/1/content/1/file/filename"), "invoice.pdf");
	check_data_url(text_at(json, "messages/1/content/1/file/file_data"), "application/pdf", pdf,
	    sizeof pdf);
	CHECK_STR(text_at(json, "response_format/type"), "json_schema");
	CHECK_STR(text_at(json, "response_format/json_schema/name"), "invoice");
	CU_ASSERT_TRUE(json_object_get_boolean(at(json, "response_format/json_schema/strict")));
	buf_init(&schema, 1 << 16);
	openai_schema(&w, NULL);
	CHECK_STR(json_object_to_json_string_ext(at(json, "response_format/json_schema/schema"),
		      JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
	    buf_str(&schema));
	buf_free(&schema);
	json_object_put(json);
}

static void images_are_data_urls(void)
{
	static const char *const types[] = { "image/png", "image/jpeg", "image/webp" };
	unsigned char bytes[256];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)i;
	/* three lengths, so that base64 ends in each of its ways */
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		struct json_object *json = build(bytes, sizeof bytes - i, types[i]);

		CHECK_STR(text_at(json, "messages/1/content/1/type"), "image_url");
		CHECK_STR(text_at(json, "messages/1/content/1/image_url/detail"), "high");
		check_data_url(text_at(json, "messages/1/content/1/image_url/url"), types[i], bytes,
		    sizeof bytes - i);
		json_object_put(json);
	}
}

static void large_document(void)
{
	size_t len = (size_t)10 * 1024 * 1024;
	char *bytes = malloc(len);
	struct json_object *json;

	CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i * 2654435761U >> 13);
	json = build(bytes, len, "image/png");
	check_data_url(
	    text_at(json, "messages/1/content/1/image_url/url"), "image/png", bytes, len);
	json_object_put(json);
	free(bytes);
}

/* What is kept from one request fits the next of its kind, and no other. */
static void kept_frames(void)
{
	static const struct {
		unsigned line;
		const char *media_type, *url;
		int64_t budget;
	} rows[] = {
		{ __LINE__, "image/png", "messages/1/content/1/image_url/url", 100 },
		{ __LINE__, "application/pdf", "messages/1/content/1/file/file_data", 100 },
		{ __LINE__, "image/png", "messages/1/content/1/image_url/url", 100 },
		{ __LINE__, "image/png", "messages/1/content/1/image_url/url", 200 },
		{ __LINE__, "image/png", "messages/1/content/1/image_url/url", 100 },
		{ __LINE__, "image/webp", "messages/1/content/1/image_url/url", 100 },
		{ __LINE__, "image/jpeg", "messages/1/content/1/image_url/url", 100 },
	};
	struct openai_frames frames = { 0 };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char bytes[2] = { 'a', (char)('a' + i) };
		struct json_object *json =
		    build_with(&frames, bytes, 2, rows[i].media_type, rows[i].budget);
		const char *url = text_at(json, rows[i].url);
		CHECK_ROW(url != NULL, rows[i].line, "no document");
		if (url != NULL)
			check_data_url(url, rows[i].media_type, bytes, 2);
		CHECK_ROW(
		    json_object_get_int64(at(json, "max_completion_tokens")) == rows[i].budget,
		    rows[i].line, "the budget of another request");
		json_object_put(json);
	}
	openai_frames_clear(&frames);
	CU_ASSERT_PTR_NULL(frames.of[0].text);
}

static void refusals(void)
{
	static const struct {
		unsigned line;
		struct openai_document doc;
		const char *code;
	} rows[] = {
		{ __LINE__, { "", 0, "application/pdf" }, "empty_file" },
		{ __LINE__, { "x", 1, "text/html" }, "unsupported_file_type" },
		{ __LINE__, { "x", 1, "" }, "unsupported_file_type" },
		{ __LINE__, { "x", SIZE_MAX, "image/png" }, "file_too_large" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct openai_frames frames = { 0 };
		struct buf body = { .max = 17 };
		struct err e = { .code = "" };

		CHECK_ROW(openai_request_build(&body, &settings, &frames, &rows[i].doc, 1, &e) ==
			      RC_INVALID,
		    rows[i].line, rows[i].code);
		CHECK_STR_ROW(e.code, rows[i].code, rows[i].line);
		CHECK_ROW(body.max == 17 && body.p == NULL, rows[i].line, "the output was touched");
	}
}

const struct unit_test unit_tests[] = {
	{ "the body is what the API takes", body_is_what_the_api_takes },
	{ "images are data URLs", images_are_data_urls },
	{ "a large document", large_document },
	{ "kept frames", kept_frames },
	{ "refusals", refusals },
	{ NULL, NULL },
};
