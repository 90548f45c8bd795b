#include "stop_signal.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t came;
static unsigned grace_s; /* set before there is a handler to read it */

static void on_signal(int sig)
{
	(void)sig;
	if (!came)
		(void)alarm(grace_s);
	came = 1;
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
