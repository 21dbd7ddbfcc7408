/* clsattn: training image classifiers with attention on any OpenCL device.
 *
 * The one public header. Every function that can fail returns a csa_status; csa_last_error()
 * then says, for the calling thread, what failed, where and why. The library never prints and never exits. */
#ifndef CLSATTN_H
#define CLSATTN_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CSA_API __attribute__((visibility("default")))
#else
#define CSA_API
#endif

/* Code, what it means, and the exit code of the command line for it. */
#define CSA_STATUS_LIST(X)                        \
  X(CSA_OK, "done", 0)                            \
  X(CSA_FAILED, "the work failed", 1)             \
  X(CSA_OUTPUT, "output could not be written", 1) \
  X(CSA_USAGE, "bad usage", 2)                    \
  X(CSA_INPUT, "bad or missing input", 3)         \
  X(CSA_DEVICE, "device or OpenCL error", 4)      \
  X(CSA_MEMORY, "out of memory", 5)               \
  X(CSA_INTERRUPTED, "interrupted by a signal", 130)

typedef enum {
#define CSA_STATUS_ENUM(code, text, exit_code) code,
  CSA_STATUS_LIST(CSA_STATUS_ENUM)
#undef CSA_STATUS_ENUM
} csa_status;

/* What a code means, in a few words; never NULL. */
CSA_API const char *csa_status_text(csa_status status);

/* The sentence of the calling thread's last failure: "what: where: why", further lines indented. Never NULL; valid
 * until the thread's next failure. */
CSA_API const char *csa_last_error(void);

/* "0.1.0", and the commit it was built from ("unknown" outside a checkout). */
CSA_API const char *csa_version(void);
CSA_API const char *csa_commit(void);

#ifdef __cplusplus
}
#endif
#endif
