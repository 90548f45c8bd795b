#include "openai/raw.h"

void openai_raw_clear(struct openai_raw *raw)
{
	buf_free(&raw->body);
	*raw = (struct openai_raw){ 0 };
}
