/* The input is a query string. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "http/query.h"
#include "http/tenant.h"

static void check_bool(const char *query)
{
	bool force = false;
	struct err e = { .rc = RC_OK };

	if (query_bool(query, "force", &force, &e) != RC_OK)
		INVARIANT(!force && strcmp(e.code, "invalid_query") == 0);
}

static void check_int(const char *query)
{
	int64_t limit = 50;
	struct err e = { .rc = RC_OK };

	if (query_int(query, "limit", 1, 100, &limit, &e) != RC_OK)
		INVARIANT(limit == 50 && strcmp(e.code, "invalid_query") == 0);
	INVARIANT(limit >= 1 && limit <= 100);
}

static void check_tenant(const char *query)
{
	struct principal everywhere = { .kind = PRINCIPAL_CLIENT };
	struct principal one = { .kind = PRINCIPAL_CLIENT, .tenant_id = "pilot" };
	char tenant[TENANT_ID_SIZE], same[TENANT_ID_SIZE];
	struct err e = { .rc = RC_OK };
	enum rc rc = tenant_from_query(query, tenant, &e);

	INVARIANT(tenant_for_principal(&everywhere, query, same, NULL) == rc);
	if (rc == RC_OK)
		INVARIANT(tenant_id_valid(tenant) && strcmp(tenant, same) == 0);
	else
		INVARIANT(strcmp(e.code, "invalid_tenant_id") == 0);
	if (tenant_for_principal(&one, query, same, &e) == RC_OK)
		INVARIANT(rc == RC_OK && strcmp(same, "pilot") == 0 && strcmp(tenant, same) == 0);
	else
		INVARIANT(strcmp(e.code, "wrong_tenant") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *query = fuzz_text(data, size);
	char small[9], large[256];
	struct err e = { .rc = RC_OK };
	enum rc rc = query_get(query, "q", large, sizeof large, &e);

	if (rc == RC_OK) {
		fuzz_check_utf8(large, FUZZ_NO_CONTROLS);
		if (query_get(query, "q", small, sizeof small, NULL) == RC_OK)
			INVARIANT(strcmp(small, large) == 0);
		else
			INVARIANT(strlen(large) >= sizeof small);
	}
	INVARIANT(rc != RC_INVALID || strcmp(e.code, "invalid_query") == 0);
	check_bool(query);
	check_int(query);
	check_tenant(query);
	free(query);
	return 0;
}
