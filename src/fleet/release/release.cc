#include "fleet/release/release.h"

#include <algorithm>
#include <cmath>

#include "fleet/json/json.h"
#include "fleet/json/nlohmann.h"
#include "fleet/telemetry/report.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr size_t kMaxList = 65536;
constexpr uint64_t kMaxCount = uint64_t{1} << 50;

Result<const Json*> ListOf(const Json& object, const char* name) {
  WHET_ASSIGN_OR_RETURN(const Json* const list, JsonArray(object, name));
  if (list->size() > kMaxList)
    return Error(Code::kLimitExceeded, "'%s' has more than %zu entries", name, kMaxList);
  for (const Json& entry : *list) {
    if (!entry.is_object()) return Error(Code::kBadFile, "'%s' holds something that is not an object", name);
  }
  return list;
}

Result<std::vector<std::string>> StringsOf(const Json& object, const char* name) {
  WHET_ASSIGN_OR_RETURN(const Json* const list, JsonArray(object, name));
  std::vector<std::string> strings;
  if (list->size() > kMaxList)
    return Error(Code::kLimitExceeded, "'%s' has more than %zu entries", name, kMaxList);
  for (const Json& entry : *list) {
    if (!entry.is_string()) return Error(Code::kBadFile, "'%s' holds something that is not a string", name);
    strings.push_back(entry.get<std::string>());
  }
  return strings;
}

// A number that is not negative; 0 if it is absent.
Result<double> NumberOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return 0.0;
  if (!found->is_number()) return Error(Code::kBadFile, "'%s' is not a number", name);
  const auto number = found->get<double>();
  if (!std::isfinite(number) || number < 0)
    return Error(Code::kBadFile, "'%s' is negative or not finite", name);
  return number;
}

Result<uint64_t> CountOf(const Json& object, const char* name) {
  if (!object.contains(name)) return uint64_t{0};
  return JsonUnsigned(object, name, kMaxCount);
}

Result<std::vector<double>> NumbersOf(const Json& object, const char* name) {
  WHET_ASSIGN_OR_RETURN(const Json* const list, JsonArray(object, name));
  if (list->size() > kMaxList)
    return Error(Code::kLimitExceeded, "'%s' has more than %zu entries", name, kMaxList);
  std::vector<double> numbers;
  for (const Json& entry : *list) {
    if (!entry.is_number()) return Error(Code::kBadFile, "'%s' holds something that is not a number", name);
    numbers.push_back(entry.get<double>());
  }
  return numbers;
}

enum class Kind { kSignature, kWeight, kGolden };

Result<ReleaseTensor> ParseTensor(const Json& object, Kind kind) {
  ReleaseTensor tensor;
  WHET_ASSIGN_OR_RETURN(tensor.name, JsonString(object, "name"));
  WHET_ASSIGN_OR_RETURN(const std::string dtype, JsonString(object, "dtype"));
  tensor.dtype = DTypeFromName(dtype);
  if (tensor.dtype == DType::kUndefined)
    return Error(Code::kBadFile, "'%s' is not an element type", dtype.c_str());
  WHET_ASSIGN_OR_RETURN(const Json* const dims, JsonArray(object, "dims"));
  if (dims->size() > 16) return Error(Code::kLimitExceeded, "a tensor has more than 16 dimensions");
  uint64_t elements = 1;
  for (const Json& dim : *dims) {
    if (!dim.is_number_integer()) return Error(Code::kBadFile, "a dimension is not a whole number");
    const auto size = dim.get<int64_t>();
    if (size < (kind == Kind::kSignature ? -1 : 0) || size > int64_t{1} << 40) {
      return Error(Code::kBadFile, "a dimension is out of range");
    }
    tensor.dims.push_back(size);
    if (size > 0 && elements > kMaxCount / static_cast<uint64_t>(size)) {
      return Error(Code::kLimitExceeded, "the tensor '%s' is too large", tensor.name.c_str());
    }
    if (size >= 0) elements *= static_cast<uint64_t>(size);
  }
  if (kind == Kind::kSignature) return tensor;
  WHET_ASSIGN_OR_RETURN(tensor.bytes, JsonUnsigned(object, "bytes", kMaxCount));
  if (kind == Kind::kWeight) {
    WHET_ASSIGN_OR_RETURN(tensor.sha256, JsonString(object, "sha256"));
    if (!IsSha256Hex(tensor.sha256)) return Error(Code::kBadFile, "'%s' has no SHA-256", tensor.name.c_str());
    return tensor;
  }
  if (tensor.bytes != BytesOf(tensor.dtype, elements)) {
    return Error(Code::kBadFile, "the golden tensor '%s' has another size than its dimensions say",
                 tensor.name.c_str());
  }
  WHET_ASSIGN_OR_RETURN(tensor.offset, JsonUnsigned(object, "offset", kMaxCount));
  WHET_ASSIGN_OR_RETURN(tensor.rtol, NumberOf(object, "rtol"));
  WHET_ASSIGN_OR_RETURN(tensor.atol, NumberOf(object, "atol"));
  return tensor;
}

Result<std::vector<ReleaseTensor>> ParseTensors(const Json& object, const char* name, Kind kind) {
  WHET_ASSIGN_OR_RETURN(const Json* const list, ListOf(object, name));
  std::vector<ReleaseTensor> tensors;
  for (const Json& entry : *list) {
    WHET_ASSIGN_OR_RETURN(ReleaseTensor tensor, ParseTensor(entry, kind));
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

// A file of the release, in its own folder.
Status CheckTarget(const Release& release, const std::string& target, const std::string& sha256) {
  const std::string folder = ReleaseTarget(release.family, release.version, "");
  if (!target.starts_with(folder) || target.size() == folder.size() ||
      target.find('/', folder.size()) != std::string::npos) {
    return Error(Code::kBadFile, "the file '%s' is not in %s", target.c_str(), folder.c_str());
  }
  if (!IsSha256Hex(sha256)) return Error(Code::kBadFile, "'%s' has no SHA-256", target.c_str());
  return OkStatus();
}

Result<ReleaseVariant> ParseVariant(const Release& release, const Json& object) {
  ReleaseVariant variant;
  WHET_ASSIGN_OR_RETURN(variant.name, JsonString(object, "name"));
  if (!IsFamily(variant.name))
    return Error(Code::kBadFile, "'%s' is no name of a variant", variant.name.c_str());
  WHET_ASSIGN_OR_RETURN(variant.precision, JsonString(object, "precision"));
  WHET_ASSIGN_OR_RETURN(variant.target, JsonString(object, "target"));
  WHET_ASSIGN_OR_RETURN(variant.bytes, JsonUnsigned(object, "bytes", kMaxCount));
  WHET_ASSIGN_OR_RETURN(variant.sha256, JsonString(object, "sha256"));
  WHET_RETURN_IF_ERROR(CheckTarget(release, variant.target, variant.sha256));
  WHET_ASSIGN_OR_RETURN(variant.model_id, JsonString(object, "model_id"));
  WHET_ASSIGN_OR_RETURN(variant.power, JsonString(object, "power"));
  if (variant.power != "any" && variant.power != "mains" && variant.power != "battery") {
    return Error(Code::kBadFile, "'power' is '%s'; it is any, mains or battery", variant.power.c_str());
  }
  WHET_ASSIGN_OR_RETURN(variant.tensors, ParseTensors(object, "tensors", Kind::kWeight));
  return variant;
}

Status ParseGolden(const Json& object, Release& release) {
  WHET_ASSIGN_OR_RETURN(release.golden_target, JsonString(object, "target"));
  WHET_ASSIGN_OR_RETURN(release.golden_bytes, JsonUnsigned(object, "bytes", kMaxCount));
  WHET_ASSIGN_OR_RETURN(release.golden_sha256, JsonString(object, "sha256"));
  WHET_RETURN_IF_ERROR(CheckTarget(release, release.golden_target, release.golden_sha256));
  WHET_ASSIGN_OR_RETURN(const Json* const samples, ListOf(object, "samples"));
  for (const Json& entry : *samples) {
    GoldenSample sample;
    WHET_ASSIGN_OR_RETURN(sample.inputs, ParseTensors(entry, "inputs", Kind::kGolden));
    WHET_ASSIGN_OR_RETURN(sample.outputs, ParseTensors(entry, "outputs", Kind::kGolden));
    for (const std::vector<ReleaseTensor>* tensors : {&sample.inputs, &sample.outputs}) {
      for (const ReleaseTensor& tensor : *tensors) {
        if (tensor.offset % 64 != 0 || tensor.offset > release.golden_bytes ||
            tensor.bytes > release.golden_bytes - tensor.offset) {
          return Error(Code::kBadFile, "the golden tensor '%s' does not lie in golden.bin",
                       tensor.name.c_str());
        }
      }
    }
    release.samples.push_back(std::move(sample));
  }
  return OkStatus();
}

Status ParseNeeds(const Json& document, Release& release) {
  WHET_ASSIGN_OR_RETURN(const Json* const needs, JsonObject(document, "requires"));
  WHET_ASSIGN_OR_RETURN(release.requirements.architectures, StringsOf(*needs, "architectures"));
  WHET_ASSIGN_OR_RETURN(release.requirements.isa, JsonString(*needs, "isa"));
  WHET_ASSIGN_OR_RETURN(release.requirements.memory_bytes, CountOf(*needs, "memory_bytes"));
  WHET_ASSIGN_OR_RETURN(release.requirements.storage_bytes, CountOf(*needs, "storage_bytes"));
  WHET_ASSIGN_OR_RETURN(const Json* const budgets, JsonObject(document, "budgets"));
  WHET_ASSIGN_OR_RETURN(release.budgets.latency_ms_mean, NumberOf(*budgets, "latency_ms_mean"));
  WHET_ASSIGN_OR_RETURN(release.budgets.latency_ms_p95, NumberOf(*budgets, "latency_ms_p95"));
  WHET_ASSIGN_OR_RETURN(release.budgets.arena_bytes, CountOf(*budgets, "arena_bytes"));
  WHET_ASSIGN_OR_RETURN(release.budgets.energy_mj, NumberOf(*budgets, "energy_mj"));
  return OkStatus();
}

OrderedJson TensorJson(const ReleaseTensor& tensor, Kind kind, bool is_output) {
  OrderedJson json = {
      {"name", tensor.name}, {"dtype", std::string(DTypeName(tensor.dtype))}, {"dims", tensor.dims}};
  if (kind == Kind::kSignature) return json;
  if (kind == Kind::kGolden) json["offset"] = tensor.offset;
  json["bytes"] = tensor.bytes;
  if (kind == Kind::kWeight) json["sha256"] = tensor.sha256;
  if (is_output) {
    json["rtol"] = tensor.rtol;
    json["atol"] = tensor.atol;
  }
  return json;
}

OrderedJson TensorsJson(const std::vector<ReleaseTensor>& tensors, Kind kind, bool are_outputs = false) {
  OrderedJson list = OrderedJson::array();
  for (const ReleaseTensor& tensor : tensors) list.push_back(TensorJson(tensor, kind, are_outputs));
  return list;
}

}  // namespace

std::string ReleaseTarget(std::string_view family, std::string_view version, std::string_view file) {
  return "models/" + std::string(family) + "/" + std::string(version) + "/" + std::string(file);
}

std::string PrintRelease(const Release& release) {
  OrderedJson json = {{"format", 1},
                      {"family", release.family},
                      {"version", release.version},
                      {"created", release.created},
                      {"notes", release.notes},
                      {"inputs", TensorsJson(release.inputs, Kind::kSignature)},
                      {"outputs", TensorsJson(release.outputs, Kind::kSignature)},
                      {"operators", release.operators},
                      {"requires",
                       {{"architectures", release.requirements.architectures},
                        {"isa", release.requirements.isa},
                        {"memory_bytes", release.requirements.memory_bytes},
                        {"storage_bytes", release.requirements.storage_bytes}}},
                      {"budgets",
                       {{"latency_ms_mean", release.budgets.latency_ms_mean},
                        {"latency_ms_p95", release.budgets.latency_ms_p95},
                        {"arena_bytes", release.budgets.arena_bytes},
                        {"energy_mj", release.budgets.energy_mj}}}};
  json["variants"] = OrderedJson::array();
  for (const ReleaseVariant& variant : release.variants) {
    json["variants"].push_back({{"name", variant.name},
                                {"precision", variant.precision},
                                {"target", variant.target},
                                {"bytes", variant.bytes},
                                {"sha256", variant.sha256},
                                {"model_id", variant.model_id},
                                {"power", variant.power},
                                {"tensors", TensorsJson(variant.tensors, Kind::kWeight)}});
  }
  OrderedJson samples = OrderedJson::array();
  for (const GoldenSample& sample : release.samples) {
    samples.push_back({{"inputs", TensorsJson(sample.inputs, Kind::kGolden)},
                       {"outputs", TensorsJson(sample.outputs, Kind::kGolden, /*are_outputs=*/true)}});
  }
  json["golden"] = {{"target", release.golden_target},
                    {"bytes", release.golden_bytes},
                    {"sha256", release.golden_sha256},
                    {"samples", std::move(samples)}};
  if (release.reference) {
    json["reference"] = {{"input_mean", release.reference->input_mean},
                         {"input_std", release.reference->input_std}};
  }
  // Names of a model may be any bytes.
  return json.dump(1, ' ', /*ensure_ascii=*/false, OrderedJson::error_handler_t::replace) + "\n";
}

Result<Release> ParseRelease(std::string_view text) {
  WHET_ASSIGN_OR_RETURN(const Json document, ParseJson(text, {kMaxReleaseBytes, 16}));
  if (!document.is_object()) return Error(Code::kBadFile, "is not a JSON object");
  WHET_ASSIGN_OR_RETURN(const uint64_t format, JsonUnsigned(document, "format"));
  if (format != 1) return Error(Code::kUnsupported, "is of a format that this whet does not know");
  Release release;
  WHET_ASSIGN_OR_RETURN(release.family, JsonString(document, "family"));
  if (!IsFamily(release.family))
    return Error(Code::kBadFile, "'%s' is no name of a family", release.family.c_str());
  WHET_ASSIGN_OR_RETURN(release.version, JsonString(document, "version"));
  if (!IsVersion(release.version)) {
    return Error(Code::kBadFile, "'%s' is no semantic version", release.version.c_str());
  }
  WHET_ASSIGN_OR_RETURN(release.created, JsonString(document, "created"));
  WHET_ASSIGN_OR_RETURN(release.notes, JsonString(document, "notes", 65536));
  WHET_ASSIGN_OR_RETURN(release.inputs, ParseTensors(document, "inputs", Kind::kSignature));
  WHET_ASSIGN_OR_RETURN(release.outputs, ParseTensors(document, "outputs", Kind::kSignature));
  WHET_ASSIGN_OR_RETURN(release.operators, StringsOf(document, "operators"));
  WHET_RETURN_IF_ERROR(ParseNeeds(document, release));
  WHET_ASSIGN_OR_RETURN(const Json* const variants, ListOf(document, "variants"));
  if (variants->empty()) return Error(Code::kBadFile, "has no variants");
  for (const Json& entry : *variants) {
    WHET_ASSIGN_OR_RETURN(ReleaseVariant variant, ParseVariant(release, entry));
    release.variants.push_back(std::move(variant));
  }
  WHET_ASSIGN_OR_RETURN(const Json* const golden, JsonObject(document, "golden"));
  WHET_RETURN_IF_ERROR(ParseGolden(*golden, release));
  if (document.contains("reference")) {
    WHET_ASSIGN_OR_RETURN(const Json* const reference, JsonObject(document, "reference"));
    release.reference.emplace();
    WHET_ASSIGN_OR_RETURN(release.reference->input_mean, NumbersOf(*reference, "input_mean"));
    WHET_ASSIGN_OR_RETURN(release.reference->input_std, NumbersOf(*reference, "input_std"));
  }
  return release;
}

}  // namespace whet::fleet
