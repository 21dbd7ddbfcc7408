/* The run folder: who may work in it, and the checkpoint that a run goes on from with the same bits. */
#ifndef CSA_TRAIN_CHECKPOINT_H
#define CSA_TRAIN_CHECKPOINT_H

#include "model/safetensors.h"
#include "train/trainer.h"

/* Writes FOLDER/checkpoint.safetensors: param.*, first.*, second.* (optimizer state), and the progress; of several
 * ranks the first does. */
csa_status csa_checkpoint_save(csa_trainer *trainer);

/* Reads it back into the trainer and the device; *found is false, and nothing changed, where there is none. */
csa_status csa_checkpoint_load(csa_trainer *trainer, bool *found);

/* What a checkpoint's file says of the progress. What cannot be is CSA_INPUT; more than the run's epochs, CSA_USAGE. */
csa_status csa_checkpoint_progress(const csa_safetensors *file, int epochs, csa_progress *progress);

/* Makes the folder if need be, and locks it until the descriptor is closed. A folder that another process holds is
 * CSA_FAILED. */
csa_status csa_folder_lock(const char *folder, int *descriptor);

/* Whether another process holds it. */
bool csa_folder_in_use(const char *folder);

#endif
