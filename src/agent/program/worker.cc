// The program `whet-agent-worker`, which whet-agent starts for whatever takes long or is dangerous.

#include <cstdio>
#include <exception>

#include "agent/worker/worker.h"

int main() {
  try {
    return whet::agent::WorkerMain();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "whet-agent-worker: internal error: %s\n", error.what());
  }
  return 1;
}
