/* One file from the network; the only part of clsattn that reaches it. */
#ifndef CSA_CLI_DOWNLOAD_H
#define CSA_CLI_DOWNLOAD_H

#include "core/status.h"

/* Brings what `url` (http or https) names into the file `path`. What is there already is not asked for again, if the
 * server can send the rest; a connection that breaks is tried again a few times. How far it is goes to stderr. A
 * failure of the network or the server is CSA_INPUT, of writing CSA_OUTPUT, a signal CSA_INTERRUPTED; the file then
 * keeps what came. Whether it is the wanted file is not known yet. */
csa_status csa_download(const char *url, const char *path);

#endif
