#include "ops/prometheus.h"

#include "unit/unit.h"

static void test_begin(void)
{
	struct buf out;

	buf_init(&out, 1000);
	prometheus_begin(&out, "a_total", "counter", "Of \"this\"\nand \\that");
	prometheus_int(&out, "a_total", -7);
	CHECK_STR(buf_str(&out), "# HELP a_total Of \"this\"\\nand \\\\that\n"
				 "# TYPE a_total counter\na_total -7\n");
	buf_free(&out);
}

static const struct {
	unsigned line;
	struct prometheus_label labels[3];
	const char *want;
} cases[] = {
	{ __LINE__, { { NULL, NULL } }, "a_sum 1.5\n" },
	{ __LINE__, { { "x", "" }, { NULL, NULL } }, "a_sum{x=\"\"} 1.5\n" },
	{ __LINE__, { { "x", "1" }, { "y", "2" }, { NULL, NULL } },
	    "a_sum{x=\"1\",y=\"2\"} 1.5\n" },
	{ __LINE__, { { "x", "\"q\"\\\n}ö" }, { NULL, NULL } },
	    "a_sum{x=\"\\\"q\\\"\\\\\\n}ö\"} 1.5\n" },
};

static void test_samples(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf out;

		buf_init(&out, 1000);
		prometheus_sample(&out, "a", "_sum", cases[i].labels, "1.5");
		CHECK_STR_ROW(buf_str(&out), cases[i].want, cases[i].line);
		buf_free(&out);
	}
}

const struct unit_test unit_tests[] = {
	{ "HELP and TYPE", test_begin },
	{ "labels", test_samples },
	{ NULL, NULL },
};
