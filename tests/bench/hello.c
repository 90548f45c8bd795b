/*
 * The yardstick: what libfcgi itself can do behind the same nginx.  One thread per connection
 * slot, as libfcgi's own examples have it; no thread is ever short, as many are started as
 * connections can come.  Its listening socket is descriptor 0, as libfcgi has it.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <fastcgi.h>
#include <fcgiapp.h>

static void *serve(void *arg)
{
	FCGX_Request fr;

	(void)arg;
	if (FCGX_InitRequest(&fr, FCGI_LISTENSOCK_FILENO, 0) != 0)
		return NULL;
	while (FCGX_Accept_r(&fr) == 0) {
		(void)FCGX_PutS(
		    "Content-Type: application/json\r\n\r\n{\"status\":\"ok\"}", fr.out);
		FCGX_Finish_r(&fr);
	}
	return NULL;
}

int main(void)
{
	enum { THREADS = 320 };
	pthread_t threads[THREADS];

	(void)FCGX_Init();
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, serve, NULL) != 0)
			return EXIT_FAILURE;
	/* What scripts/stack waits for. */
	(void)printf("{ \"pid\": %d, \"event\": \"start.pilot\" }\n", (int)getpid());
	(void)fflush(stdout);
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	return EXIT_SUCCESS;
}
