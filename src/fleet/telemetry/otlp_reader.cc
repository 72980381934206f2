#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "fleet/json/json.h"
#include "fleet/json/nlohmann.h"
#include "fleet/telemetry/moments.h"
#include "fleet/telemetry/otlp.h"
#include "fleet/telemetry/otlp_names.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 24;
constexpr size_t kMaxPoints = 4096;
constexpr size_t kMaxText = 128;
// No device does this much between two reports; above, a number is a lie that would drown all others.
constexpr uint64_t kMaxEvents = 1'000'000'000'000;
constexpr double kMaxEnergyMj = 1e15;
constexpr uint64_t kMaxMemory = uint64_t{1} << 50;
constexpr double kMaxLatencyMs = 1e9;

// The member, or null.
const Json* Find(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

// An array's elements; an absent one has none.
Result<const Json*> FindArray(const Json& object, const char* key) {
  static const Json kNone = Json::array();
  const Json* found = Find(object, key);
  if (found == nullptr || found->is_null()) return &kNone;
  if (!found->is_array()) return Error(Code::kBadFile, "%s is not a list", key);
  return found;
}

// JSON of protobuf writes 64-bit integers as strings, but readers take numbers as well.
Result<uint64_t> ReadUnsigned(const Json* value, const char* name, uint64_t most) {
  uint64_t number = 0;
  if (value != nullptr && value->is_number_unsigned()) {
    number = value->get<uint64_t>();
  } else if (value != nullptr && value->is_string()) {
    const auto& text = value->get_ref<const std::string&>();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
      return Error(Code::kBadFile, "%s is not a whole number of at least zero", name);
    }
  } else {
    return Error(Code::kBadFile, "%s is not a whole number of at least zero", name);
  }
  if (number > most) return Error(Code::kBadFile, "%s is impossibly high", name);
  return number;
}

Result<int32_t> ReadInt32(const Json* value, const char* name) {
  if (value == nullptr) return 0;
  if (value->is_number_integer()) {
    // An unsigned value beyond int64 would wrap around in get<int64_t>.
    const bool huge = value->is_number_unsigned() && value->get<uint64_t>() > INT32_MAX;
    const int64_t number = huge ? INT64_MAX : value->get<int64_t>();
    if (number >= INT32_MIN && number <= INT32_MAX) return static_cast<int32_t>(number);
  }
  return Error(Code::kBadFile, "%s is not a 32-bit integer", name);
}

Result<double> ReadDouble(const Json* value, const char* name) {
  if (value == nullptr || !value->is_number()) return Error(Code::kBadFile, "%s is not a number", name);
  const double number = value->get<double>();
  if (!std::isfinite(number)) return Error(Code::kBadFile, "%s is not finite", name);
  return number;
}

// A point's value: asInt or asDouble.
Result<double> ReadNumber(const Json& point, double most) {
  double number = 0;
  if (const Json* integer = Find(point, "asInt")) {
    WHET_ASSIGN_OR_RETURN(const uint64_t whole, ReadUnsigned(integer, "asInt", uint64_t{1} << 53));
    number = static_cast<double>(whole);
  } else {
    WHET_ASSIGN_OR_RETURN(number, ReadDouble(Find(point, "asDouble"), "asDouble"));
  }
  if (number < 0 || number > most)
    return Error(Code::kBadFile, "the value %g is not between 0 and %g", number, most);
  return number;
}

Status AddCount(const Json& point, uint64_t& total) {
  WHET_ASSIGN_OR_RETURN(const uint64_t count, ReadUnsigned(Find(point, "asInt"), "asInt", kMaxEvents));
  total += count;
  if (total > kMaxEvents) return Error(Code::kBadFile, "the counts are impossibly high");
  return {};
}

// Text values of attributes by key; others are passed over.
struct Attributes {
  const Json& list;

  const Json* Value(const char* key, const char* kind) const {
    for (const Json& attribute : list) {
      const Json* name = Find(attribute, "key");
      if (name == nullptr || !name->is_string() || name->get_ref<const std::string&>() != key) continue;
      const Json* value = Find(attribute, "value");
      return value == nullptr ? nullptr : Find(*value, kind);
    }
    return nullptr;
  }
  // Empty if absent; longer than kMaxText, or with control characters, is an error.
  Result<std::string> Text(const char* key) const {
    const Json* value = Value(key, "stringValue");
    if (value == nullptr) return std::string();
    if (!value->is_string()) return Error(Code::kBadFile, "the attribute %s is not a text", key);
    const auto& text = value->get_ref<const std::string&>();
    if (text.size() > kMaxText || std::ranges::any_of(text, [](char c) { return c >= 0 && c < ' '; })) {
      return Error(Code::kBadFile, "the attribute %s is not a short text", key);
    }
    return text;
  }
  Result<std::string> Checked(const char* key, bool (*valid)(std::string_view)) const {
    WHET_ASSIGN_OR_RETURN(std::string text, Text(key));
    if (!valid(text)) return Error(Code::kBadFile, "the attribute %s is missing or not valid", key);
    return text;
  }
};

bool IsEmptyOrDeviceId(std::string_view text) { return text.empty() || IsDeviceId(text); }

Result<Histogram> ReadHistogram(const Json& point, double most) {
  Histogram::Parts parts;
  WHET_ASSIGN_OR_RETURN(parts.count, ReadUnsigned(Find(point, "count"), "count", kMaxEvents));
  WHET_ASSIGN_OR_RETURN(parts.scale, ReadInt32(Find(point, "scale"), "scale"));
  if (const Json* zeros = Find(point, "zeroCount")) {
    WHET_ASSIGN_OR_RETURN(parts.zero_count, ReadUnsigned(zeros, "zeroCount", kMaxEvents));
  }
  if (const Json* sum = Find(point, "sum")) {
    WHET_ASSIGN_OR_RETURN(parts.sum, ReadDouble(sum, "sum"));
  } else if (parts.count > 0) {
    return Error(Code::kBadFile, "a histogram without a sum");
  }
  if (const Json* positive = Find(point, "positive")) {
    WHET_ASSIGN_OR_RETURN(parts.offset, ReadInt32(Find(*positive, "offset"), "offset"));
    WHET_ASSIGN_OR_RETURN(const Json* counts, FindArray(*positive, "bucketCounts"));
    for (const Json& count : *counts) {
      WHET_ASSIGN_OR_RETURN(const uint64_t bucket, ReadUnsigned(&count, "bucketCounts", kMaxEvents));
      parts.buckets.push_back(bucket);
    }
  }
  if (const Json* negative = Find(point, "negative")) {
    WHET_ASSIGN_OR_RETURN(const Json* counts, FindArray(*negative, "bucketCounts"));
    for (const Json& count : *counts) {
      WHET_ASSIGN_OR_RETURN(const uint64_t bucket, ReadUnsigned(&count, "bucketCounts", kMaxEvents));
      if (bucket != 0) return Error(Code::kBadFile, "a histogram of negative values");
    }
  }
  const Json* min = Find(point, "min");
  const Json* max = Find(point, "max");
  parts.has_min_max = min != nullptr && max != nullptr;
  if (parts.has_min_max) {
    WHET_ASSIGN_OR_RETURN(parts.min, ReadDouble(min, "min"));
    WHET_ASSIGN_OR_RETURN(parts.max, ReadDouble(max, "max"));
  }
  WHET_ASSIGN_OR_RETURN(Histogram histogram, Histogram::FromParts(parts));
  if (histogram.max() > most * (1 + histogram.RelativeError())) {
    return Error(Code::kBadFile, "a histogram of values up to %g, but %g is possible", histogram.max(), most);
  }
  return histogram;
}

Status MergeHistogram(const Json& point, double most, Histogram& into) {
  WHET_ASSIGN_OR_RETURN(const Histogram histogram, ReadHistogram(point, most));
  return into.Merge(histogram);
}

// What a metric's points do to the model they are of.
Status ReadPoint(const std::string& metric, const Json& point, const Attributes& attributes,
                 ModelReport& model) {
  if (metric == kLatency) return MergeHistogram(point, kMaxLatencyMs, model.latency_ms);
  if (metric == kConfidence) return MergeHistogram(point, 1, model.confidence);
  if (metric == kErrors) return AddCount(point, model.errors);
  if (metric == kCrashes) return AddCount(point, model.crashes);
  if (metric == kLabelledCorrect) return AddCount(point, model.labelled_correct);
  if (metric == kLabelledTotal) return AddCount(point, model.labelled_total);
  if (metric == kMemory) {
    WHET_ASSIGN_OR_RETURN(model.memory_bytes, ReadUnsigned(Find(point, "asInt"), "asInt", kMaxMemory));
  } else if (metric == kEnergy) {
    WHET_ASSIGN_OR_RETURN(const double energy, ReadNumber(point, kMaxEnergyMj));
    model.energy_mj = std::min(model.energy_mj + energy, kMaxEnergyMj);
    model.has_energy = true;
  } else if (metric == kDrift) {
    WHET_ASSIGN_OR_RETURN(model.drift, ReadNumber(point, kMaxDrift));
  } else if (metric == kHealth) {
    WHET_ASSIGN_OR_RETURN(const uint64_t health, ReadUnsigned(Find(point, "asInt"), "asInt", 2));
    model.health = static_cast<Health>(health);
  } else if (metric == kActive) {
    WHET_ASSIGN_OR_RETURN(const uint64_t active, ReadUnsigned(Find(point, "asInt"), "asInt", 1));
    model.active = active == 1;
  } else if (metric == kInstall) {
    WHET_ASSIGN_OR_RETURN(const std::string outcome, attributes.Text(kOutcome));
    for (size_t i = 0; i < kInstallOutcomes; ++i) {
      if (outcome == InstallOutcomeName(static_cast<InstallOutcome>(i)))
        return AddCount(point, model.installs[i]);
    }
    return Error(Code::kBadFile, "the outcome of an installation is missing or unknown");
  }
  return {};
}

bool IsOurs(const std::string& metric) {
  return std::ranges::any_of(
      std::initializer_list<const char*>{kLatency, kErrors, kCrashes, kMemory, kEnergy, kDrift, kConfidence,
                                         kLabelledCorrect, kLabelledTotal, kInstall, kHealth, kActive},
      [&](const char* name) { return metric == name; });
}

class Reader {
 public:
  Result<Report> Read(const Json& request) {
    WHET_ASSIGN_OR_RETURN(const Json* resources, FindArray(request, "resourceMetrics"));
    if (resources->size() != 1) {
      return Error(Code::kBadFile, "a report is of one device, but the message has %zu resources",
                   resources->size());
    }
    const Json& resource = (*resources)[0];
    WHET_RETURN_IF_ERROR(ReadResource(resource));
    WHET_ASSIGN_OR_RETURN(const Json* scopes, FindArray(resource, "scopeMetrics"));
    for (const Json& scope : *scopes) {
      WHET_ASSIGN_OR_RETURN(const Json* metrics, FindArray(scope, "metrics"));
      for (const Json& metric : *metrics) WHET_RETURN_IF_ERROR(ReadMetric(metric));
    }
    for (const ModelReport& model : report_.models) {
      if (model.labelled_correct > model.labelled_total) {
        return Error(Code::kBadFile, "more labelled answers are correct than there are")
            .At("family " + model.family);
      }
    }
    return std::move(report_);
  }

 private:
  Status ReadResource(const Json& resource) {
    const Json* found = Find(resource, "resource");
    if (found == nullptr) return Error(Code::kBadFile, "the message does not say which device it is of");
    WHET_ASSIGN_OR_RETURN(const Json* list, FindArray(*found, "attributes"));
    const Attributes attributes{*list};
    WHET_ASSIGN_OR_RETURN(report_.device, attributes.Checked("device.id", IsDeviceId));
    WHET_ASSIGN_OR_RETURN(report_.boot, attributes.Checked("whet.boot", IsDeviceId));
    WHET_ASSIGN_OR_RETURN(report_.channel, attributes.Checked("whet.channel", IsFamily));
    WHET_ASSIGN_OR_RETURN(report_.agent_version, attributes.Text("whet.agent.version"));
    WHET_ASSIGN_OR_RETURN(report_.arch, attributes.Text("host.arch"));
    WHET_ASSIGN_OR_RETURN(report_.sequence, ReadUnsigned(attributes.Value("whet.sequence", "intValue"),
                                                         "whet.sequence", INT64_MAX));
    if (report_.sequence == 0) return Error(Code::kBadFile, "whet.sequence begins at 1, not 0");
    return {};
  }

  Status ReadMetric(const Json& metric) {
    const Json* name = Find(metric, "name");
    if (name == nullptr || !name->is_string()) return Error(Code::kBadFile, "a metric without a name");
    const auto& text = name->get_ref<const std::string&>();
    if (!IsOurs(text)) return {};
    const char* kind = text == kLatency || text == kConfidence ? "exponentialHistogram"
                       : text == kMemory || text == kDrift || text == kHealth || text == kActive ? "gauge"
                                                                                                 : "sum";
    return ReadData(text, metric, kind).At(text);
  }

  Status ReadData(const std::string& name, const Json& metric, const std::string& kind) {
    const Json* data = Find(metric, kind.c_str());
    if (data == nullptr) return Error(Code::kBadFile, "is not of the kind '%s'", kind.c_str());
    if (kind != "gauge") {
      WHET_ASSIGN_OR_RETURN(const int32_t temporality,
                            ReadInt32(Find(*data, "aggregationTemporality"), "aggregationTemporality"));
      if (temporality != kDeltaTemporality)
        return Error(Code::kBadFile, "its counts are not of the delta kind");
    }
    WHET_ASSIGN_OR_RETURN(const Json* points, FindArray(*data, "dataPoints"));
    for (const Json& point : *points) {
      if (++points_ > kMaxPoints) return Error(Code::kLimitExceeded, "more than %zu data points", kMaxPoints);
      WHET_ASSIGN_OR_RETURN(const Json* list, FindArray(point, "attributes"));
      const Attributes attributes{*list};
      WHET_ASSIGN_OR_RETURN(ModelReport * model, FindModel(attributes));
      WHET_RETURN_IF_ERROR(ReadTimes(point));
      WHET_RETURN_IF_ERROR(ReadPoint(name, point, attributes, *model));
    }
    return {};
  }

  Status ReadTimes(const Json& point) {
    WHET_ASSIGN_OR_RETURN(const uint64_t end,
                          ReadUnsigned(Find(point, "timeUnixNano"), "timeUnixNano", INT64_MAX));
    uint64_t start = end;
    if (const Json* value = Find(point, "startTimeUnixNano")) {
      WHET_ASSIGN_OR_RETURN(start, ReadUnsigned(value, "startTimeUnixNano", INT64_MAX));
    }
    if (start > end) return Error(Code::kBadFile, "a data point ends before it starts");
    report_.start_unix_ns = have_times_ ? std::min(report_.start_unix_ns, start) : start;
    report_.end_unix_ns = std::max(report_.end_unix_ns, end);
    have_times_ = true;
    return {};
  }

  // Valid until the next call.
  Result<ModelReport*> FindModel(const Attributes& attributes) {
    ModelReport model;
    WHET_ASSIGN_OR_RETURN(model.family, attributes.Checked("whet.family", IsFamily));
    WHET_ASSIGN_OR_RETURN(model.version, attributes.Checked("whet.version", IsVersion));
    WHET_ASSIGN_OR_RETURN(model.variant, attributes.Checked("whet.variant", IsEmptyOrDeviceId));
    WHET_ASSIGN_OR_RETURN(model.rollout, attributes.Checked("whet.rollout", IsEmptyOrDeviceId));
    for (ModelReport& known : report_.models) {
      if (known.family == model.family && known.version == model.version && known.variant == model.variant &&
          known.rollout == model.rollout) {
        return &known;
      }
    }
    if (report_.models.size() == Report::kMaxModels) {
      return Error(Code::kLimitExceeded, "more than %zu models in one report", Report::kMaxModels);
    }
    report_.models.push_back(std::move(model));
    return &report_.models.back();
  }

  Report report_;
  size_t points_ = 0;
  bool have_times_ = false;
};

}  // namespace

Result<Report> FromOtlpJson(std::string_view json) {
  WHET_ASSIGN_OR_RETURN(const Json request, ParseJson(json, {kMaxOtlpBytes, kMaxDepth}, "the report"));
  return Reader().Read(request);
}

}  // namespace whet::fleet
