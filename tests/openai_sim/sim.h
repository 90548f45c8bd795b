/* The simulator's one state, handed to everything that serves a request. */
#ifndef OPENAI_SIM_SIM_H
#define OPENAI_SIM_SIM_H

struct answers;
struct faults;
struct stats;

struct sim {
	const char *api_key; /* NULL: any that is not empty */
	struct answers *answers;
	struct faults *faults;
	struct stats *stats;
	_Atomic long delay_ms;  /* before every answer to a valid call */
	_Atomic long jitter_ms; /* and at random up to so much more */
	long start_delay_ms;    /* what a reset goes back to */
	int stop_fd;            /* readable from the moment the simulator is to stop */
};

enum sim_waited { SIM_WAITED, SIM_CLIENT_GONE, SIM_STOPPING };

/* Sleep for ms (−1: for ever), or until the client closes its connection or we stop. */
enum sim_waited sim_wait(const struct sim *s, int client_fd, long ms);

#endif
