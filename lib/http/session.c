#include "http/session.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/uuid.h"

/* __Host-: a browser takes it only over TLS, from this very host, for every path. */
#define NAME "__Host-mizan_session"

enum { ID_LENGTH = RANDOM_UUID_TEXT - 1 };

bool session_sign(const uint8_t secret[SESSION_SECRET_SIZE], const char id[RANDOM_UUID_TEXT],
    char out[SESSION_VALUE_SIZE])
{
	uint8_t mac[SHA256_BYTES];

	out[0] = '\0';
	if (HMAC(EVP_sha256(), secret, SESSION_SECRET_SIZE, (const unsigned char *)id, ID_LENGTH,
		mac, NULL) == NULL)
		return false;
	memcpy(out, id, ID_LENGTH);
	out[ID_LENGTH] = '.';
	hex_encode(mac, sizeof mac, out + ID_LENGTH + 1);
	return true;
}

bool session_verify(
    const uint8_t secret[SESSION_SECRET_SIZE], const char *value, char id[RANDOM_UUID_TEXT])
{
	char named[RANDOM_UUID_TEXT] = "", expected[SESSION_VALUE_SIZE];

	if (strlen(value) != SESSION_VALUE_SIZE - 1)
		return false;
	memcpy(named, value, ID_LENGTH);
	if (!uuid_valid(named) || !session_sign(secret, named, expected) ||
	    CRYPTO_memcmp(value, expected, SESSION_VALUE_SIZE - 1) != 0)
		return false;
	if (id != NULL)
		memcpy(id, named, sizeof named);
	return true;
}

/* The part of a Cookie header that ends before the next ';', without the blanks around it. */
static const char *next_cookie(const char **at, size_t *ret_len)
{
	const char *start = *at + strspn(*at, " \t");
	size_t n = strcspn(start, ";");

	*at = start + n + (start[n] == ';');
	while (n > 0 && (start[n - 1] == ' ' || start[n - 1] == '\t'))
		n--;
	*ret_len = n;
	return start;
}

enum rc session_cookie(const char *cookies, char out[SESSION_VALUE_SIZE])
{
	static const char name[] = NAME "=";
	const size_t name_len = sizeof name - 1;
	const char *found = NULL;

	while (cookies != NULL && *cookies != '\0') {
		size_t n;
		const char *cookie = next_cookie(&cookies, &n);

		if (n < name_len || memcmp(cookie, name, name_len) != 0)
			continue;
		if (found != NULL || n - name_len != SESSION_VALUE_SIZE - 1)
			return RC_INVALID;
		found = cookie + name_len;
	}
	if (found == NULL)
		return RC_NOT_FOUND;
	memcpy(out, found, SESSION_VALUE_SIZE - 1);
	out[SESSION_VALUE_SIZE - 1] = '\0';
	return RC_OK;
}

void session_set_cookie(struct http_response *rs, const char *value)
{
	http_response_header(rs, "Set-Cookie",
	    NAME "=%s; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=%d",
	    value != NULL ? value : "", value != NULL ? SESSION_SECONDS : 0);
}
