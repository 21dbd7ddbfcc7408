/* A config.json for tests, with a value of its own in every field, and what must not be taken for one. */
#ifndef CSA_TESTS_TRAIN_CONFIGS_H
#define CSA_TESTS_TRAIN_CONFIGS_H

#include "core/json.h"
#include "train/config.h"

extern const csa_config test_settings;
csa_dataset test_config_data(void);

/* Writes it as a run on these data does. */
void test_config_save(const csa_config *config, const char *path);

/* The file of test_settings as JSON: to be changed, and written again. */
json_t *test_config_json(void);

/* Loading fails with CSA_INPUT, `text` and the path; of `root`, it is written there first. */
void assert_config_refused(const char *path, const char *text);
void assert_json_refused(const json_t *root, const char *path, const char *text);

#endif
