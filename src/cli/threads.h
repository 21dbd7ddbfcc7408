/* How many threads OpenCL's implementations for CPUs take, and where these run. They look into the environment once,
 * when OpenCL is first called. */
#ifndef CSA_CLI_THREADS_H
#define CSA_CLI_THREADS_H

/* What serves most, where the user has not said otherwise. */
void csa_threads_prepare(void);

/* At most so many; 0, or more than there are processors: as many as these. */
void csa_threads_limit(int threads);

#endif
