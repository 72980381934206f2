#include "kernels/move/copy.h"

#include "measure.h"

namespace whet::bench {
namespace {

struct Case {
  const char* name;
  std::vector<int64_t> dims, dst_strides, src_strides;
};

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = [] {
    std::vector<Case> all;
    struct Image {
      const char* name;
      int64_t channels, pixels;
    };
    for (const Image& image :
         {Image{"3x224x224", 3, 50176}, Image{"4x320x320", 4, 102400}, Image{"1x128x128", 1, 16384},
          Image{"64x56x56", 64, 3136}, Image{"96x28x28", 96, 784}, Image{"512x7x7", 512, 49}}) {
      const int64_t c = image.channels, n = image.pixels;
      static std::vector<std::string> names;
      names.reserve(64);
      names.push_back(std::string("nchw_to_nhwc/") + image.name);
      all.push_back({names.back().c_str(), {n, c}, {c, 1}, {1, n}});
      names.push_back(std::string("nhwc_to_nchw/") + image.name);
      all.push_back({names.back().c_str(), {c, n}, {n, 1}, {1, c}});
    }
    all.push_back({"concat_channels/3136x24_of_56", {3136, 24}, {56, 1}, {24, 1}});
    all.push_back({"slice_columns/1000x100_of_128", {1000, 100}, {100, 1}, {128, 1}});
    all.push_back({"plain/1M", {1 << 20}, {1}, {1}});
    all.push_back({"heads/16x64x8x32", {8, 1024, 32}, {1024 * 32, 32, 1}, {32, 256, 1}});
    return all;
  }();
  return cases;
}

void Run(benchmark::State& state, Isa isa, const Case& one) {
  kernels::copy::Params params;
  kernels::Choice choice{};
  if (!kernels::copy::Choose(isa, 4, one.dims, one.dst_strides, one.src_strides, 0, &params, &choice).ok()) {
    return state.SkipWithError("refused");
  }
  int64_t elements = 1, dst = 1, src = 1;
  for (size_t d = 0; d < one.dims.size(); ++d) {
    elements *= one.dims[d];
    dst += (one.dims[d] - 1) * one.dst_strides[d];
    src += (one.dims[d] - 1) * one.src_strides[d];
  }
  Floats out(dst), in(src);
  Measure(state, choice, params, {out.data(), in.data()}, 0, 8 * static_cast<double>(elements));
}

[[maybe_unused]] const bool kRegistered = [] {
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (!IsaSupported(isa)) continue;
    for (const Case& one : Cases()) {
      benchmark::RegisterBenchmark(("copy/" + std::string(IsaName(isa)) + "/" + one.name).c_str(),
                                   [isa, &one](benchmark::State& state) { Run(state, isa, one); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace whet::bench
