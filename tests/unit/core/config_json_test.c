#include "core/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "core/sha256.h"
#include "unit/core/settings.h"
#include "unit/unit.h"

/* What `command < file` prints, where the file holds text; out is "" without the command. */
static void filter(const char *command, const char *text, char *out, size_t size)
{
	char path[] = "/tmp/mizan-unit-XXXXXX", line[256];
	int fd = mkstemp(path);
	size_t n = strlen(text);
	FILE *p;

	CU_ASSERT_FATAL(fd >= 0 && write(fd, text, n) == (ssize_t)n);
	(void)close(fd);
	(void)snprintf(line, sizeof line, "{ %s; } < %s 2>/dev/null", command, path);
	p = popen(line, "r");
	CU_ASSERT_FATAL(p != NULL);
	out[fread(out, 1, size - 1, p)] = '\0';
	(void)pclose(p);
	(void)unlink(path);
}

static const struct setting odd_values[] = { { "ENV", "staging" }, { "MISMATCH_RATIO", "0.2" },
	{ "SEVERE_RATIO", "0.2000" }, { "ROUNDING_RATIO", "0.0001" },
	{ "MISMATCH_ABSOLUTE", "999.9999" }, { "SEVERE_ABSOLUTE", "100000000" },
	{ "ROUNDING_DELTA", "12.30" }, { "LOW_CONFIDENCE", "0.9999" },
	{ "OCR_SUSPECT_CONFIDENCE", "0.1" }, { "LINE_TOLERANCE", "3.0" },
	{ "OPENAI_BASE_URL", "http://a/b?c=\"d\"\\&<e>'{}" }, { "PILOT_ENABLED", "false" },
	{ "MAX_UPLOAD_BYTES", "268435456" }, { "QUEUE_DEPTH_ALARM", "1000000000" }, { 0 } };

/* SPEC 2: `jq -cjS . | sha256sum` proves the hash. */
static void check_against_jq(const struct setting *set, unsigned line)
{
	char jq[1 << 14], sum[128] = "", hash[CONFIG_HASH_TEXT], want[CONFIG_HASH_TEXT];
	struct config c;
	struct buf json;

	load_settings(&c, set);
	buf_init(&json, sizeof jq);
	CHECK_ROW(config_json(&c, &json, NULL) == RC_OK, line, "config_json");
	CHECK_ROW(config_hash(&c, hash, NULL) == RC_OK, line, "config_hash");
	filter("jq -cjS .", buf_str(&json), jq, sizeof jq);
	if (jq[0] == '\0') {
		unit_skip("jq is not installed");
	} else {
		CHECK_STR_ROW(buf_str(&json), jq, line);
		filter("jq -cjS . | sha256sum", buf_str(&json), sum, sizeof sum);
		(void)snprintf(want, sizeof want, "sha256:%.16s", sum);
		CHECK_STR_ROW(hash, want, line);
	}
	buf_free(&json);
	config_free(&c);
}

static void test_jq(void)
{
	check_against_jq((const struct setting[]){ { 0 } }, __LINE__);
	check_against_jq(odd_values, __LINE__);
}

static void test_decimals(void)
{
	static const struct {
		unsigned line;
		const char *value, *want;
	} cases[] = {
		{ __LINE__, "0.005", "\"SEVERE_ABSOLUTE\":0.005," },
		{ __LINE__, "0.2", "\"SEVERE_ABSOLUTE\":0.2," },
		{ __LINE__, "0.20", "\"SEVERE_ABSOLUTE\":0.2," },
		{ __LINE__, "1000", "\"SEVERE_ABSOLUTE\":1000," },
		{ __LINE__, "1000.0", "\"SEVERE_ABSOLUTE\":1000," },
		{ __LINE__, "100.5", "\"SEVERE_ABSOLUTE\":100.5," },
		{ __LINE__, "10.0001", "\"SEVERE_ABSOLUTE\":10.0001," },
		{ __LINE__, "0.0002", "\"SEVERE_ABSOLUTE\":0.0002," },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct setting set[] = { { "SEVERE_ABSOLUTE", cases[i].value },
			{ "MISMATCH_ABSOLUTE", "0.0002" }, { "ROUNDING_DELTA", "0.0001" }, { 0 } };
		struct config c;
		struct buf json;

		load_settings(&c, set);
		buf_init(&json, 1 << 14);
		CHECK_ROW(config_json(&c, &json, NULL) == RC_OK, cases[i].line, "config_json");
		CHECK_ROW(
		    strstr(buf_str(&json), cases[i].want) != NULL, cases[i].line, cases[i].value);
		buf_free(&json);
		config_free(&c);
	}
}

/* Every key but the secrets, whatever they are set to. */
static void test_secrets(void)
{
	static const struct setting set[] = { { "API_KEY", "s3cret-one" },
		{ "ADMIN_API_KEY", "s3cret-two" }, { "DATABASE_URL", "s3cret-three" },
		{ "OPENAI_API_KEY", "s3cret-four" }, { "ACCESS_LOG", "/s3cret" }, { 0 } };
	char with[CONFIG_HASH_TEXT], without[CONFIG_HASH_TEXT];
	size_t n, shown = 0;
	const struct config_key *k = config_keys(&n);
	struct json_object *doc, *value;
	struct config c;
	struct buf json;

	load_settings(&c, set);
	buf_init(&json, 1 << 14);
	CU_ASSERT(config_json(&c, &json, NULL) == RC_OK);
	CU_ASSERT(config_hash(&c, with, NULL) == RC_OK);
	config_free(&c);
	CU_ASSERT(strstr(buf_str(&json), "s3cret") == NULL);
	doc = json_tokener_parse(buf_str(&json));
	CU_ASSERT_FATAL(doc != NULL);
	for (size_t i = 0; i < n; i++) {
		bool hidden = (k[i].flags & (CONFIG_SECRET | CONFIG_LOCAL)) != 0;
		CHECK_ROW(json_object_object_get_ex(doc, k[i].name, &value) != hidden, __LINE__,
		    k[i].name);
		shown += !hidden;
	}
	CU_ASSERT((size_t)json_object_object_length(doc) == shown);
	(void)json_object_put(doc);
	buf_free(&json);
	load_settings(&c, (const struct setting[]){ { 0 } });
	CU_ASSERT(config_hash(&c, without, NULL) == RC_OK);
	CHECK_STR(with, without);
	config_free(&c);
}

/* Any change shows; the same configuration always has the same hash. */
static void test_hash(void)
{
	char first[CONFIG_HASH_TEXT], again[CONFIG_HASH_TEXT], other[CONFIG_HASH_TEXT];
	char hex[SHA256_TEXT];
	struct config c;
	struct buf json;

	load_settings(&c, odd_values);
	CU_ASSERT(config_hash(&c, first, NULL) == RC_OK && config_hash(&c, again, NULL) == RC_OK);
	CHECK_STR(first, again);
	buf_init(&json, 1 << 14);
	CU_ASSERT(config_json(&c, &json, NULL) == RC_OK);
	sha256_hex(json.p, json.len, hex);
	CU_ASSERT(strncmp(first, "sha256:", 7) == 0 && strncmp(first + 7, hex, 16) == 0);
	CU_ASSERT(strlen(first) == 23);
	c.thresholds.line_tolerance++;
	CU_ASSERT(config_hash(&c, other, NULL) == RC_OK && strcmp(first, other) != 0);
	config_free(&c);
	buf_free(&json);
}

static void test_too_small(void)
{
	struct err e = { .rc = RC_OK };
	struct config c;
	struct buf json;

	load_settings(&c, (const struct setting[]){ { 0 } });
	buf_init(&json, 10);
	CU_ASSERT(config_json(&c, &json, &e) == RC_UNAVAILABLE && e.rc == RC_UNAVAILABLE);
	buf_free(&json);
	config_free(&c);
}

const struct unit_test unit_tests[] = {
	{ "canonical JSON is what jq prints", test_jq },
	{ "decimals", test_decimals },
	{ "no secret", test_secrets },
	{ "the hash", test_hash },
	{ "a buffer too small", test_too_small },
	{ NULL, NULL },
};
