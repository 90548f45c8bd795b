#include "stop_signal.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

static atomic_bool came; /* lock-free: a handler may write it, and any thread read it */
static unsigned grace_s; /* set before there is a handler to read it */

static void on_signal(int sig)
{
	(void)sig;
	if (!atomic_exchange(&came, true))
		(void)alarm(grace_s);
}

void stop_signal_catch(unsigned seconds)
{
	struct sigaction sa = { .sa_handler = on_signal };

	grace_s = seconds;
	(void)sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGTERM, &sa, NULL);
	(void)sigaction(SIGINT, &sa, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

bool stop_signal_came(void)
{
	return came;
}
