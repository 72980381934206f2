#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fleet/telemetry/otlp.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto report = whet::fleet::FromOtlpJson({reinterpret_cast<const char*>(data), size});
  if (!report.ok()) return 0;
  for (const auto& model : report->models) {
    const double p95 = model.latency_ms.Quantile(0.95);
    if (!std::isfinite(p95) || p95 < model.latency_ms.min() || p95 > model.latency_ms.max()) __builtin_trap();
    if (!std::isfinite(model.latency_ms.CountAbove(p95))) __builtin_trap();
  }
  // What was taken can be sent on, and says the same.
  const std::string text = whet::fleet::ToOtlpJson(*report);
  const auto again = whet::fleet::FromOtlpJson(text);
  if (text.size() <= whet::fleet::kMaxOtlpBytes && (!again.ok() || whet::fleet::ToOtlpJson(*again) != text)) {
    __builtin_trap();
  }
  return 0;
}
