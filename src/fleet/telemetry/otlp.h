// A Report as OTLP/HTTP JSON: one ExportMetricsServiceRequest, which any OpenTelemetry collector takes
// (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: camelCase names, 64-bit integers as
// decimal strings, enums as numbers, unknown fields ignored).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"
#include "fleet/telemetry/report.h"

namespace whet::fleet {

inline constexpr size_t kMaxOtlpBytes = size_t{1} << 20;

// A Report of sane values (as FromOtlpJson checks) comes back from it equal.
std::string ToOtlpJson(const Report& report);

// Takes nothing on trust: at most kMaxOtlpBytes, a nesting of 24, 4096 data points, one resource, valid
// identifiers, finite numbers that are not negative, delta temporality. Metrics whose names are not ours are
// ignored. The error says what is wrong and where.
Result<Report> FromOtlpJson(std::string_view json);

}  // namespace whet::fleet
