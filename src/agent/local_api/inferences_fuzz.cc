// What applications report, as bytes.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/local_api/routes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto report = whet::agent::ParseInferences(std::string(reinterpret_cast<const char*>(data), size));
  if (!report.ok()) return 0;
  for (const auto& inference : report->inferences) {
    if (!std::isfinite(inference.latency_ms) || inference.latency_ms < 0) std::abort();
  }
  return 0;
}
