/* Whet's C interface: open a model, make sessions, run them.
 *
 * Stability: functions and numbers here keep their meaning for all versions with the same WHET_ABI_VERSION;
 * structs that the caller fills begin with their own size, so that later versions can add fields at the end.
 *
 * Errors are values: a function that can fail returns NULL on success, else a whet_status that the caller
 * frees. Results are written through pointers only on success. Nothing throws, prints or aborts.
 *
 * Strings are UTF-8, NUL-terminated, and belong to the object that they were asked of.
 * Shapes count elements; the layout of every tensor is row-major and dense.
 */
#ifndef WHET_WHET_H_
#define WHET_WHET_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WHET_ABI_VERSION 1
#define WHET_MAX_RANK 8
/* Alignment, in bytes, that memory bound to a session needs. */
#define WHET_ALIGNMENT 64
/* Bytes that must be readable behind a bound input (they are never used, but vector loads may run over). */
#define WHET_SLACK 64

#if defined(__GNUC__)
#define WHET_API __attribute__((visibility("default")))
#else
#define WHET_API
#endif

typedef struct whet_status whet_status;
typedef struct whet_model whet_model;
typedef struct whet_session whet_session;

typedef enum whet_code {
  WHET_OK = 0,
  WHET_INVALID_ARGUMENT = 1, /* the caller's arguments are wrong */
  WHET_NOT_FOUND = 2,
  WHET_BAD_FILE = 3,    /* bytes that are not what they claim to be */
  WHET_UNSUPPORTED = 4, /* well formed, but not possible (yet) */
  WHET_IO = 5,
  WHET_OUT_OF_MEMORY = 6,
  WHET_LIMIT_EXCEEDED = 7,
  WHET_INTERNAL = 8 /* a bug in Whet */
} whet_code;

typedef enum whet_dtype {
  WHET_UNDEFINED = 0,
  WHET_F32 = 1,
  WHET_F16 = 2,
  WHET_BF16 = 3,
  WHET_F64 = 4,
  WHET_I8 = 5,
  WHET_U8 = 6,
  WHET_I16 = 7,
  WHET_U16 = 8,
  WHET_I32 = 9,
  WHET_U32 = 10,
  WHET_I64 = 11,
  WHET_U64 = 12,
  WHET_BOOL = 13, /* one byte, 0 or 1 */
  WHET_I4 = 14,   /* two in a byte, the first in the low half */
  WHET_U4 = 15,
  WHET_STRING = 16 /* of a model's inputs and outputs only: no session takes or gives strings */
} whet_dtype;

/* --- Library. Any thread. */

/* "0.1.0" */
WHET_API const char* whet_version(void);
/* The best instruction set that this machine offers: "portable", "avx2", "avx512", "avx512-vnni" or
 * "dotprod". */
WHET_API const char* whet_best_isa(void);

/* --- Status. One thread at a time. */

/* WHET_OK for NULL. */
WHET_API whet_code whet_status_code(const whet_status* status);
/* What happened, where, and what to do; "" for NULL. */
WHET_API const char* whet_status_message(const whet_status* status);
WHET_API void whet_status_free(whet_status* status);

/* --- Model: a Model file (.whet), or a Plan compiled from one. Immutable once opened: all functions may be
 * called from any number of threads at once. Sessions keep what they need of it alive. */

WHET_API whet_status* whet_model_open(const char* path, whet_model** model);
/* A Plan that whet_session_save_plan of this very build wrote on a machine with the same CPU. */
WHET_API whet_status* whet_plan_open(const char* path, whet_model** model);
WHET_API void whet_model_free(whet_model* model);

/* What is known of an input or output before shapes are chosen. */
typedef struct whet_tensor_info {
  const char* name;
  whet_dtype dtype;            /* WHET_UNDEFINED if it is no tensor but a sequence or an optional value */
  int32_t rank;                /* -1 if it is not known */
  int64_t dims[WHET_MAX_RANK]; /* -1 where the model leaves it open */
} whet_tensor_info;

WHET_API size_t whet_model_input_count(const whet_model* model);
WHET_API size_t whet_model_output_count(const whet_model* model);
WHET_API whet_status* whet_model_input(const whet_model* model, size_t index, whet_tensor_info* info);
WHET_API whet_status* whet_model_output(const whet_model* model, size_t index, whet_tensor_info* info);
/* A value that travels with the model, such as its labels; NULL if there is none of that key. */
WHET_API const char* whet_model_metadata(const whet_model* model, const char* key);

/* --- Sessions. One thread at a time each; any number of sessions of one model may run at once. They share
 * the packed weights if their shapes and instruction set agree. */

typedef struct whet_session_options {
  size_t struct_size;        /* sizeof(whet_session_options) */
  int32_t threads;           /* that run a session, the caller's included */
  int32_t spin_microseconds; /* how long an idle thread waits for work before it sleeps */
  const int32_t* affinity;   /* CPU numbers for the threads, or NULL */
  size_t affinity_count;
  uint64_t memory_limit;    /* bytes of arena, states and scratch; 0 is the machine's memory */
  const char* isa;          /* one that whet_best_isa may name; NULL is the best */
  const char* precision;    /* "f32" or NULL */
  const char* cache_folder; /* where finished Plans are kept for the next start; NULL keeps none */
} whet_session_options;

/* Fills in the defaults: one thread, the best instruction set, no cache. */
WHET_API void whet_session_options_init(whet_session_options* options);

/* The shape of an input, for those that the model leaves open; and for an input whose value decides the
 * shapes of others (a target size, a sample rate), that value. */
typedef struct whet_binding {
  const char* name;
  int32_t rank;
  const int64_t* dims;
  const void* value; /* dense, of the input's type, or NULL; copied */
} whet_binding;

/* `options` may be NULL. Inputs that are given by value are no inputs of the session.
 *
 * Where shapes depend on data, as behind NonMaxSuppression, what is computed before is planned like any
 * model, and the rest runs node by node on the operators' plain references: right, but slowly, and it
 * allocates. Such a session's outputs have no shape (rank -1) and no data (NULL) before the first run, and
 * are valid until the next; it has no Plan to save and takes no bound memory; memory and steps are those of
 * the planned part. */
WHET_API whet_status* whet_session_create(const whet_model* model, const whet_session_options* options,
                                          const whet_binding* bindings, size_t binding_count,
                                          whet_session** session);
WHET_API void whet_session_free(whet_session* session);
/* Goes on with other shapes. The last few shapes' Plans are kept, so going back costs nothing; pointers to
 * data are new, and states of other shapes are other states. */
WHET_API whet_status* whet_session_reshape(whet_session* session, const whet_binding* bindings,
                                           size_t binding_count);
/* Writes the session's Plan, for whet_plan_open. Replaces the file at once or not at all. */
WHET_API whet_status* whet_session_save_plan(const whet_session* session, const char* path);

typedef struct whet_tensor {
  const char* name;
  whet_dtype dtype;
  int32_t rank;
  int64_t dims[WHET_MAX_RANK];
  uint64_t bytes;
  void* data; /* the session's own memory, or what has been bound; valid until the session is reshaped, bound
                 or freed */
} whet_tensor;

WHET_API size_t whet_session_input_count(const whet_session* session);
WHET_API size_t whet_session_output_count(const whet_session* session);
/* Write inputs to, and read outputs from, `data`: nothing is copied. An input keeps its contents from run to
 * run. */
WHET_API whet_status* whet_session_input(const whet_session* session, size_t index, whet_tensor* tensor);
WHET_API whet_status* whet_session_output(const whet_session* session, size_t index, whet_tensor* tensor);

/* Uses the caller's memory for an input or output from now on. `data` is aligned to WHET_ALIGNMENT and stays
 * valid; behind an input, WHET_SLACK bytes are readable. NULL goes back to the session's memory. */
WHET_API whet_status* whet_session_bind_input(whet_session* session, size_t index, void* data,
                                              uint64_t bytes);
WHET_API whet_status* whet_session_bind_output(whet_session* session, size_t index, void* data,
                                               uint64_t bytes);

/* Allocates nothing, as long as every step has a fast kernel (whet_session_step says so). */
WHET_API whet_status* whet_session_run(whet_session* session);
/* States of recurrent and streaming models begin anew. */
WHET_API void whet_session_reset_states(whet_session* session);
/* Arena, states and scratch, in bytes: exact, and all that running needs beside the packed weights. */
WHET_API uint64_t whet_session_memory_bytes(const whet_session* session);

/* From now on runs add up the time of each step. */
WHET_API void whet_session_enable_profile(whet_session* session, int32_t on);
typedef struct whet_step {
  const char* node;    /* of the model */
  const char* op;      /* its operator */
  const char* kernel;  /* that runs it */
  int32_t reference;   /* 1: on its plain reference, for want of a fast kernel */
  int64_t macs;        /* multiply-accumulates */
  int64_t nanoseconds; /* in all runs since profiling began */
} whet_step;
WHET_API size_t whet_session_step_count(const whet_session* session);
WHET_API whet_status* whet_session_step(const whet_session* session, size_t index, whet_step* step);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* WHET_WHET_H_ */
