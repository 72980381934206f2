/* The application's side of `whet-agent`: which model to use, notice when it changes, and what became of each
 * inference. Talks to the agent over its Unix socket; nothing that went into or came out of a model is sent,
 * only the numbers below. Library: libwhet-agent.so. docs/agent.md describes the same as HTTP and JSON.
 *
 * Errors are values: a function that can fail returns 0 on success, else one of WHET_AGENT_*; the reason is
 * in whet_agent_error. Nothing throws, prints or aborts. An agent that does not answer is no reason to stop:
 * go on with the model in use.
 *
 * Thread safety: one thread at a time per whet_agent; different threads may have their own.
 */
#ifndef WHET_WHET_AGENT_H_
#define WHET_WHET_AGENT_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WHET_AGENT_ABI_VERSION 1
#define WHET_AGENT_DEFAULT_SOCKET "/run/whet-agent/agent.sock"

#if defined(__GNUC__)
#define WHET_AGENT_API __attribute__((visibility("default")))
#else
#define WHET_AGENT_API
#endif

enum {
  WHET_AGENT_OK = 0,
  WHET_AGENT_UNREACHABLE = 1, /* no agent listens there, or it does not answer in time */
  WHET_AGENT_REFUSED = 2,     /* the agent refused the request: whet_agent_error says why */
  WHET_AGENT_NO_MODEL = 3,    /* the family has no model on this device yet */
  WHET_AGENT_NO_MEMORY = 4
};

typedef struct whet_agent whet_agent;

/* `socket` may be NULL for WHET_AGENT_DEFAULT_SOCKET. Connects with each request, so this cannot fail for
 * want of an agent; NULL only if there is no memory. */
WHET_AGENT_API whet_agent* whet_agent_new(const char* socket);
WHET_AGENT_API void whet_agent_free(whet_agent* agent);
/* Of the last call that failed; valid until the next call. */
WHET_AGENT_API const char* whet_agent_error(const whet_agent* agent);

/* Strings are valid until the next whet_agent_model or whet_agent_wait on the same whet_agent. */
typedef struct whet_agent_model_info {
  const char* version;
  const char* path;  /* for whet_model_open */
  const char* plans; /* for whet_session_options.cache_folder: Plans that the agent compiled on this device */
  const char* shadow_version; /* runs beside, its answers unused, and is reported like the other; or NULL */
  const char* shadow_path;
  const char* shadow_plans;
  uint64_t generation; /* another one: another model */
} whet_agent_model_info;

/* Which model to use now. */
WHET_AGENT_API int whet_agent_model(whet_agent* agent, const char* family, whet_agent_model_info* info);
/* The same, but waits up to `seconds` (at most 60) for another generation than the given one. */
WHET_AGENT_API int whet_agent_wait(whet_agent* agent, const char* family, uint64_t generation, double seconds,
                                   whet_agent_model_info* info);

/* This process uses the model now; if it ends without whet_agent_stopped, the agent counts a crash. */
WHET_AGENT_API int whet_agent_started(whet_agent* agent, const char* family, const char* version);
WHET_AGENT_API int whet_agent_stopped(whet_agent* agent, const char* family);

typedef struct whet_agent_inference {
  uint32_t struct_size; /* sizeof(whet_agent_inference) */
  int32_t ok;           /* 0: it failed */
  double latency_ms;
  double confidence;        /* the largest score, 0 to 1; negative: unknown */
  int32_t correct;          /* 1 or 0 where the label became known; -1: unknown */
  double energy_mj;         /* negative: unknown */
  const double* input_mean; /* mean of each input, in the order of release.json's `reference`; or NULL */
  uint32_t input_mean_count;
} whet_agent_inference;

/* ok, and everything else unknown. */
WHET_AGENT_API void whet_agent_inference_init(whet_agent_inference* inference);
/* Keeps reports and sends them together: when 100 wait, when the oldest is 0.2 s old at the next call, and
 * with whet_agent_flush. Those that the agent does not take are dropped, never more than 1000 kept. */
WHET_AGENT_API int whet_agent_report(whet_agent* agent, const char* family, const char* version,
                                     const whet_agent_inference* inference);
WHET_AGENT_API int whet_agent_flush(whet_agent* agent);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* WHET_WHET_AGENT_H_ */
