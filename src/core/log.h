/* Messages for whoever runs the library; where they go is the program's choice, by default nowhere. */
#ifndef CSA_CORE_LOG_H
#define CSA_CORE_LOG_H

/* Receives one line without its newline. */
typedef void (*csa_log_sink)(const char *line);

/* Sets the sink for all threads; NULL discards. */
void csa_log_to(csa_log_sink sink);

void csa_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
