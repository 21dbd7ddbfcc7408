/* Sizes as files have them: read, written again, and refused. */
#include "model/architecture.h"

#include "testing.h"

static csa_status read_sizes(csa_architecture *a, const char *model, const char *text) {
  json_t *sizes = json_loads(text, 0, NULL);
  assert_non_null(sizes);
  assert_ok(csa_architecture_default(a, model));
  const csa_status status = csa_architecture_read_sizes(a, sizes, "file");
  json_decref(sizes);
  return status;
}

#define VIT "{\"image\":32,\"patch\":4,\"embed\":64,\"heads\":4,\"layers\":3,\"hidden\":256,\"classes\":10"
#define CNN "{\"image\":32,\"k\":8,\"classes\":10,\"widths\":"

/* What is written: everything of the notebook's models, and of the rest what differs from them. */
static void test_written(void **state) {
  (void)state;
  static const struct {
    const char *model, *read, *written;
  } cases[] = {
      {"vit", "{}", VIT "}"},
      {"cnn", "{}", CNN "[32,64,128,256,128]}"},
      {"cnn", "{\"pool\": [], \"residual\": [], \"attention\": [5, 4, 3, 2, 1], \"batch_norm\": false, \"dropout\": 0}",
       CNN "[32,64,128,256,128]}"},
      {"cnn",
       "{\"pool\": [3, 1], \"widths\": [8, 16, 24], \"attention\": [], \"batch_norm\": true, \"dropout\": 0.125}",
       "{\"image\":32,\"k\":8,\"classes\":10,\"dropout\":0.125,\"widths\":[8,16,24],\"batch_norm\":true,\"pool\":[1,3],"
       "\"attention\":[]}"},
      {"cnn", "{\"widths\": [8], \"pool\": [1], \"residual\": [1], \"attention\": [1]}",
       CNN "[8],\"pool\":[1],\"residual\":[1]}"},
      {"vit", "{\"norm_relu\": true, \"final_norm\": false}", VIT "}"},
      {"vit", "{\"norm_relu\": false, \"final_norm\": true, \"dropout\": 0.25}",
       VIT ",\"dropout\":0.25,\"norm_relu\":false,\"final_norm\":true}"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    csa_architecture a, again;
    json_t *sizes;
    assert_ok(read_sizes(&a, cases[i].model, cases[i].read));
    assert_ok(csa_architecture_sizes(&a, &sizes));
    char *text = json_dumps(sizes, JSON_COMPACT);
    assert_string_equal(text, cases[i].written);
    assert_ok(csa_architecture_default(&again, cases[i].model));
    assert_ok(csa_architecture_read_sizes(&again, sizes, "file"));
    assert_true(a.pool == again.pool && a.residual == again.residual && a.attention == again.attention);
    free(text);
    json_decref(sizes);
  }
}

static void test_refused(void **state) {
  (void)state;
  static const struct {
    const char *model, *sizes, *says;
  } cases[] = {
      {"cnn", "{\"pool\": [6]}", "file: sizes: pool: must be an integer from 1 to 5"},
      {"cnn", "{\"pool\": [2], \"widths\": [8]}", "file: sizes: pool: must be an integer from 1 to 1"},
      {"cnn", "{\"attention\": [0]}", "file: sizes: attention: must be an integer from 1 to 5"},
      {"cnn", "{\"residual\": 2}", "file: sizes: residual: must be a list of stages, like [1, 2]"},
      {"cnn", "{\"batch_norm\": 1}", "file: sizes: batch_norm: must be true or false"},
      {"cnn", "{\"widths\": []}", "file: sizes: widths: must be a list of 1 to 16 integers"},
      {"vit", "{\"layers\": 1025}", "file: sizes: layers: must be an integer from 1 to 1024"},
      {"cnn", "{\"widths\": [65537]}", "file: sizes: widths: must be an integer from 1 to 65536"},
      {"cnn", "{\"dropout\": 1}", "file: sizes: dropout: must be a number from 0 to below 1"},
      {"vit", "{\"dropout\": \"0.1\"}", "file: sizes: dropout: must be a number from 0 to below 1"},
      {"vit", "{\"pool\": [1]}", "file: sizes: unknown key 'pool' for vit"},
      {"cnn", "{\"final_norm\": true}", "file: sizes: unknown key 'final_norm' for cnn"},
      {"vit", "[]", "file: sizes: not a JSON object"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    csa_architecture a;
    assert_fails(CSA_INPUT, cases[i].says, read_sizes(&a, cases[i].model, cases[i].sizes));
  }
}

/* The layers of a model with all that there is, in their order, and one that cannot be. */
static void test_layers(void **state) {
  (void)state;
  static const char *const names[] = {"conv1",    "bn1",     "pool1",      "sa1",      "conv2",
                                      "bn2",      "pool2",   "res2.conv1", "res2.bn1", "res2.conv2",
                                      "res2.bn2", "average", "dropout",    "fc",       "loss"};
  csa_device device = {.info = {.type = CSA_GPU, .max_work_group = 64}};
  csa_architecture a;
  csa_graph *g;
  assert_ok(read_sizes(&a, "cnn",
                       "{\"image\": 8, \"widths\": [8, 8], \"pool\": [1, 2], \"residual\": [2], \"attention\": [1], "
                       "\"batch_norm\": true, \"dropout\": 0.5}"));
  assert_ok(csa_graph_create(&g, &device, (csa_graph_config){.batch = 2, .training = true}));
  assert_ok(csa_architecture_build(&a, g));
  assert_int_equal(g->layer_count, sizeof names / sizeof names[0]);
  for (size_t i = 0; i < g->layer_count; i++) assert_string_equal(g->layers[i].name, names[i]);
  assert_true(g->layers[10].in[1] == g->layers[6].out);
  csa_graph_destroy(g);
  a.image = 2;
  a.attention = 0;
  assert_ok(csa_graph_create(&g, &device, (csa_graph_config){.batch = 2, .training = true}));
  assert_fails(CSA_USAGE, "pool 'pool2': the input has no squares of 2 x 2", csa_architecture_build(&a, g));
  csa_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_written), cmocka_unit_test(test_refused),
                                     cmocka_unit_test(test_layers)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
