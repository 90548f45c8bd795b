/* SIGTERM and SIGINT in a process with a loop of its own. */
#ifndef MIZAN_FCGI_STOP_SIGNAL_H
#define MIZAN_FCGI_STOP_SIGNAL_H

#include <stdbool.h>

/*
 * From now on either asks the process to stop, and `seconds` after the first one it is over,
 * whatever hangs (SIGALRM).  SIGPIPE is ignored.
 */
void stop_signal_catch(unsigned seconds);

bool stop_signal_came(void);

#endif
