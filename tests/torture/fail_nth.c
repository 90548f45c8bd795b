#include "torture/fail_nth.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <libpq-fe.h>

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

#define EXPORT __attribute__((visibility("default")))
/* Or the first use of a thread might call malloc(). */
#define INITIAL __attribute__((tls_model("initial-exec")))
#define CALLER  ((uintptr_t)__builtin_return_address(0))

/* --- Who calls: where the objects that count are in memory */

struct object {
	uintptr_t from, to;
	const char *name;
	bool fcgi;
};

enum { MAX_OBJECTS = 8 };

static struct object objects[MAX_OBJECTS];
static size_t n_objects;
static struct fail_nth own;
static struct fail_nth *_Atomic steering; /* NULL until the objects are known */
static _Thread_local INITIAL int64_t live;

static void note_object(const struct dl_phdr_info *info, const char *name, bool fcgi)
{
	struct object o = { .from = UINTPTR_MAX, .name = name, .fcgi = fcgi };

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t from = info->dlpi_addr + p->p_vaddr;

		if (p->p_type != PT_LOAD || (p->p_flags & PF_X) == 0)
			continue;
		o.from = from < o.from ? from : o.from;
		o.to = from + p->p_memsz > o.to ? from + p->p_memsz : o.to;
	}
	if (n_objects < MAX_OBJECTS)
		objects[n_objects++] = o;
}

/* The program itself comes first, without a name. */
static int look_at_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	static const char *const known[] = { "libjson-c", "libpq", "libcurl", "libfcgi" };

	(void)size, (void)arg;
	if (info->dlpi_name[0] == '\0' && n_objects == 0)
		note_object(info, "program", false);
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strstr(info->dlpi_name, known[i]) != NULL)
			note_object(info, known[i], strcmp(known[i], "libfcgi") == 0);
	return 0;
}

static const struct object *object_of(uintptr_t caller)
{
	for (size_t i = 0; i < n_objects; i++)
		if (caller >= objects[i].from && caller < objects[i].to)
			return &objects[i];
	return NULL;
}

static bool by_program(uintptr_t caller)
{
	return caller >= objects[0].from && caller < objects[0].to;
}

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("FAIL_NTH");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	struct fail_nth *shared = &own;

	(void)dl_iterate_phdr(look_at_object, NULL);
	if (fd >= 0) {
		void *p = mmap(NULL, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		(void)close(fd);
		if (p != MAP_FAILED)
			shared = p;
	}
	atomic_store(&steering, shared);
}

struct fail_nth *fail_nth(void)
{
	return &own;
}

int64_t fail_nth_live_blocks(void)
{
	return live;
}

/* --- Whether this call is the one */

static bool fails(enum fail_class class, uintptr_t caller, const char *function)
{
	struct fail_nth *s = atomic_load_explicit(&steering, memory_order_acquire);
	struct fail_point *p = s != NULL ? &s->points[class] : NULL;
	const struct object *o;
	uint32_t at = p != NULL ? __atomic_load_n(&p->at, __ATOMIC_ACQUIRE) : 0, n;

	if (at == 0)
		return false;
	n = __atomic_add_fetch(&p->count, 1, __ATOMIC_RELAXED);
	if (n < at || n >= __atomic_load_n(&p->until, __ATOMIC_RELAXED))
		return false;
	o = object_of(caller);
	(void)snprintf(p->what, sizeof p->what, "%s from %s+0x%lx", function,
	    o != NULL ? o->name : "?", o != NULL ? (unsigned long)(caller - o->from) : 0UL);
	(void)__atomic_add_fetch(&p->fired, 1, __ATOMIC_RELEASE);
	return true;
}

/* --- Memory */

/* dlsym() may want memory itself before it has found any: that comes from here, and stays. */
static char early[4096];
static atomic_size_t early_used;

static void *early_block(size_t n)
{
	size_t at = atomic_fetch_add(&early_used, (n + 15) & ~(size_t)15);

	return at + n <= sizeof early ? early + at : NULL;
}
static bool is_early(const void *p)
{
	return (uintptr_t)p >= (uintptr_t)early && (uintptr_t)p < (uintptr_t)early + sizeof early;
}

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void (*free)(void *);
} next;

static bool ready(void)
{
	static _Thread_local INITIAL bool looking;

	if (next.free != NULL)
		return true;
	if (looking)
		return false;
	looking = true;
	next.malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
	next.calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
	next.realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
	next.free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
	looking = false;
	return true;
}

static bool no_memory(uintptr_t caller, const char *function)
{
	const struct object *o;

	if (atomic_load_explicit(&steering, memory_order_relaxed) == NULL)
		return false;
	o = object_of(caller);
	if (o == NULL || !fails(o->fcgi ? FAIL_FCGI_MEMORY : FAIL_MEMORY, caller, function))
		return false;
	errno = ENOMEM;
	return true;
}

static void add_live(int64_t n)
{
	struct fail_nth *s = atomic_load_explicit(&steering, memory_order_relaxed);

	live += n;
	if (s != NULL)
		(void)__atomic_add_fetch(&s->live, n, __ATOMIC_RELAXED);
}

static void *counted(void *p)
{
	if (p != NULL)
		add_live(1);
	return p;
}

EXPORT void *malloc(size_t n)
{
	if (!ready())
		return early_block(n);
	return no_memory(CALLER, "malloc") ? NULL : counted(next.malloc(n));
}

EXPORT void *calloc(size_t n, size_t size)
{
	if (!ready())
		return early_block(n * size); /* zero from the start */
	return no_memory(CALLER, "calloc") ? NULL : counted(next.calloc(n, size));
}

EXPORT void *realloc(void *p, size_t n)
{
	void *q;

	if (!ready() || is_early(p))
		return NULL;
	if (no_memory(CALLER, "realloc"))
		return NULL;
	q = next.realloc(p, n);
	return p == NULL ? counted(q) : q;
}

EXPORT void free(void *p)
{
	if (p == NULL || is_early(p) || !ready())
		return;
	add_live(-1);
	next.free(p);
}

/* libc's own would call malloc() as libc. */
static char *copy(const char *s, size_t n, uintptr_t caller, const char *function)
{
	char *p = !ready()                      ? early_block(n + 1)
		  : no_memory(caller, function) ? NULL
						: counted(next.malloc(n + 1));

	if (p != NULL) {
		memcpy(p, s, n);
		p[n] = '\0';
	}
	return p;
}

EXPORT char *strdup(const char *s)
{
	return copy(s, strlen(s), CALLER, "strdup");
}

EXPORT char *strndup(const char *s, size_t max)
{
	return copy(s, strnlen(s, max), CALLER, "strndup");
}

/* --- libpq and libcurl: what the program calls, and what each says when it fails */

static void *find(void **cache, const char *name)
{
	if (*cache == NULL)
		*cache = dlsym(RTLD_NEXT, name);
	return *cache;
}

static bool call_fails(enum fail_class class, uintptr_t caller, const char *function)
{
	return atomic_load_explicit(&steering, memory_order_relaxed) != NULL &&
	       by_program(caller) && fails(class, caller, function);
}

#define WRAP(class, type, name, failure, parameters, arguments)                                    \
	EXPORT type name parameters                                                                \
	{                                                                                          \
		static void *cache;                                                                \
		type(*real) parameters;                                                            \
                                                                                                   \
		if (call_fails(class, CALLER, #name))                                              \
			return failure;                                                            \
		*(void **)&real = find(&cache, #name);                                             \
		return real arguments;                                                             \
	}
#define PQ(type, name, failure, parameters, arguments)                                             \
	WRAP(FAIL_LIBPQ, type, name, failure, parameters, arguments)
#define CURL_(type, name, failure, parameters, arguments)                                          \
	WRAP(FAIL_LIBCURL, type, name, failure, parameters, arguments)

PQ(PGconn *, PQconnectdbParams, NULL,
    (const char *const *names, const char *const *values, int expand), (names, values, expand))
PQ(ConnStatusType, PQstatus, CONNECTION_BAD, (const PGconn *c), (c))
PQ(int, PQsocket, -1, (const PGconn *c), (c))
PQ(int, PQsetnonblocking, -1, (PGconn * c, int on), (c, on))
PQ(int, PQenterPipelineMode, 0, (PGconn * c), (c))
PQ(int, PQpipelineSync, 0, (PGconn * c), (c))
PQ(int, PQsendPrepare, 0, (PGconn * c, const char *name, const char *sql, int n, const Oid *types),
    (c, name, sql, n, types))
PQ(int, PQsendQueryParams, 0,
    (PGconn * c, const char *sql, int n, const Oid *types, const char *const *values,
	const int *lengths, const int *formats, int format),
    (c, sql, n, types, values, lengths, formats, format))
PQ(int, PQsendQueryPrepared, 0,
    (PGconn * c, const char *name, int n, const char *const *values, const int *lengths,
	const int *formats, int format),
    (c, name, n, values, lengths, formats, format))
PQ(int, PQflush, -1, (PGconn * c), (c))
PQ(int, PQconsumeInput, 0, (PGconn * c), (c))
PQ(PGresult *, PQgetResult, NULL, (PGconn * c), (c))
PQ(PGnotify *, PQnotifies, NULL, (PGconn * c), (c))

CURL_(CURL *, curl_easy_init, NULL, (void), ())
CURL_(CURLcode, curl_global_init, CURLE_FAILED_INIT, (long flags), (flags))
CURL_(CURLM *, curl_multi_init, NULL, (void), ())
CURL_(struct curl_slist *, curl_slist_append, NULL, (struct curl_slist * list, const char *s),
    (list, s))
CURL_(CURLMcode, curl_multi_add_handle, CURLM_OUT_OF_MEMORY, (CURLM * m, CURL *h), (m, h))
CURL_(CURLMcode, curl_multi_perform, CURLM_OUT_OF_MEMORY, (CURLM * m, int *n), (m, n))
CURL_(CURLMcode, curl_multi_poll, CURLM_OUT_OF_MEMORY,
    (CURLM * m, struct curl_waitfd *fds, unsigned n, int ms, int *ret), (m, fds, n, ms, ret))
CURL_(CURLMsg *, curl_multi_info_read, NULL, (CURLM * m, int *left), (m, left))

/* Each takes one more argument, of a machine word. */
#define CURL_OPTION(type, name, handle, option, failure)                                           \
	EXPORT type name(handle h, option o, ...)                                                  \
	{                                                                                          \
		static void *cache;                                                                \
		type (*real)(handle, option, ...);                                                 \
		va_list ap;                                                                        \
		void *value;                                                                       \
                                                                                                   \
		va_start(ap, o);                                                                   \
		value = va_arg(ap, void *);                                                        \
		va_end(ap);                                                                        \
		if (call_fails(FAIL_LIBCURL, CALLER, #name))                                       \
			return failure;                                                            \
		*(void **)&real = find(&cache, #name);                                             \
		return real(h, o, value);                                                          \
	}

CURL_OPTION(CURLcode, curl_easy_setopt, CURL *, CURLoption, CURLE_OUT_OF_MEMORY)
CURL_OPTION(CURLcode, curl_easy_getinfo, CURL *, CURLINFO, CURLE_UNKNOWN_OPTION)
CURL_OPTION(CURLMcode, curl_multi_setopt, CURLM *, CURLMoption, CURLM_OUT_OF_MEMORY)
