#include "agent/release/device_release.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "fleet/rollout/document.h"
#include "fleet/telemetry/report.h"

namespace whet::agent {
namespace {

using nlohmann::json;

constexpr size_t kMaxSamples = 256;
constexpr size_t kMaxTensors = 256;
constexpr size_t kMaxVariants = 32;
constexpr size_t kMaxReference = 4096;
constexpr int kMaxDepth = 16;

// Collects the first fault, so that reading goes on in straight lines.
class Reader {
 public:
  bool ok() const { return fault_.empty(); }
  Status status() const {
    return ok() ? Status() : Error(Code::kBadFile, "%s", fault_.c_str()).At("release.json");
  }
  void Fault(std::string what) {
    if (fault_.empty()) fault_ = std::move(what);
  }

  static const json* Find(const json& object, const char* key) {
    if (!object.is_object()) return nullptr;
    const auto it = object.find(key);
    return it == object.end() ? nullptr : &*it;
  }
  std::string Text(const json& object, const char* key, bool needed) {
    const json* value = Find(object, key);
    if (value == nullptr && !needed) return {};
    if (value == nullptr || !value->is_string() || value->get_ref<const std::string&>().size() > 1024) {
      Fault(Format("'%s' must be a string", key));
      return {};
    }
    return value->get<std::string>();
  }
  uint64_t Count(const json& object, const char* key) {
    const json* value = Find(object, key);
    if (value == nullptr) return 0;
    if (value->is_number_unsigned() && value->get<uint64_t>() <= uint64_t{1} << 50)
      return value->get<uint64_t>();
    Fault(Format("'%s' must be a whole number, at most 2^50", key));
    return 0;
  }
  double Number(const json& object, const char* key) {
    const json* value = Find(object, key);
    if (value == nullptr) return 0;
    if (value->is_number() && value->get<double>() >= 0 && value->get<double>() <= 1e18)
      return value->get<double>();
    Fault(Format("'%s' must be a number that is not negative", key));
    return 0;
  }
  const json& List(const json& object, const char* key, size_t most) {
    static const json kNone = json::array();
    const json* value = Find(object, key);
    if (value == nullptr) return kNone;
    if (value->is_array() && value->size() <= most) return *value;
    Fault(Format("'%s' must be an array of at most %zu", key, most));
    return kNone;
  }
  std::vector<double> Numbers(const json& object, const char* key) {
    std::vector<double> numbers;
    for (const json& value : List(object, key, kMaxReference)) {
      if (!value.is_number()) Fault(Format("'%s' must be an array of numbers", key));
      numbers.push_back(value.is_number() ? value.get<double>() : 0);
    }
    return numbers;
  }
  TargetRef Target(const json& object, const std::string& folder) {
    TargetRef target{.name = Text(object, "target", true),
                     .sha256 = Text(object, "sha256", true),
                     .bytes = Count(object, "bytes")};
    const std::string_view name(target.name);
    if (!name.starts_with(folder) || name.size() == folder.size() ||
        name.find('/', folder.size()) != name.npos) {
      Fault("the file '" + target.name + "' lies outside of " + folder);
    }
    if (!fleet::IsSha256Hex(target.sha256)) Fault("'" + target.name + "' has no SHA-256");
    return target;
  }

 private:
  std::string fault_;
};

uint64_t BytesOf(std::string_view dtype) {
  static constexpr std::array<std::pair<std::string_view, uint64_t>, 13> kBytes = {{{"f32", 4},
                                                                                    {"f16", 2},
                                                                                    {"bf16", 2},
                                                                                    {"f64", 8},
                                                                                    {"i8", 1},
                                                                                    {"u8", 1},
                                                                                    {"i16", 2},
                                                                                    {"u16", 2},
                                                                                    {"i32", 4},
                                                                                    {"u32", 4},
                                                                                    {"i64", 8},
                                                                                    {"u64", 8},
                                                                                    {"bool", 1}}};
  for (const auto& [name, bytes] : kBytes) {
    if (name == dtype) return bytes;
  }
  return 0;
}

std::vector<GoldenTensor> ReadTensors(Reader& reader, const json& sample, const char* key,
                                      uint64_t file_bytes) {
  std::vector<GoldenTensor> tensors;
  for (const json& object : reader.List(sample, key, kMaxTensors)) {
    GoldenTensor& tensor = tensors.emplace_back();
    tensor.name = reader.Text(object, "name", true);
    tensor.dtype = reader.Text(object, "dtype", true);
    tensor.offset = reader.Count(object, "offset");
    tensor.bytes = reader.Count(object, "bytes");
    tensor.rtol = reader.Number(object, "rtol");
    tensor.atol = reader.Number(object, "atol");
    uint64_t bytes = BytesOf(tensor.dtype);
    if (bytes == 0) reader.Fault("golden samples cannot have the type '" + tensor.dtype + "'");
    for (const json& dim : reader.List(object, "dims", 8)) {
      const uint64_t size = dim.is_number_unsigned() ? dim.get<uint64_t>() : ~uint64_t{0};
      if (size > uint64_t{1} << 32 || (size != 0 && bytes > (uint64_t{1} << 50) / size)) {
        reader.Fault("a golden tensor's dims must be sizes");
        break;
      }
      bytes *= size;
      tensor.dims.push_back(static_cast<int64_t>(size));
    }
    if (bytes != tensor.bytes || tensor.offset % 64 != 0 || tensor.offset > file_bytes ||
        bytes > file_bytes - tensor.offset) {
      reader.Fault("the golden tensor '" + tensor.name + "' does not lie in golden.bin as it says");
    }
  }
  return tensors;
}

// Deeper nesting than a release has is refused before anything is built of it.
json Parse(std::string_view text) {
  const json::parser_callback_t limit = [](int depth, json::parse_event_t, json&) {
    return depth <= kMaxDepth;
  };
  return json::parse(text, limit, /*allow_exceptions=*/false);
}

}  // namespace

std::string DeviceRelease::Folder(std::string_view family, std::string_view version) {
  return "models/" + std::string(family) + "/" + std::string(version) + "/";
}

Result<DeviceRelease> ParseDeviceRelease(std::string_view text) {
  if (text.size() > kMaxReleaseBytes) return Error(Code::kLimitExceeded, "release.json is too long");
  const json object = Parse(text);
  if (!object.is_object()) return Error(Code::kBadFile, "release.json is no JSON object");
  Reader reader;
  DeviceRelease release;
  if (reader.Count(object, "format") != 1) reader.Fault("its 'format' is not 1: a newer agent may know it");
  release.family = reader.Text(object, "family", true);
  release.version = reader.Text(object, "version", true);
  if (!fleet::IsFamily(release.family)) reader.Fault("'family' is no name of a family");
  if (!fleet::IsVersion(release.version)) reader.Fault("'version' is no semantic version");
  const std::string folder = DeviceRelease::Folder(release.family, release.version);

  static const json kNone = json::object();
  const auto part = [&](const char* key) -> const json& {
    const json* found = Reader::Find(object, key);
    return found != nullptr && found->is_object() ? *found : kNone;
  };
  const json& needs = part("requires");
  for (const json& name : reader.List(needs, "architectures", 32)) {
    if (name.is_string()) release.architectures.push_back(name.get<std::string>());
  }
  release.isa = reader.Text(needs, "isa", false);
  release.memory_bytes = reader.Count(needs, "memory_bytes");
  release.storage_bytes = reader.Count(needs, "storage_bytes");
  const json& budgets = part("budgets");
  release.budget_latency_ms_mean = reader.Number(budgets, "latency_ms_mean");
  release.budget_latency_ms_p95 = reader.Number(budgets, "latency_ms_p95");
  release.budget_arena_bytes = reader.Count(budgets, "arena_bytes");
  release.budget_energy_mj = reader.Number(budgets, "energy_mj");

  for (const json& variant : reader.List(object, "variants", kMaxVariants)) {
    release.variants.push_back({.name = reader.Text(variant, "name", true),
                                .power = reader.Text(variant, "power", false),
                                .target = reader.Target(variant, folder)});
  }
  if (release.variants.empty()) reader.Fault("it has no variants");
  const json& golden = part("golden");
  release.golden = reader.Target(golden, folder);
  for (const json& sample : reader.List(golden, "samples", kMaxSamples)) {
    release.samples.push_back({.inputs = ReadTensors(reader, sample, "inputs", release.golden.bytes),
                               .outputs = ReadTensors(reader, sample, "outputs", release.golden.bytes)});
  }
  const json& reference = part("reference");
  release.reference_mean = reader.Numbers(reference, "input_mean");
  release.reference_std = reader.Numbers(reference, "input_std");
  if (!reader.ok()) return reader.status();
  return release;
}

std::string WhyNotHere(const DeviceRelease& release, const Machine& machine) {
  if (!release.architectures.empty() &&
      std::ranges::find(release.architectures, machine.architecture) == release.architectures.end()) {
    return "it is not made for " + machine.architecture;
  }
  if (!release.isa.empty() && release.isa != "portable") {
    // Each offers what those before it do.
    static constexpr std::array<std::string_view, 4> kX86 = {"portable", "avx2", "avx512", "avx512-vnni"};
    const auto wanted = std::ranges::find(kX86, release.isa);
    const auto best = std::ranges::find(kX86, machine.isa);
    const bool fits =
        release.isa == machine.isa || (wanted != kX86.end() && best != kX86.end() && wanted <= best);
    if (!fits) return "it needs a processor with " + release.isa + ", and this one has " + machine.isa;
  }
  if (release.memory_bytes > machine.memory_bytes) {
    return Format("it needs %llu bytes of memory, and the device has %llu",
                  static_cast<unsigned long long>(release.memory_bytes),
                  static_cast<unsigned long long>(machine.memory_bytes));
  }
  if (ChooseVariant(release, machine) == nullptr) return "it has no variant for a device on " + machine.power;
  return {};
}

const ReleaseVariant* ChooseVariant(const DeviceRelease& release, const Machine& machine) {
  const auto found = std::ranges::find_if(release.variants, [&](const ReleaseVariant& variant) {
    return variant.power.empty() || variant.power == "any" || variant.power == machine.power;
  });
  return found == release.variants.end() ? nullptr : &*found;
}

}  // namespace whet::agent
