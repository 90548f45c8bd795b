#include "openai_sim/stream.h"

#include <stdlib.h>
#include <string.h>

#include "openai_sim/sim.h"
#include "openai_sim/stats.h"

enum { BLOCK = 64 * 1024, DRIP_MS = 100, HUGE_SIZE = 50 * 1024 * 1024 };

/* A body of size bytes: the text, with filler characters put in after fill_at bytes of it. */
struct stream {
	struct sim *sim;
	enum fault_kind kind;
	int client_fd;
	struct buf text;
	size_t fill_at;
	size_t fill;
	size_t size;
	size_t cut_at; /* the connection breaks before this byte */
	size_t step;   /* bytes at a time */
	long ms;       /* between the steps */
	bool ended;    /* in the statistics */
};

bool stream_is_fault(enum fault_kind kind)
{
	return kind == FAULT_DRIP || kind == FAULT_CUT || kind == FAULT_HUGE;
}

static void end(struct stream *s)
{
	if (!s->ended)
		stats_end(s->sim->stats, s->kind);
	s->ended = true;
}

static void release(void *cls)
{
	struct stream *s = cls;

	end(s);
	buf_free(&s->text);
	free(s);
}

static void fill_in(const struct stream *s, size_t pos, char *out, size_t n)
{
	for (size_t i = 0; i < n; i++, pos++) {
		if (pos < s->fill_at)
			out[i] = s->text.p[pos];
		else
			out[i] = pos < s->fill_at + s->fill ? 'A' : s->text.p[pos - s->fill];
	}
}

static ssize_t read_piece(void *cls, uint64_t pos, char *out, size_t max)
{
	struct stream *s = cls;
	size_t n = s->size - pos < max ? s->size - pos : max;

	n = n < s->step ? n : s->step;
	if (pos >= s->cut_at)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n = n < s->cut_at - pos ? n : s->cut_at - pos;
	if (sim_wait(s->sim, s->client_fd, s->ms) != SIM_WAITED)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	fill_in(s, pos, out, n);
	if (pos + n == s->size)
		end(s);
	return (ssize_t)n;
}

static size_t option(long given, size_t otherwise)
{
	return given >= 0 ? (size_t)given : otherwise;
}

/* Lay out the body that the order asks for. */
static void shape(struct stream *s, const struct fault *f)
{
	static const char content[] = "\"content\":\"";
	size_t len = s->text.len;
	const char *at = memmem(s->text.p, len, content, sizeof content - 1);

	s->fill_at = s->size = s->cut_at = len;
	s->step = BLOCK;
	if (f->kind == FAULT_DRIP) {
		s->step = option(f->bytes, 1) > 0 ? option(f->bytes, 1) : 1;
		s->ms = f->ms >= 0 ? f->ms : DRIP_MS;
	} else if (f->kind == FAULT_CUT) {
		s->cut_at = option(f->bytes, len / 2) < len ? option(f->bytes, len / 2) : len - 1;
	} else if (at != NULL && option(f->size, HUGE_SIZE) > len) {
		s->fill_at = (size_t)(at - s->text.p) + sizeof content - 1;
		s->fill = option(f->size, HUGE_SIZE) - len;
		s->size = s->cut_at = len + s->fill;
	}
}

struct MHD_Response *stream_response(const struct call *c, const struct fault *f, struct buf *text)
{
	struct stream *s = calloc(1, sizeof *s);
	struct MHD_Response *r = NULL;

	if (s == NULL || buf_broken(text)) {
		stats_end(c->sim->stats, f->kind);
		buf_free(text);
		free(s);
		return NULL;
	}
	*s = (struct stream){
		.sim = c->sim, .kind = f->kind, .client_fd = http_fd(c), .text = *text
	};
	buf_init(text, 0);
	shape(s, f);
	r = MHD_create_response_from_callback(s->size, BLOCK, read_piece, s, release);
	if (r == NULL)
		release(s);
	else
		(void)MHD_add_response_header(r, "Content-Type", "application/json");
	return r;
}
