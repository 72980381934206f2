#include "fleet/release/pack.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "base/file.h"
#include "base/hex.h"
#include "data/array.h"
#include "fleet/json/nlohmann.h"
#include "fleet/telemetry/report.h"
#include "fleet/tuf/key.h"
#include "fleet/tuf/store.h"
#include "model_file/model_file.h"
#include "model_file/sha256.h"

namespace whet::fleet {
namespace {

constexpr uint64_t kAlignment = 64;

std::string HashOf(std::span<const std::byte> bytes) {
  const Sha256 hash = Sha256Of(bytes);
  return ToHex(hash);
}

bool IsState(const Graph& graph, const Value* value) {
  return std::ranges::any_of(graph.states, [&](const State& state) { return state.input == value; });
}

// Of this graph and those within it.
void CollectOperators(const Graph& graph, std::set<std::string>& operators) {
  for (const auto& node : graph.nodes()) {
    operators.emplace(node->op_name());
    for (const auto& subgraph : node->subgraphs) CollectOperators(*subgraph, operators);
  }
}

void CollectTensors(const Graph& graph, std::vector<ReleaseTensor>& tensors) {
  for (const Value* value : graph.values()) {
    if (!value->IsConstant() || (value->uses().empty() && !graph.IsLive(value))) continue;
    const Constant& constant = *value->constant();
    if (constant.dtype() == DType::kString) continue;  // names and labels; the file's own hash covers them
    ReleaseTensor tensor;
    tensor.name = value->name();
    tensor.dtype = constant.dtype();
    for (int i = 0; i < constant.shape().rank(); ++i) tensor.dims.push_back(constant.shape()[i]);
    tensor.bytes = constant.bytes();
    tensor.sha256 = HashOf({static_cast<const std::byte*>(constant.view().data), constant.bytes()});
    tensors.push_back(std::move(tensor));
  }
  for (const auto& node : graph.nodes()) {
    for (const auto& subgraph : node->subgraphs) CollectTensors(*subgraph, tensors);
  }
}

Result<std::vector<ReleaseTensor>> SignatureOf(const Graph& graph, std::span<Value* const> values) {
  std::vector<ReleaseTensor> signature;
  for (const Value* value : values) {
    if (IsState(graph, value)) continue;
    if (!value->type.IsTensor() || value->type.dtype == DType::kString) {
      return Error(Code::kUnsupported, "'%s' is not a tensor of numbers, which a release needs",
                   value->name().c_str());
    }
    ReleaseTensor tensor;
    tensor.name = value->name();
    tensor.dtype = value->type.dtype;
    for (const Dim& dim : value->type.dims) tensor.dims.push_back(dim.known() ? dim.lo : -1);
    signature.push_back(std::move(tensor));
  }
  return signature;
}

bool SameTypes(const std::vector<ReleaseTensor>& a, const std::vector<ReleaseTensor>& b) {
  return std::ranges::equal(a, b, [](const ReleaseTensor& x, const ReleaseTensor& y) {
    return x.name == y.name && x.dtype == y.dtype;
  });
}

// Appends a tensor's bytes to golden.bin.
Result<ReleaseTensor> AddGolden(AtomicFile& file, const std::string& name, const Constant& tensor) {
  if (tensor.dtype() == DType::kString || BitsOf(tensor.dtype()) < 8) {
    return Error(Code::kUnsupported, "'%s' has the type %s, which golden samples cannot have", name.c_str(),
                 std::string(DTypeName(tensor.dtype())).c_str());
  }
  WHET_RETURN_IF_ERROR(file.AlignTo(kAlignment));
  ReleaseTensor golden;
  golden.name = name;
  golden.dtype = tensor.dtype();
  for (int i = 0; i < tensor.shape().rank(); ++i) golden.dims.push_back(tensor.shape()[i]);
  golden.offset = file.size();
  golden.bytes = tensor.bytes();
  WHET_RETURN_IF_ERROR(
      file.Write(std::span(static_cast<const std::byte*>(tensor.view().data), tensor.bytes())));
  return golden;
}

double LargestValue(const TensorView& view) {
  double largest = 0;
  for (int64_t i = 0; i < view.elements(); ++i) {
    const double value = std::abs(data::ElementAsDouble(view, i));
    if (std::isfinite(value)) largest = std::max(largest, value);
  }
  return largest;
}

// The least atol with which `got` passes for `expected`; infinite where no atol helps.
double NeededAtol(const TensorView& expected, const TensorView& got, double rtol) {
  if (expected.dtype != got.dtype || !(expected.shape == got.shape)) return INFINITY;
  double needed = 0;
  for (int64_t i = 0; i < expected.elements(); ++i) {
    const double wanted = data::ElementAsDouble(expected, i);
    const double value = data::ElementAsDouble(got, i);
    if (wanted == value || (std::isnan(wanted) && std::isnan(value))) continue;
    const double difference = std::abs(value - wanted) - rtol * std::abs(wanted);
    if (!std::isfinite(difference)) return INFINITY;
    needed = std::max(needed, difference);
  }
  return needed;
}

// Of each output, the absolute tolerance that lets every variant pass.
Result<std::vector<double>> Tolerances(const PackOptions& options, const std::vector<PackVariant>& variants,
                                       const std::vector<TensorMap>& golden,
                                       const std::vector<std::vector<TensorPtr>>& expected) {
  const size_t outputs = expected[0].size();
  std::vector<double> largest(outputs, 0);
  for (const std::vector<TensorPtr>& sample : expected) {
    for (size_t o = 0; o < outputs; ++o) largest[o] = std::max(largest[o], LargestValue(sample[o]->view()));
  }
  std::vector<double> atol(outputs);
  for (size_t o = 0; o < outputs; ++o) atol[o] = options.atol.value_or(std::max(1e-3 * largest[o], 1e-6));
  for (const PackVariant& variant : std::span(variants).subspan(1)) {
    for (size_t s = 0; s < golden.size(); ++s) {
      WHET_ASSIGN_OR_RETURN(const std::vector<TensorPtr> got, variant.run(golden[s]));
      for (size_t o = 0; o < outputs; ++o) {
        const double needed = NeededAtol(expected[s][o]->view(), got[o]->view(), options.rtol);
        const double most = options.atol.value_or(0.5 * largest[o]);
        if (needed > most) {
          return Error(Code::kInvalidArgument,
                       "variant '%s' differs from '%s' by %g in output %zu of golden sample %zu, where at "
                       "most %g is allowed; its "
                       "devices would refuse the release",
                       variant.name.c_str(), variants[0].name.c_str(), needed, o, s, most);
        }
        if (!options.atol) atol[o] = std::max(atol[o], 2 * needed);
      }
    }
  }
  return atol;
}

// Over the samples: mean and standard deviation of each input's mean.
ReleaseReference ReferenceOf(const std::vector<ReleaseTensor>& inputs,
                             const std::vector<TensorMap>& samples) {
  ReleaseReference reference;
  for (const ReleaseTensor& input : inputs) {
    double sum = 0;
    double squares = 0;
    double count = 0;
    for (const TensorMap& sample : samples) {
      const auto found = sample.find(input.name);
      if (found == sample.end() || found->second->view().elements() == 0) continue;
      const TensorView& view = found->second->view();
      double mean = 0;
      for (int64_t i = 0; i < view.elements(); ++i) mean += data::ElementAsDouble(view, i);
      mean /= static_cast<double>(view.elements());
      sum += mean;
      squares += mean * mean;
      ++count;
    }
    const double mean = count > 0 ? sum / count : 0;
    reference.input_mean.push_back(mean);
    reference.input_std.push_back(count > 1 ? std::sqrt(std::max(0.0, squares / count - mean * mean)) : 0);
  }
  return reference;
}

Status CheckOptions(const PackOptions& options, const std::vector<PackVariant>& variants,
                    const std::vector<TensorMap>& golden) {
  if (!IsFamily(options.family)) {
    return Error(Code::kInvalidArgument, "'%s' is no name of a family: 1 to 64 of a-z, 0-9, '.', '_' and '-'",
                 options.family.c_str());
  }
  if (!IsVersion(options.version)) {
    return Error(Code::kInvalidArgument, "'%s' is no semantic version, such as 1.2.0",
                 options.version.c_str());
  }
  if (variants.empty()) return Error(Code::kInvalidArgument, "a release needs a model");
  if (golden.empty()) return Error(Code::kInvalidArgument, "a release needs golden samples");
  std::set<std::string> names;
  for (const PackVariant& variant : variants) {
    if (!IsFamily(variant.name)) {
      return Error(Code::kInvalidArgument,
                   "'%s' is no name of a variant: 1 to 64 of a-z, 0-9, '.', '_' and '-'",
                   variant.name.c_str());
    }
    if (!names.insert(variant.name).second) {
      return Error(Code::kInvalidArgument, "two variants are called '%s'", variant.name.c_str());
    }
    if (variant.power != "any" && variant.power != "mains" && variant.power != "battery") {
      return Error(Code::kInvalidArgument, "'%s' is no power; it is any, mains or battery",
                   variant.power.c_str());
    }
  }
  return OkStatus();
}

Status MakeEmptyFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const bool empty = !error && std::filesystem::is_empty(folder, error);
  if (error) return Error(Code::kIo, "cannot make the folder: %s", error.message().c_str()).At(folder);
  if (!empty)
    return Error(Code::kInvalidArgument, "is not empty; a release gets a folder of its own").At(folder);
  return OkStatus();
}

Result<ReleaseVariant> PackOne(const std::string& folder, const PackOptions& options,
                               const PackVariant& variant, std::set<std::string>& operators) {
  ReleaseVariant packed;
  packed.name = variant.name;
  packed.power = variant.power;
  packed.target = ReleaseTarget(options.family, options.version, variant.name + ".whet");
  const std::string path = folder + "/" + variant.name + ".whet";
  WHET_RETURN_IF_ERROR(SaveModel(*variant.graph, path));
  WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  packed.bytes = file.bytes().size();
  packed.sha256 = HashOf(file.bytes());
  WHET_ASSIGN_OR_RETURN(const Model model, OpenModel(path));
  packed.model_id = model.id;
  std::set<std::string> own;
  CollectOperators(*model.graph, own);
  CollectTensors(*model.graph, packed.tensors);
  packed.precision = GraphPrecision(*model.graph);
  operators.merge(own);
  return packed;
}

void AddWeights(const Graph& graph, std::map<DType, uint64_t>& bytes) {
  for (const Value* value : graph.values()) {
    if (value->IsConstant()) bytes[value->constant()->dtype()] += value->constant()->bytes();
  }
  for (const auto& node : graph.nodes()) {
    for (const auto& subgraph : node->subgraphs) AddWeights(*subgraph, bytes);
  }
}

}  // namespace

std::string GraphPrecision(const Graph& graph) {
  std::map<DType, uint64_t> bytes;
  AddWeights(graph, bytes);
  uint64_t all = 0;
  for (const auto& [dtype, size] : bytes) all += size;
  if ((bytes[DType::kI4] + bytes[DType::kU4]) * 2 > all) return "int4";
  std::set<std::string> operators;
  CollectOperators(graph, operators);
  if (operators.contains("QuantizeLinear") || operators.contains("DequantizeLinear")) return "int8";
  return (bytes[DType::kF16] + bytes[DType::kBF16]) * 2 > all ? "f16" : "f32";
}

Result<Release> PackRelease(const std::string& folder, const PackOptions& options,
                            const std::vector<PackVariant>& variants, const std::vector<TensorMap>& golden,
                            const std::vector<TensorMap>& calibration) {
  WHET_RETURN_IF_ERROR(CheckOptions(options, variants, golden));
  Release release;
  release.family = options.family;
  release.version = options.version;
  release.created = options.created;
  release.notes = options.notes;
  release.requirements = options.requirements;
  release.budgets = options.budgets;
  WHET_ASSIGN_OR_RETURN(release.inputs, SignatureOf(*variants[0].graph, variants[0].graph->inputs()));
  WHET_ASSIGN_OR_RETURN(release.outputs, SignatureOf(*variants[0].graph, variants[0].graph->outputs()));
  for (const PackVariant& variant : variants) {
    WHET_ASSIGN_OR_RETURN(const auto inputs, SignatureOf(*variant.graph, variant.graph->inputs()));
    WHET_ASSIGN_OR_RETURN(const auto outputs, SignatureOf(*variant.graph, variant.graph->outputs()));
    if (!SameTypes(inputs, release.inputs) || !SameTypes(outputs, release.outputs)) {
      return Error(Code::kInvalidArgument, "variant '%s' has other inputs or outputs than '%s'",
                   variant.name.c_str(), variants[0].name.c_str());
    }
  }
  std::vector<std::vector<TensorPtr>> expected;
  for (const TensorMap& sample : golden) {
    WHET_ASSIGN_OR_RETURN(std::vector<TensorPtr> outputs, variants[0].run(sample));
    expected.push_back(std::move(outputs));
  }
  WHET_ASSIGN_OR_RETURN(const std::vector<double> atol, Tolerances(options, variants, golden, expected));

  WHET_RETURN_IF_ERROR(MakeEmptyFolder(folder));
  std::set<std::string> operators;
  for (const PackVariant& variant : variants) {
    WHET_ASSIGN_OR_RETURN(ReleaseVariant packed, PackOne(folder, options, variant, operators));
    release.variants.push_back(std::move(packed));
  }
  release.operators.assign(operators.begin(), operators.end());
  const std::string golden_path = folder + "/golden.bin";
  WHET_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(golden_path));
  for (size_t s = 0; s < golden.size(); ++s) {
    GoldenSample sample;
    for (const auto& [name, tensor] : golden[s]) {
      WHET_ASSIGN_OR_RETURN(ReleaseTensor packed, AddGolden(file, name, *tensor));
      sample.inputs.push_back(std::move(packed));
    }
    for (size_t o = 0; o < expected[s].size(); ++o) {
      WHET_ASSIGN_OR_RETURN(ReleaseTensor packed, AddGolden(file, release.outputs[o].name, *expected[s][o]));
      packed.rtol = options.rtol;
      packed.atol = atol[o];
      sample.outputs.push_back(std::move(packed));
    }
    release.samples.push_back(std::move(sample));
  }
  release.golden_bytes = file.size();
  WHET_RETURN_IF_ERROR(file.Commit());
  WHET_ASSIGN_OR_RETURN(const MappedFile written, MappedFile::Open(golden_path));
  release.golden_sha256 = HashOf(written.bytes());
  release.golden_target = ReleaseTarget(options.family, options.version, "golden.bin");
  if (!calibration.empty()) release.reference = ReferenceOf(release.inputs, calibration);
  const std::string text = PrintRelease(release);
  WHET_RETURN_IF_ERROR(WriteFileAtomically(folder + "/release.json", std::as_bytes(std::span(text))));
  return release;
}

Result<ReleaseFolder> OpenReleaseFolder(const std::string& folder) {
  const std::string path = folder + "/release.json";
  WHET_ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(path, kMaxReleaseBytes));
  auto release = ParseRelease(text);
  if (!release.ok()) return release.TakeStatus().At(path);
  ReleaseFolder result;
  result.release = std::move(*release);
  const Release& parsed = result.release;
  result.files.push_back(
      {ReleaseTarget(parsed.family, parsed.version, "release.json"), path, text.size(), Sha256Hex(text), ""});
  const auto add = [&](const std::string& target, uint64_t bytes, const std::string& sha256,
                       std::string custom) -> Status {
    const std::string file = folder + "/" + target.substr(target.rfind('/') + 1);
    WHET_ASSIGN_OR_RETURN(const MappedFile mapped, MappedFile::Open(file));
    if (mapped.bytes().size() != bytes || HashOf(mapped.bytes()) != sha256) {
      return Error(Code::kBadFile, "is not the file that release.json describes: pack the release again")
          .At(file);
    }
    result.files.push_back({target, file, bytes, sha256, std::move(custom)});
    return OkStatus();
  };
  WHET_RETURN_IF_ERROR(add(parsed.golden_target, parsed.golden_bytes, parsed.golden_sha256, ""));
  for (const ReleaseVariant& variant : parsed.variants) {
    const nlohmann::json custom = {
        {"family", parsed.family}, {"version", parsed.version}, {"variant", variant.name}};
    WHET_RETURN_IF_ERROR(add(variant.target, variant.bytes, variant.sha256, custom.dump()));
  }
  return result;
}

}  // namespace whet::fleet
