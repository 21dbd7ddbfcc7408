/* The safetensors reader and writer: files that must be refused first, then what must come back as it was written. */
#include "model/safetensors.h"

#include <math.h>

#include "testing.h"

/* Writes the 8 bytes of `length`, `header`, and `size` bytes 0, 1, 2, ... of data. */
static const char *make_file(uint64_t length, const void *header, size_t header_size, size_t size) {
  static const char *folder;
  if (folder == NULL) folder = test_folder();
  const char *path = test_path(folder, "file.safetensors");
  uint8_t *bytes;
  assert_ok(csa_new(&bytes, 8 + header_size + size, 1));
  for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(length >> (8 * i));
  if (header_size > 0) memcpy(bytes + 8, header, header_size);
  for (size_t i = 0; i < size; i++) bytes[8 + header_size + i] = (uint8_t)i;
  test_write(path, bytes, 8 + header_size + size);
  free(bytes);
  return path;
}

static const char *file_with(const char *header, size_t size) {
  return make_file(strlen(header), header, strlen(header), size);
}

static void assert_refused(const char *path, const char *why) {
  csa_safetensors *file = (csa_safetensors *)&file;
  assert_fails(CSA_INPUT, why, csa_safetensors_open(&file, path));
  assert_null(file);
  assert_non_null(strstr(csa_last_error(), path));
}

static void lengths_are_checked(void **state) {
  (void)state;
  const char *none = test_path(test_folder(), "none");
  assert_refused(none, "No such file");
  test_write(none, "", 0);
  assert_refused(none, "too short");
  test_write(none, "\2\0\0\0\0\0\0", 7);
  assert_refused(none, "too short");
  assert_refused(make_file(0, NULL, 0, 0), "not a JSON object");
  assert_refused(make_file(3, "{}", 2, 0), "header is longer");
  assert_refused(make_file((uint64_t)4 << 30, "{}", 2, 0), "header is longer");
  assert_refused(make_file(UINT64_MAX, "{}", 2, 0), "header is longer");
  assert_refused(make_file(UINT64_MAX - 7, "{}", 2, 0), "header is longer");
}

/* One entry of a header. */
#define F32 "\"dtype\":\"F32\""
#define T(name, dtype, shape, first, end) \
  "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" first "," end "]}"

static const struct {
  const char *header;
  size_t size; /* of the data */
  const char *why;
} hostile[] = {
    {"PK\3\4", 0, "not a JSON object"},
    {"[]", 0, "not a JSON object"},
    {" {}", 0, "not a JSON object"},
    {"{", 0, "not valid JSON"},
    {"{}{}", 0, "not valid JSON"},
    {"{\"a\":NaN}", 0, "not valid JSON"},
    {"{\"a\\u0000b\":1}", 0, "not valid JSON"},
    {"{\"a\xff\":1}", 0, "not valid JSON"},
    {"{" T("a", "U8", "1", "0", "1") "," T("a", "U8", "1", "1", "2") "}", 2, "duplicate"},
    {"{}", 1, "bytes are left"},
    {"{\"a\":7}", 0, "tensor 'a': its entry"},
    {"{\"a\":{" F32 "}}", 0, "tensor 'a': its entry"},
    {"{\"a\":{" F32 ",\"shape\":[],\"data_offsets\":[0,4],\"more\":1}}", 4, "tensor 'a': its entry"},
    {"{\"a\":{\"dtype\":7,\"shape\":[],\"data_offsets\":[0,4]}}", 4, "tensor 'a': its dtype is none of"},
    {"{" T("a", "C64", "", "0", "8") "}", 8, "tensor 'a': its dtype is none of"},
    {"{\"a\":{" F32 ",\"shape\":4,\"data_offsets\":[0,4]}}", 4, "its shape is not a list"},
    {"{" T("a", "U8", "1,1,1,1,1,1", "0", "1") "}", 1, "its shape is not a list of up to 5"},
    {"{" T("a", "F32", "-1", "0", "4") "}", 4, "a size is not a number from 0 up"},
    {"{" T("a", "F32", "1.0", "0", "4") "}", 4, "a size is not a number from 0 up"},
    {"{" T("a", "F32", "\"1\"", "0", "4") "}", 4, "a size is not a number from 0 up"},
    {"{" T("a", "F32", "9223372036854775808", "0", "4") "}", 4, "not valid JSON"},
    {"{" T("a", "F32", "4611686018427387904,4", "0", "0") "}", 0, "its sizes are too large"},
    {"{" T("a", "U8", "4611686018427387904,3,0", "0", "0") "}", 0, "its sizes are too large"},
    {"{" T("a", "F64", "2305843009213693952", "0", "0") "}", 0, "its sizes are too large"},
    {"{\"a\":{" F32 ",\"shape\":[1],\"data_offsets\":4}}", 4, "its data_offsets are not two numbers"},
    {"{\"a\":{" F32 ",\"shape\":[1],\"data_offsets\":[0]}}", 4, "its data_offsets are not two numbers"},
    {"{" T("a", "F32", "1", "0", "4.0") "}", 4, "its data_offsets are not two numbers"},
    {"{" T("a", "F32", "1", "0", "4") "}", 3, "lies beyond the end"},
    {"{" T("a", "F32", "1", "4", "8") "}", 4, "lies beyond the end"},
    {"{" T("a", "F32", "1", "4", "0") "}", 4, "lies beyond the end"},
    {"{" T("a", "F32", "1", "-4", "0") "}", 4, "lies beyond the end"},
    {"{" T("a", "F32", "1", "0", "9223372036854775807") "}", 4, "lies beyond the end"},
    {"{" T("a", "F32", "2", "0", "4") "}", 4, "another size than its shape"},
    {"{" T("a", "F32", "", "0", "8") "}", 8, "another size than its shape"},
    {"{" T("a", "F32", "0", "0", "4") "}", 4, "another size than its shape"},
    {"{" T("a", "F32", "1", "4", "8") "}", 8, "tensor 'a': its data overlaps another's, or leaves a hole"},
    {"{" T("a", "F32", "2", "0", "8") "," T("b", "F32", "2", "4", "12") "}", 12, "tensor 'b': its data overlaps"},
    {"{" T("a", "F32", "1", "0", "4") "," T("b", "F32", "1", "0", "4") "}", 4, "its data overlaps"},
    {"{" T("a", "F32", "1", "0", "4") "," T("b", "F32", "1", "8", "12") "}", 12, "tensor 'b': its data overlaps"},
    {"{" T("a", "F32", "1", "0", "4") "}", 8, "bytes are left"},
    {"{\"__metadata__\":[]}", 0, "__metadata__ is not an object"},
    {"{\"__metadata__\":{\"epoch\":7}}", 0, "metadata value is no text"},
};

static void hostile_headers_are_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++)
    assert_refused(file_with(hostile[i].header, hostile[i].size), hostile[i].why);
}

static void deep_nesting_is_refused(void **state) {
  (void)state;
  enum { DEPTH = 200000 };
  char *header;
  assert_ok(csa_new(&header, DEPTH + 1, 1));
  memset(header, '[', DEPTH);
  memcpy(header, "{\"a\":", 5);
  assert_refused(file_with(header, 0), "not valid JSON");
  free(header);
}

/* Any prefix of a good file is refused, and no prefix crashes the reader. */
static void truncated_files_are_refused(void **state) {
  (void)state;
  static const char header[] = "{\"__metadata__\":{\"k\":\"v\"}," T("a", "F32", "2", "0", "8") "}";
  enum { WHOLE = 8 + sizeof header - 1 + 8 };
  uint8_t bytes[WHOLE] = {sizeof header - 1};
  memcpy(bytes + 8, header, sizeof header - 1);
  const char *path = test_path(test_folder(), "prefix");
  for (size_t size = 0; size < WHOLE; size++) {
    test_write(path, bytes, size);
    assert_refused(path, "");
  }
  csa_safetensors *file;
  test_write(path, bytes, WHOLE);
  assert_ok(csa_safetensors_open(&file, path));
  csa_safetensors_close(file);
}

/* Data of odd alignment, tensors out of order, half precision, a scalar and empty tensors are all within the format. */
static void foreign_files_are_read(void **state) {
  (void)state;
  csa_safetensors *file;
  assert_ok(csa_safetensors_open(
      &file,
      file_with("{" T("b", "F32", "1", "3", "7") "," T("e", "I64", "0,3", "3", "3") "," T(
                    "a", "U8", "3", "0", "3") "," T("h", "BF16", "1", "7", "9") "," T("n", "F16", "0", "9", "9") "}   ",
                9)));
  assert_int_equal(csa_safetensors_count(file), 5);
  assert_string_equal(csa_safetensors_at(file, 0)->name, "b");
  assert_null(csa_safetensors_find(file, "__metadata__"));
  assert_null(csa_safetensors_metadata(file, "k"));
  assert_int_equal(csa_safetensors_find(file, "a")->data[2], 2);
  float value;
  uint8_t bytes[4];
  assert_ok(csa_safetensors_f32(file, "b", NULL, &value));
  memcpy(bytes, &value, 4);
  assert_memory_equal(bytes, ((const uint8_t[]){3, 4, 5, 6}), 4);
  assert_ok(csa_safetensors_i64(file, "e", NULL, NULL));
  assert_fails(CSA_INPUT, "tensor 'h': its dtype is BF16, expected F32", csa_safetensors_f32(file, "h", NULL, &value));
  assert_fails(CSA_INPUT, "tensor 'n': its dtype is F16, expected F32", csa_safetensors_f32(file, "n", NULL, &value));
  csa_safetensors_close(file);
  csa_safetensors_close(NULL);
}

static const float floats[6] = {0.0f, -0.0f, 1.5f, INFINITY, 1e-45f, -3.25f};
static const int64_t longs[2] = {INT64_MIN, INT64_MAX};
static const int32_t ints[3] = {INT32_MIN, -1, INT32_MAX};

static void write_file(const char *path) {
  csa_safetensors_writer *w;
  assert_ok(csa_safetensors_writer_begin(&w));
  assert_ok(csa_safetensors_writer_metadata(w, "model", "vit"));
  assert_ok(csa_safetensors_writer_add(w, "z", CSA_ST_F32, csa_shape2(2, 3), floats));
  assert_ok(csa_safetensors_writer_add(w, "bytes", CSA_ST_U8, csa_shape1(3), "abc"));
  assert_ok(csa_safetensors_writer_add(w, "scalar", CSA_ST_F32, csa_shape0(), &floats[5]));
  assert_ok(csa_safetensors_writer_add(w, "empty", CSA_ST_F64, csa_shape2(4, 0), NULL));
  assert_ok(csa_safetensors_writer_add(w, "longs", CSA_ST_I64, csa_shape1(2), longs));
  assert_ok(csa_safetensors_writer_add(w, "ints", CSA_ST_I32, csa_shape3(1, 3, 1), ints));
  assert_ok(csa_safetensors_writer_metadata(w, "a \"quoted\"", "line 1\nline 2 \xc3\xa4"));
  assert_ok(csa_safetensors_writer_write(w, path));
  csa_safetensors_writer_close(w);
}

static void what_is_written_is_read(void **state) {
  (void)state;
  const char *path = test_path(test_folder(), "file");
  float f[6], scalar;
  int64_t l[3];
  csa_safetensors *file;
  write_file(path);
  assert_ok(csa_safetensors_open(&file, path));
  static const char *const order[] = {"z", "bytes", "scalar", "empty", "longs", "ints"};
  assert_int_equal(csa_safetensors_count(file), 6);
  for (size_t i = 0; i < 6; i++) assert_string_equal(csa_safetensors_at(file, i)->name, order[i]);
  assert_ok(csa_safetensors_f32(file, "z", &(csa_shape){2, {2, 3}}, f));
  assert_memory_equal(f, floats, sizeof floats);
  assert_ok(csa_safetensors_f32(file, "scalar", &(csa_shape){0}, &scalar));
  assert_true(scalar == -3.25f);
  assert_int_equal(csa_safetensors_find(file, "empty")->size, 0);
  assert_ok(csa_safetensors_i64(file, "longs", NULL, l));
  assert_memory_equal(l, longs, sizeof longs);
  assert_ok(csa_safetensors_i64(file, "ints", NULL, l));
  for (int i = 0; i < 3; i++) assert_true(l[i] == ints[i]);
  assert_memory_equal(csa_safetensors_find(file, "bytes")->data, "abc", 3);
  assert_string_equal(csa_safetensors_metadata(file, "model"), "vit");
  assert_string_equal(csa_safetensors_metadata(file, "a \"quoted\""), "line 1\nline 2 \xc3\xa4");
  csa_safetensors_close(file);
}

static void reading_as_something_else_fails(void **state) {
  (void)state;
  const char *path = test_path(test_folder(), "file");
  float f[6];
  int64_t l[6];
  csa_safetensors *file;
  write_file(path);
  assert_ok(csa_safetensors_open(&file, path));
  assert_fails(CSA_INPUT, "tensor 'y': missing", csa_safetensors_f32(file, "y", NULL, f));
  assert_fails(CSA_INPUT, "tensor 'z': its shape is [2, 3], expected [3, 2]",
               csa_safetensors_f32(file, "z", &(csa_shape){2, {3, 2}}, f));
  assert_fails(CSA_INPUT, "its shape is [], expected [1]",
               csa_safetensors_f32(file, "scalar", &(csa_shape){1, {1}}, f));
  assert_fails(CSA_INPUT, "its dtype is I64, expected F32", csa_safetensors_f32(file, "longs", NULL, f));
  assert_fails(CSA_INPUT, "its dtype is F64, expected F32", csa_safetensors_f32(file, "empty", NULL, f));
  assert_fails(CSA_INPUT, "its dtype is F32, expected I64 or I32", csa_safetensors_i64(file, "z", NULL, l));
  assert_fails(CSA_INPUT, path, csa_safetensors_i64(file, "bytes", NULL, l));
  csa_safetensors_close(file);
}

/* Weights that no number came of are named, and where in the tensor. */
static void values_are_checked(void **state) {
  (void)state;
  static const float values[2][3] = {{1.0f, -3e38f, 1e-45f}, {0.0f, 1.0f, NAN}};
  const char *path = test_path(test_folder(), "file");
  csa_safetensors_writer *w;
  csa_safetensors *file;
  assert_ok(csa_safetensors_writer_begin(&w));
  assert_ok(csa_safetensors_writer_add(w, "fine", CSA_ST_F32, csa_shape1(3), values[0]));
  assert_ok(csa_safetensors_writer_add(w, "nan", CSA_ST_F32, csa_shape2(2, 3), values));
  assert_ok(csa_safetensors_writer_add(w, "inf", CSA_ST_F32, csa_shape0(), &floats[3]));
  assert_ok(csa_safetensors_writer_add(w, "empty", CSA_ST_F32, csa_shape2(0, 3), NULL));
  assert_ok(csa_safetensors_writer_write(w, path));
  csa_safetensors_writer_close(w);
  assert_ok(csa_safetensors_open(&file, path));
  assert_ok(csa_safetensors_check_f32(file, "fine", &(csa_shape){1, {3}}));
  assert_ok(csa_safetensors_check_f32(file, "empty", NULL));
  assert_fails(CSA_INPUT, "tensor 'nan': its value at [1, 2] is not a number",
               csa_safetensors_check_f32(file, "nan", &(csa_shape){2, {2, 3}}));
  assert_fails(CSA_INPUT, "tensor 'inf': its value at [] is infinite", csa_safetensors_check_f32(file, "inf", NULL));
  assert_fails(CSA_INPUT, "its shape is [2, 3], expected [3, 2]",
               csa_safetensors_check_f32(file, "nan", &(csa_shape){2, {3, 2}}));
  csa_safetensors_close(file);
}

static size_t read_bytes(const char *path, uint8_t *bytes, size_t room) {
  FILE *stream = fopen(path, "rb");
  assert_non_null(stream);
  const size_t size = fread(bytes, 1, room, stream);
  fclose(stream);
  return size;
}

static void same_calls_give_the_same_bytes(void **state) {
  (void)state;
  const char *first = test_path(test_folder(), "first"), *second = test_path(test_folder(), "second");
  uint8_t a[4096] = {0}, b[4096] = {0};
  write_file(first);
  write_file(second);
  const size_t size = read_bytes(first, a, sizeof a);
  assert_int_equal(read_bytes(second, b, sizeof b), size);
  assert_memory_equal(a, b, size);
  assert_int_equal((a[0] | a[1] << 8) % 8, 0);
  assert_int_equal(size, 8 + (size_t)(a[0] | a[1] << 8) + 24 + 3 + 4 + 0 + 16 + 12);
}

static void the_writer_says_what_it_cannot_do(void **state) {
  (void)state;
  csa_safetensors_writer *w;
  assert_ok(csa_safetensors_writer_begin(&w));
  assert_ok(csa_safetensors_writer_add(w, "a", CSA_ST_F32, csa_shape0(), floats));
  assert_fails(CSA_FAILED, "tensor 'a'", csa_safetensors_writer_add(w, "a", CSA_ST_F32, csa_shape0(), floats));
  assert_fails(CSA_FAILED, "'__metadata__'",
               csa_safetensors_writer_add(w, "__metadata__", CSA_ST_F32, csa_shape0(), floats));
  assert_fails(CSA_INPUT, "metadata 'k'", csa_safetensors_writer_metadata(w, "k", "\xff"));
  assert_fails(CSA_OUTPUT, "none/file", csa_safetensors_writer_write(w, test_path(test_folder(), "none/file")));
  assert_fails(CSA_OUTPUT, "", csa_safetensors_writer_write(w, test_folder()));
  csa_safetensors_writer_close(w);
  csa_safetensors_writer_close(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lengths_are_checked),
      cmocka_unit_test(hostile_headers_are_refused),
      cmocka_unit_test(deep_nesting_is_refused),
      cmocka_unit_test(truncated_files_are_refused),
      cmocka_unit_test(foreign_files_are_read),
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(reading_as_something_else_fails),
      cmocka_unit_test(values_are_checked),
      cmocka_unit_test(same_calls_give_the_same_bytes),
      cmocka_unit_test(the_writer_says_what_it_cannot_do),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
