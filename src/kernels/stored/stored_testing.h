// Matrices for tests of kernels that read stored weights.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "kernels/stored/stored.h"

namespace whet::kernels::stored {

struct TestMatrix {
  TestMatrix(const Form& form, int64_t k, int64_t n, std::mt19937& random)
      : halves(static_cast<size_t>(k * n)),
        integers(halves.size()),
        scales(static_cast<size_t>((k + form.group - 1) / form.group * n)),
        zeros(form.has_zeros != 0 ? scales.size() : 0),
        values(halves.size()) {
    std::uniform_real_distribution<float> uniform(-1, 1);
    const bool brain = form.format == Format::kBf16, four = form.format == Format::kU4;
    const auto integer = [&] {
      return static_cast<int16_t>(four ? random() % 16 : static_cast<int>(random() % 256) - 128);
    };
    for (uint16_t& half : halves) {
      const float x = uniform(random) * (random() % 7 == 0 ? 1e-6f : 1.0f);
      half = brain ? F32ToBF16(x) : F32ToF16(x);
    }
    for (int16_t& q : integers) q = integer();
    for (float& scale : scales) scale = 0.01f * (1 + uniform(random) / 2);
    for (int16_t& zero : zeros) zero = integer();
    for (int64_t i = 0; i < k * n; ++i) {
      const auto at = static_cast<size_t>(i), of_group = static_cast<size_t>(i / n / form.group * n + i % n);
      const int zero = form.has_zeros != 0 ? zeros[of_group] : four ? 8 : 0;
      values[at] = form.format == Format::kF16 ? F16ToF32(halves[at])
                   : brain                     ? BF16ToF32(halves[at])
                                               : static_cast<float>(integers[at] - zero) * scales[of_group];
    }
  }
  Weights weights() const { return {halves, integers, scales, zeros}; }

  std::vector<uint16_t> halves;
  std::vector<int16_t> integers;
  std::vector<float> scales;
  std::vector<int16_t> zeros;
  std::vector<float> values;  // what they stand for, k x n
};

// For k rows: each format, with one scale a column and with groups, with zeros and without.
inline std::vector<Form> FormsToTest(int64_t k) {
  std::vector<Form> forms = {{k, Format::kF16, 0}, {k, Format::kBf16, 0}};
  for (Format format : {Format::kI8, Format::kU4}) {
    for (uint32_t zeros : {0u, 1u}) {
      forms.push_back({k, format, zeros});
      if (k > 4) forms.push_back({4, format, zeros});
      if (k > 32) forms.push_back({32, format, zeros});
    }
  }
  return forms;
}

inline std::string ToString(const Form& form) {
  return "format " + std::to_string(static_cast<int>(form.format)) + " group " + std::to_string(form.group) +
         " zeros " + std::to_string(form.has_zeros);
}

}  // namespace whet::kernels::stored
