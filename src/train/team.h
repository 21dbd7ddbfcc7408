/* The replicas of a trainer: who they are, and how a batch is shared among them. */
#ifndef CSA_TRAIN_TEAM_H
#define CSA_TRAIN_TEAM_H

#include "train/trainer.h"

/* Makes a replica on each of `devices` [count], with the choices of kernels that the trainer's config has for it, and
 * enters into the config how things came out. After a failure the team has all devices, though not all they need. */
csa_status csa_team_create(csa_trainer *trainer, csa_device *const *devices, int count);
void csa_team_fini(csa_trainer *trainer);

/* Has all ranks stand where rank 0 does: folder, progress, parameters, optimizer, loss scale. So only it reads files.
 */
csa_status csa_team_share(csa_trainer *trainer);

/* Makes what several have between them; each is ready to train. */
csa_status csa_team_join(csa_trainer *trainer);

#endif
