/*
 * The yardstick: what libfcgi itself can do behind the same nginx.  One thread per connection
 * slot, as libfcgi's own examples have it; no thread is ever short, as many are started as
 * connections can come.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <fcgiapp.h>

static int listen_fd;

static void *serve(void *arg)
{
	FCGX_Request fr;

	(void)arg;
	if (FCGX_InitRequest(&fr, listen_fd, 0) != 0)
		return NULL;
	while (FCGX_Accept_r(&fr) == 0) {
		(void)FCGX_PutS(
		    "Content-Type: application/json\r\n\r\n{\"status\":\"ok\"}", fr.out);
		FCGX_Finish_r(&fr);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	enum { THREADS = 320 };
	pthread_t threads[THREADS];

	if (argc != 3 || strcmp(argv[1], "--listen") != 0) {
		(void)fprintf(stderr, "Usage: hello --listen PATH\n");
		return 2;
	}
	(void)FCGX_Init();
	listen_fd = FCGX_OpenSocket(argv[2], 1024);
	if (listen_fd < 0 || chmod(argv[2], 0666) != 0)
		return EXIT_FAILURE;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, serve, NULL) != 0)
			return EXIT_FAILURE;
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	return EXIT_SUCCESS;
}
