#include "agent/worker/self_tester.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <type_traits>
#include <vector>

#include "agent/storage/file_system.h"
#include "base/dtype.h"
#include "base/file.h"
#include "fleet/release/release.h"
#include "whet/whet.h"

namespace whet::agent {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kWarmUps = 3;

struct Free {
  void operator()(whet_model* model) const { whet_model_free(model); }
  void operator()(whet_session* session) const { whet_session_free(session); }
  void operator()(whet_status* status) const { whet_status_free(status); }
};
using Model = std::unique_ptr<whet_model, Free>;
using Session = std::unique_ptr<whet_session, Free>;

Status FromC(whet_status* raw) {
  const std::unique_ptr<whet_status, Free> status(raw);
  if (status == nullptr) return {};
  return Error(static_cast<Code>(whet_status_code(status.get())), "%s", whet_status_message(status.get()));
}

// The disk and the memory of the device are not the model's fault; everything else is.
bool IsOfTheDevice(const Status& status) { return status.code() == Code::kIo; }

DType TypeOf(whet_dtype dtype) { return static_cast<DType>(dtype); }

template <typename T, typename Result = double>
Result ElementAt(const std::byte* data, size_t index) {
  T value;
  std::memcpy(&value, data + index * sizeof(T), sizeof(T));
  return static_cast<Result>(value);
}

double ElementOf(DType dtype, const std::byte* data, size_t i) {
  switch (dtype) {
    case DType::kF32: return static_cast<double>(ElementAt<float>(data, i));
    case DType::kF64: return ElementAt<double>(data, i);
    case DType::kF16: return static_cast<double>(F16ToF32(ElementAt<uint16_t, uint16_t>(data, i)));
    case DType::kBF16: return static_cast<double>(BF16ToF32(ElementAt<uint16_t, uint16_t>(data, i)));
    case DType::kI8: return ElementAt<int8_t>(data, i);
    case DType::kU8:
    case DType::kBool: return ElementAt<uint8_t>(data, i);
    case DType::kI16: return ElementAt<int16_t>(data, i);
    case DType::kU16: return ElementAt<uint16_t>(data, i);
    case DType::kI32: return ElementAt<int32_t>(data, i);
    case DType::kU32: return ElementAt<uint32_t>(data, i);
    case DType::kI64: return ElementAt<int64_t>(data, i);
    case DType::kU64: return ElementAt<uint64_t>(data, i);
    default: return NAN;  // no element that a session gives has another type
  }
}

// Why the outputs differ; empty if they do not.
std::string Compare(const fleet::ReleaseTensor& golden, const std::byte* wanted, const whet_tensor& got) {
  if (TypeOf(got.dtype) != golden.dtype || got.bytes != golden.bytes ||
      !std::equal(golden.dims.begin(), golden.dims.end(), got.dims, got.dims + got.rank)) {
    return "output '" + golden.name + "' has another type or shape than the golden one";
  }
  size_t count = 1;
  for (const int64_t dim : golden.dims) count *= static_cast<size_t>(dim);
  double worst = 0;
  size_t wrong = 0;
  for (size_t i = 0; i < count; ++i) {
    const double a = ElementOf(golden.dtype, static_cast<const std::byte*>(got.data), i);
    const double b = ElementOf(golden.dtype, wanted, i);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    const double distance = std::fabs(a - b);
    if (distance <= golden.atol + golden.rtol * std::fabs(b)) continue;
    ++wrong;
    worst = std::max(worst, std::isnan(distance) ? INFINITY : distance);
  }
  if (wrong == 0) return {};
  return Format("output '%s' is off by up to %.3g in %zu of %zu elements", golden.name.c_str(), worst, wrong,
                count);
}

// Millijoules since some time, of all processor packages (kernel: Documentation/power/powercap/powercap.rst);
// nothing where it is not readable.
std::optional<double> EnergyMj() {
  double total = 0;
  bool any = false;
  for (int package = 0; package < 8; ++package) {
    std::ifstream file(Format("/sys/class/powercap/intel-rapl:%d/energy_uj", package));
    double value = 0;
    if (!(file >> value)) break;
    total += value / 1000;
    any = true;
  }
  return any ? std::optional(total) : std::nullopt;
}

class Test {
 public:
  Test(const SelfTestRequest& request, const fleet::Release& release, std::span<const std::byte> golden)
      : request_(request), release_(release), golden_(golden), plans_(PlanFolder(request.job.slot_folder)) {}

  Result<SelfTestReport> Run() {
    WHET_RETURN_IF_ERROR(PosixFileSystem().MakeFolder(plans_));
    whet_model* raw = nullptr;
    if (Status status = FromC(whet_model_open(request_.job.model_path.c_str(), &raw)); !status.ok())
      return Judge(std::move(status));
    model_.reset(raw);
    for (size_t i = 0; i < release_.samples.size(); ++i) {
      Session session;
      if (Status status = Open(release_.samples[i], session); !status.ok()) return Judge(std::move(status));
      if (Status status = FromC(whet_session_run(session.get())); !status.ok())
        return Judge(std::move(status));
      const std::string difference = CompareOutputs(release_.samples[i], session.get());
      if (!difference.empty()) return Failed(Format("golden sample %zu: %s", i, difference.c_str()));
      report_.arena_bytes = std::max(report_.arena_bytes, whet_session_memory_bytes(session.get()));
      if (i == 0) {
        if (Status status = Measure(session.get()); !status.ok()) return Judge(std::move(status));
      }
    }
    return Verdict();
  }

 private:
  Result<SelfTestReport> Judge(Status status) {
    if (IsOfTheDevice(status)) return status;
    return Failed(status.ToString());
  }
  SelfTestReport Failed(std::string reason) {
    report_.outcome = SelfTestReport::Outcome::kFailed;
    report_.reason = std::move(reason);
    return report_;
  }

  const std::byte* Golden(const fleet::ReleaseTensor& tensor) const { return golden_.data() + tensor.offset; }

  // Shapes come from the sample; if those are not enough, small integer inputs decide shapes and go in by
  // value.
  Status Open(const fleet::GoldenSample& sample, Session& session) {
    Status first = Open(sample, session, /*by_value=*/false);
    if (first.ok() || IsOfTheDevice(first)) return first;
    return Open(sample, session, /*by_value=*/true).ok() ? Status() : std::move(first);
  }

  Status Open(const fleet::GoldenSample& sample, Session& session, bool by_value) {
    std::vector<whet_binding> bindings;
    for (const fleet::ReleaseTensor& input : sample.inputs) {
      const bool value =
          by_value && (input.dtype == DType::kI64 || input.dtype == DType::kI32) && input.bytes <= 512;
      bindings.push_back({.name = input.name.c_str(),
                          .rank = static_cast<int32_t>(input.dims.size()),
                          .dims = input.dims.data(),
                          .value = value ? Golden(input) : nullptr});
    }
    whet_session_options options;
    whet_session_options_init(&options);
    options.threads = request_.threads;
    options.memory_limit = release_.requirements.memory_bytes;
    options.cache_folder = plans_.c_str();
    whet_session* raw = nullptr;
    WHET_RETURN_IF_ERROR(
        FromC(whet_session_create(model_.get(), &options, bindings.data(), bindings.size(), &raw)));
    session.reset(raw);
    for (size_t i = 0; i < whet_session_input_count(raw); ++i) {
      whet_tensor tensor;
      WHET_RETURN_IF_ERROR(FromC(whet_session_input(raw, i, &tensor)));
      const auto golden = std::ranges::find_if(
          sample.inputs, [&](const fleet::ReleaseTensor& input) { return input.name == tensor.name; });
      if (golden == sample.inputs.end() || golden->bytes != tensor.bytes ||
          golden->dtype != TypeOf(tensor.dtype)) {
        return Error(Code::kBadFile, "the golden sample has no input '%s' of the model's type and shape",
                     tensor.name);
      }
      std::memcpy(tensor.data, Golden(*golden), tensor.bytes);
    }
    return {};
  }

  std::string CompareOutputs(const fleet::GoldenSample& sample, const whet_session* session) const {
    for (const fleet::ReleaseTensor& golden : sample.outputs) {
      bool found = false;
      for (size_t i = 0; i < whet_session_output_count(session) && !found; ++i) {
        whet_tensor tensor;
        if (!FromC(whet_session_output(session, i, &tensor)).ok() || golden.name != tensor.name) continue;
        found = true;
        const std::string difference = Compare(golden, Golden(golden), tensor);
        if (!difference.empty()) return difference;
      }
      if (!found) return "the model has no output '" + golden.name + "'";
    }
    return {};
  }

  Status Measure(whet_session* session) {
    for (int i = 0; i < kWarmUps; ++i) WHET_RETURN_IF_ERROR(FromC(whet_session_run(session)));
    std::vector<double> milliseconds;
    const auto energy_before = EnergyMj();
    for (int i = 0; i < request_.runs; ++i) {
      const auto start = Clock::now();
      WHET_RETURN_IF_ERROR(FromC(whet_session_run(session)));
      milliseconds.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    }
    const auto energy_after = EnergyMj();
    if (energy_before && energy_after && *energy_after > *energy_before)
      energy_mj_ = (*energy_after - *energy_before) / request_.runs;
    for (const double value : milliseconds)
      report_.latency_ms_mean += value / static_cast<double>(milliseconds.size());
    std::ranges::sort(milliseconds);
    report_.latency_ms_p95 = milliseconds[(milliseconds.size() - 1) * 95 / 100];
    return {};
  }

  SelfTestReport Verdict() {
    report_.outcome = SelfTestReport::Outcome::kOverBudget;
    const auto over = [](double value, double budget) { return budget > 0 && value > budget; };
    if (over(report_.latency_ms_mean, release_.budgets.latency_ms_mean)) {
      report_.reason = Format("the mean latency is %.3g ms, its budget is %.3g ms", report_.latency_ms_mean,
                              release_.budgets.latency_ms_mean);
    } else if (over(report_.latency_ms_p95, release_.budgets.latency_ms_p95)) {
      report_.reason = Format("the 95th percentile of latency is %.3g ms, its budget is %.3g ms",
                              report_.latency_ms_p95, release_.budgets.latency_ms_p95);
    } else if (release_.budgets.arena_bytes > 0 && report_.arena_bytes > release_.budgets.arena_bytes) {
      report_.reason = Format("a session takes %llu bytes, its budget is %llu",
                              static_cast<unsigned long long>(report_.arena_bytes),
                              static_cast<unsigned long long>(release_.budgets.arena_bytes));
    } else if (over(energy_mj_, release_.budgets.energy_mj)) {
      report_.reason =
          Format("an inference takes %.3g mJ, its budget is %.3g mJ", energy_mj_, release_.budgets.energy_mj);
    } else {
      report_.outcome = SelfTestReport::Outcome::kPassed;
    }
    return report_;
  }

  const SelfTestRequest& request_;
  const fleet::Release& release_;
  std::span<const std::byte> golden_;
  std::string plans_;
  Model model_;
  SelfTestReport report_;
  double energy_mj_ = 0;
};

}  // namespace

Result<SelfTestReport> RunSelfTest(const SelfTestRequest& request) {
  WHET_ASSIGN_OR_RETURN(
      const std::string text,
      PosixFileSystem().ReadSmall(ReleasePath(request.job.slot_folder), fleet::kMaxReleaseBytes));
  auto release = fleet::ParseRelease(text);
  if (!release.ok()) {
    SelfTestReport report;
    report.reason = release.status().ToString();
    return report;
  }
  WHET_ASSIGN_OR_RETURN(const MappedFile golden, MappedFile::Open(GoldenPath(request.job.slot_folder)));
  if (golden.bytes().size() != release->golden_bytes) {
    return Error(Code::kBadFile, "has another size than release.json says").At(golden.path());
  }
  return Test(request, *release, golden.bytes()).Run();
}

}  // namespace whet::agent
