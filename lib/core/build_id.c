#include "core/build_id.h"

#include <stdlib.h>

const char *build_id(void)
{
	const char *id = getenv("BUILD_ID");

	if (id != NULL && id[0] != '\0')
		return id;
	return sizeof MIZAN_BUILD_SHA > 1 ? "git:" MIZAN_BUILD_SHA : "unknown";
}

int build_schema_version(void)
{
	return MIZAN_SCHEMA_VERSION;
}
