/* The commands: argv[0] is the command's name. What a command returns becomes the exit code. */
#ifndef CSA_CLI_COMMANDS_H
#define CSA_CLI_COMMANDS_H

#include <stdbool.h>

#include "core/status.h"

csa_status csa_command_devices(int argc, char **argv);
csa_status csa_command_train(int argc, char **argv);
csa_status csa_command_eval(int argc, char **argv);
csa_status csa_command_predict(int argc, char **argv);
csa_status csa_command_attend(int argc, char **argv);
csa_status csa_command_compare(int argc, char **argv);
csa_status csa_command_bench(int argc, char **argv);
csa_status csa_command_tune(int argc, char **argv);
csa_status csa_command_verify(int argc, char **argv);
csa_status csa_command_data(int argc, char **argv);
csa_status csa_command_runs(int argc, char **argv);
csa_status csa_command_cache(int argc, char **argv);

/* `data info`, an action of `data`. */
csa_status csa_data_info(int argc, char **argv);

/* --version: what this program is made of. */
csa_status csa_print_about(bool json);

#endif
