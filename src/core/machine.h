/* The machine that something was measured on: what a reader needs in order to judge the figures. */
#ifndef CSA_CORE_MACHINE_H
#define CSA_CORE_MACHINE_H

typedef struct {
  char processor[128]; /* "AMD EPYC"; empty where the system does not say */
  int cores;           /* processors online, hardware threads counted */
  double load;         /* processes running or waiting, mean of the last minute; below 0 where not known */
} csa_machine;

/* As the system says it now: of Linux's /proc; elsewhere processor and load stay unknown. */
void csa_machine_read(csa_machine *machine);

#endif
