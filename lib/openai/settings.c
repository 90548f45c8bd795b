#include "openai/settings.h"

struct openai_settings openai_settings_from(const struct config *cfg)
{
	return (struct openai_settings){
		.base_url = cfg->openai_base_url,
		.api_key = cfg->openai_api_key,
		.model = cfg->openai_model,
		.connect_timeout_ms = cfg->openai_connect_timeout_ms,
		.timeout_ms = cfg->openai_timeout_ms,
		.max_reply_bytes = cfg->openai_max_reply_bytes,
		.max_in_flight = (size_t)cfg->worker_concurrency,
	};
}
