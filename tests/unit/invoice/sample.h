/* A complete extraction as JSON text, and means to bend it, for tests of its readers. */
#ifndef MIZAN_TESTS_INVOICE_SAMPLE_H
#define MIZAN_TESTS_INVOICE_SAMPLE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"

#define F(value, confidence, evidence)                                                             \
	"{\"value\":" value ",\"confidence\":" confidence ",\"evidence\":\"" evidence "\"}"
#define F_NULL F("null", "0", "")

/* Each part stands alone, so that a test can replace it by name. */
#define SAMPLE_LINE                                                                                \
	"{\"description\":\"Kâğıt A4\",\"quantity\":\"10\",\"unit\":\"adet\",\"unit_price\":"   \
	"\"100.00\",\"net_amount\":\"1000.00\",\"tax_rate\":\"18\",\"confidence\":0.98,"           \
	"\"evidence\":\"Kâğıt A4 10 adet\"}"
#define SAMPLE_TAX                                                                                 \
	"{\"name\":\"KDV\",\"taxable_amount\":\"1000.00\",\"rate\":\"18\",\"amount\":\"180.00\","  \
	"\"withheld\":false,\"confidence\":0.97}"

#define SAMPLE                                                                                                                                                                                   \
	"{\"seller\":{\"name\":" F("\"Örnek A.Ş.\"", "0.99", "Örnek A.Ş.") ",\"tax_id\":" F(                                                                                                     \
	    "\"1234567890\"", "0.9",                                                                                                                                                             \
	    "VKN 1234567890") "},"                                                                                                                                                               \
			      "\"buyer\":{\"name\":" F("\"Alıcı Ltd.\"", "0.9",                                                                                                                  \
				  "Sayın Alıcı Ltd.") ",\"tax_id\":" F_NULL "},"                                                                                                                 \
						      "\"invoice_number\":" F(                                                                                                                   \
							  "\"ABC2026000000001\"", "0.95",                                                                                                        \
							  "Fatura No") ","                                                                                                                       \
								       "\"ettn\":" F_NULL ","                                                                                                    \
								       "\"issue_date\":" F(                                                                                                      \
									   "\"2026-02-03\"",                                                                                                     \
									   "0.95",                                                                                                               \
									   "03.02.2026") ","                                                                                                     \
											 "\"due_date\":" F_NULL                                                                                  \
											 ",\"period_start\":" F_NULL                                                                             \
											 ",\"period_end\":" F_NULL                                                                               \
											 ","                                                                                                     \
											 "\"currency\":" F(                                                                                      \
											     "\"TRY\"",                                                                                          \
											     "1",                                                                                                \
											     "TL") ","                                                                                           \
												   "\"lines\":[" SAMPLE_LINE                                                                     \
												   "],"                                                                                          \
												   "\"allowances\":[],\"charges\":[{\"reason\":\"Kargo\",\"amount\":\"0.00\"}],"                 \
												   "\"taxes\":[" SAMPLE_TAX                                                                      \
												   "],"                                                                                          \
												   "\"line_total\":" F(                                                                          \
												       "\"1000.00\"",                                                                            \
												       "0.9",                                                                                    \
												       "1.000,00") ","                                                                           \
														   "\"tax_exclusive_amount\":" F(                                                \
														       "\"1000.00\"",                                                            \
														       "0.9",                                                                    \
														       "1.000,00") ","                                                           \
																   "\"tax_total\":" F(                                           \
																       "\"180.00\"",                                             \
																       "0.7",                                                    \
																       "180,00") ","                                             \
																		 "\"tax_inclusive_amount\":" F(                  \
																		     "\"1180.00\"",                              \
																		     "0.123456",                                 \
																		     "1.180,00") ","                             \
																				 "\"withholding_total\":" F_NULL \
																				 ",\"prepaid_amount\":" F_NULL   \
																				 ","                             \
																				 "\"rounding_amount\":" F_NULL   \
																				 ","                             \
																				 "\"payable_amount\":" F(        \
																				     "\"1180.00\"",              \
																				     "0.9",                      \
																				     "1.180,00") "}"

/* text with the first occurrence of `from`, which must be in it, as `to`; free() it. */
static inline char *sample_replace(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	struct buf out;

	buf_init(&out, SIZE_MAX / 2);
	if (at == NULL) {
		(void)fprintf(stderr, "no '%s' in the sample\n", from);
		abort();
	}
	buf_add(&out, text, (size_t)(at - text));
	buf_adds(&out, to);
	buf_adds(&out, at + strlen(from));
	return buf_detach(&out);
}

/* text n times, with commas between; free() it. */
static inline char *sample_repeat(const char *text, size_t n)
{
	struct buf out;

	buf_init(&out, SIZE_MAX / 2);
	for (size_t i = 0; i < n; i++)
		buf_addf(&out, "%s%s", i > 0 ? "," : "", text);
	return buf_detach(&out);
}

#endif
