#include "openai_sim/sim.h"

#include <poll.h>
#include <stdint.h>
#include <time.h>

#include "openai_sim/http.h"

enum sim_waited sim_wait(const struct sim *s, int client_fd, long ms)
{
	struct pollfd fds[2] = {
		{ .fd = client_fd, .events = POLLRDHUP },
		{ .fd = s->stop_fd, .events = POLLIN },
	};
	int64_t until_us = http_now_us() + ms * 1000;

	if (ms == 0)
		return SIM_WAITED;
	for (;;) {
		int64_t left_us = until_us - http_now_us();
		int left_ms = ms < 0 ? -1 : left_us > 0 ? (int)((left_us + 999) / 1000) : 0;

		if (left_ms == 0 || poll(fds, 2, left_ms) == 0)
			return SIM_WAITED;
		if (fds[1].revents != 0)
			return SIM_STOPPING;
		if (fds[0].revents != 0)
			return SIM_CLIENT_GONE;
	}
}
