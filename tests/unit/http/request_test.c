#include "http/request.h"

#include "unit/unit.h"

static void test_lookup(void)
{
	static char api[] = "HTTP_X_API_KEY=k=1", type[] = "CONTENT_TYPE=text/plain",
		    length[] = "CONTENT_LENGTH=", decoy[] = "HTTP_CONTENT_TYPE=decoy",
		    empty[] = "HTTP_X_EMPTY=", prefix[] = "HTTP_X_API=short";
	static char *const env[] = { prefix, api, type, length, decoy, empty, NULL };
	static const struct {
		unsigned line;
		const char *header, *want;
	} cases[] = {
		{ __LINE__, "X-API-Key", "k=1" },
		{ __LINE__, "x-api-key", "k=1" },
		{ __LINE__, "X-API", "short" },
		{ __LINE__, "X-AP", NULL },
		{ __LINE__, "X-Empty", "" },
		{ __LINE__, "Content-Type", "text/plain" },
		{ __LINE__, "content-length", NULL },
		{ __LINE__, "X-Absent", NULL },
		{ __LINE__, "", NULL },
		{ __LINE__, "X_API_KEY", NULL },
		{ __LINE__, "X-API-KEY=k", NULL },
		{ __LINE__, "X API", NULL },
		{ __LINE__, "X-API-Key\n", NULL },
	};
	struct http_request rq = { .env = env };
	char huge[300];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		CHECK_STR_ROW(http_header(&rq, cases[i].header), cases[i].want, cases[i].line);
	CHECK_STR(http_env(&rq, "HTTP_X_API_KEY"), "k=1");
	CHECK_STR(http_env(&rq, "CONTENT_LENGTH"), "");
	CHECK_STR(http_env(&rq, "HTTP_X_API_KEYS"), NULL);
	for (size_t i = 0; i < sizeof huge; i++)
		huge[i] = i + 1 < sizeof huge ? 'a' : '\0';
	CHECK_STR(http_header(&rq, huge), NULL);
	rq.env = NULL;
	CHECK_STR(http_env(&rq, "HTTP_X_API_KEY"), NULL);
}

const struct unit_test unit_tests[] = {
	{ "headers and meta-variables", test_lookup },
	{ NULL, NULL },
};
