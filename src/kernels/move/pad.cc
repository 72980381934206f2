#include "kernels/move/pad.h"

#include <algorithm>
#include <cstring>

#include "kernels/extent.h"

namespace whet::kernels::pad {
namespace {

constexpr int64_t kBlockBytes = 16384;
constexpr int64_t kSizeLimit = int64_t{1} << 40;  // far from overflow in the arithmetic on positions

// Which element of a dimension of `size` stands at `position`, which may be outside; -1 for the constant.
int64_t SourceIndex(Mode mode, int64_t position, int64_t size) {
  if (position >= 0 && position < size) return position;
  switch (mode) {
    case Mode::kConstant: return -1;
    case Mode::kEdge: return position < 0 ? 0 : size - 1;
    case Mode::kReflect: {
      if (size == 1) return 0;
      const int64_t period = 2 * (size - 1);
      const int64_t phase = (position % period + period) % period;
      return phase < size ? phase : period - phase;
    }
    case Mode::kSymmetric: {
      const int64_t period = 2 * size;
      const int64_t phase = (position % period + period) % period;
      return phase < size ? phase : period - 1 - phase;
    }
    case Mode::kWrap: return (position % size + size) % size;
  }
  return -1;
}

template <typename T>
void PadRow(const Params& p, T* out, const T* in, T value) {
  const int last = p.dims - 1;
  const int64_t size = p.out_size[last], before = p.before[last], in_size = p.in_size[last];
  const int64_t left = std::clamp<int64_t>(before, 0, size);
  const int64_t right = std::clamp<int64_t>(before + in_size, left, size);
  if (p.mode == Mode::kConstant) {
    std::fill(out, out + left, value);
    std::fill(out + right, out + size, value);
  } else {
    for (int64_t i = 0; i < left; ++i) out[i] = in[SourceIndex(p.mode, i - before, in_size)];
    for (int64_t i = right; i < size; ++i) out[i] = in[SourceIndex(p.mode, i - before, in_size)];
  }
  if (right > left)
    std::memcpy(out + left, in + (left - before), static_cast<size_t>(right - left) * sizeof(T));
}

int64_t RowsOf(const Params& p) {
  int64_t rows = 1;
  for (int d = 0; d < p.dims - 1; ++d) rows *= p.out_size[d];
  return rows;
}

template <typename T>
void PadRows(const Params& p, T* output, const T* input, int64_t begin, int64_t end) {
  T value;
  std::memcpy(&value, p.value, sizeof(T));
  const int last = p.dims - 1;
  end = std::min(end * p.block_rows, RowsOf(p));
  for (int64_t row = begin * p.block_rows; row < end; ++row) {
    T* const out = output + row * p.out_size[last];
    int64_t rest = row, source = 0, step = p.in_size[last];
    bool outside = false;
    for (int d = last - 1; d >= 0; --d) {
      const int64_t index = SourceIndex(p.mode, rest % p.out_size[d] - p.before[d], p.in_size[d]);
      rest /= p.out_size[d];
      outside |= index < 0;
      source += index * step;
      step *= p.in_size[d];
    }
    if (outside) {
      std::fill(out, out + p.out_size[last], value);
    } else {
      PadRow(p, out, input + source, value);
    }
  }
}

void Run(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  void* const output = args.operands[0];
  const void* const input = args.operands[1];
  switch (p.element_bytes) {
    case 1: return PadRows(p, static_cast<uint8_t*>(output), static_cast<const uint8_t*>(input), begin, end);
    case 2:
      return PadRows(p, static_cast<uint16_t*>(output), static_cast<const uint16_t*>(input), begin, end);
    case 4:
      return PadRows(p, static_cast<uint32_t*>(output), static_cast<const uint32_t*>(input), begin, end);
    default:
      return PadRows(p, static_cast<uint64_t*>(output), static_cast<const uint64_t*>(input), begin, end);
  }
}

constexpr Row kRow{"pad/any/portable", Isa::kPortable, Run, Validate};

std::optional<int64_t> UnitsOf(const Params& p) {
  const std::optional<int64_t> rows = Product({p.out_size, static_cast<size_t>(p.dims - 1)});
  if (!rows) return std::nullopt;
  return CeilDiv(*rows, p.block_rows);
}

// What is wrong with params, or null.
const char* Check(const Params& p) {
  if (p.mode < Mode::kConstant || p.mode > Mode::kWrap) return "pad: unknown mode";
  if (p.element_bytes != 1 && p.element_bytes != 2 && p.element_bytes != 4 && p.element_bytes != 8) {
    return "pad: element size is not 1, 2, 4 or 8";
  }
  if (p.dims < 1 || p.dims > kMaxDims) return "pad: wrong number of dimensions";
  if (p.block_rows < 1 || p.block_rows > kSizeLimit) return "pad: empty block";
  for (int d = 0; d < p.dims; ++d) {
    if (p.out_size[d] < 0 || p.out_size[d] > kSizeLimit || p.in_size[d] < 0 || p.in_size[d] > kSizeLimit ||
        p.before[d] < -kSizeLimit || p.before[d] > kSizeLimit) {
      return "pad: a size or padding is out of range";
    }
    if (p.mode != Mode::kConstant && p.in_size[d] == 0 && p.out_size[d] > 0) {
      return "pad: nothing to fill the border from";
    }
  }
  return nullptr;
}

}  // namespace

Status Choose(Isa isa, Mode mode, int element_bytes, std::span<const int64_t> in_sizes,
              std::span<const int64_t> before, std::span<const int64_t> after, const void* value,
              Params* params, Choice* choice) {
  if (isa < kRow.isa || in_sizes.size() != before.size() || in_sizes.size() != after.size()) {
    return Error(Code::kInvalidArgument, "pad: %zu dimensions but padding for %zu and %zu", in_sizes.size(),
                 before.size(), after.size());
  }
  // A dimension that is not padded becomes part of the one before it if that is not padded either, or if what
  // it is filled with is the same everywhere.
  std::vector<int64_t> out, in, first;
  for (size_t d = 0; d < in_sizes.size(); ++d) {
    const bool plain = before[d] == 0 && after[d] == 0;
    const bool previous_plain = !in.empty() && first.back() == 0 && in.back() == out.back();
    if (plain && !in.empty() && (previous_plain || mode == Mode::kConstant)) {
      out.back() *= in_sizes[d];
      in.back() *= in_sizes[d];
      first.back() *= in_sizes[d];
    } else {
      in.push_back(in_sizes[d]);
      first.push_back(before[d]);
      out.push_back(in_sizes[d] + before[d] + after[d]);
    }
  }
  if (in.empty()) {
    in = out = {1};
    first = {0};
  }
  if (in.size() > kMaxDims) {
    return Error(Code::kUnsupported, "pad needs %zu loops; the limit is %d", in.size(), kMaxDims);
  }
  *params = {};
  params->mode = mode;
  params->element_bytes = element_bytes;
  params->dims = static_cast<int32_t>(in.size());
  if (value != nullptr && element_bytes > 0 && element_bytes <= 8) {
    std::memcpy(params->value, value, static_cast<size_t>(element_bytes));
  }
  for (size_t d = 0; d < in.size(); ++d) {
    params->out_size[d] = out[d];
    params->in_size[d] = in[d];
    params->before[d] = first[d];
  }
  const int64_t row_bytes = std::max<int64_t>(1, out.back() * element_bytes);
  params->block_rows = std::max<int64_t>(1, kBlockBytes / row_bytes);
  if (const char* problem = Check(*params)) return Error(Code::kInvalidArgument, "%s", problem);
  const std::optional<int64_t> units = UnitsOf(*params);
  if (!units) return Error(Code::kLimitExceeded, "pad: the output has more rows than 64 bits count");
  *choice = {&kRow, *units, 0};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "pad: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (claim.operand_bytes.size() != 2) return "pad: needs two operands";
  const size_t dims = static_cast<size_t>(p.dims);
  for (int i = 0; i < 2; ++i) {
    const std::optional<int64_t> elements = Product({i == 0 ? p.out_size : p.in_size, dims});
    int64_t bytes = 0;
    if (!elements || __builtin_mul_overflow(*elements, static_cast<int64_t>(p.element_bytes), &bytes) ||
        static_cast<uint64_t>(bytes) > claim.operand_bytes[static_cast<size_t>(i)]) {
      return "pad: an operand is too small";
    }
  }
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "pad: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) { rows->push_back(&kRow); }

}  // namespace whet::kernels::pad
