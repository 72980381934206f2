#include "fleet/delta/make_delta.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <unordered_map>

#include "fleet/delta/apply/delta_decoder.h"
#include "fleet/delta/byte_matcher.h"
#include "fleet/delta/delta_writer.h"
#include "fleet/delta/model_layout.h"
#include "model_file/format.h"

namespace whet::fleet {
namespace {

// Larger tensors are tried on samples of them.
constexpr uint64_t kWholeTrialBytes = 1 << 20;
constexpr int kSamples = 12;
constexpr uint64_t kSampleBytes = 48 * 1024;
// Shorter runs of equal bytes cost less as part of what surrounds them.
constexpr uint64_t kCopyBytes = 256;

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

uint32_t FormatOf(DType dtype) {
  switch (dtype) {
    case DType::kF32: return 6;
    case DType::kF16: return 4;
    case DType::kBF16: return 5;
    case DType::kF64: return 7;
    case DType::kI16:
    case DType::kU16: return 1;
    case DType::kI32:
    case DType::kU32: return 2;
    case DType::kI64:
    case DType::kU64: return 3;
    case DType::kI4:
    case DType::kU4: return 8;
    default: return 0;
  }
}

// A file, or its expanded form.
class Side {
 public:
  explicit Side(const MappedFile& file) : file_(file) {}

  // Whether there is another form than the file itself.
  Result<bool> Expand() {
    const auto bytes = file_.bytes();
    WHET_ASSIGN_OR_RETURN(auto reader, ExpandedReader::Create(
                                           bytes.size(), [bytes](uint64_t offset, std::span<std::byte> into) {
                                             std::memcpy(into.data(), bytes.data() + offset, into.size());
                                             return OkStatus();
                                           }));
    if (!reader.expands()) return false;
    expanded_.resize(reader.size());
    WHET_RETURN_IF_ERROR(reader.ReadAt(0, expanded_));
    moved_ = reader.size() - bytes.size();
    return true;
  }
  // Whether devices will come from this form to the file: another zlib may have made it, or an earlier
  // writer.
  bool Packs() const {
    uint64_t at = 0;
    ExpandedWriter writer(file_.bytes().size(), [&](std::span<const std::byte> made) {
      const bool equal = std::memcmp(made.data(), file_.bytes().data() + at, made.size()) == 0;
      at += made.size();
      return equal ? OkStatus() : Error(Code::kInvalidArgument, "the index was compressed in another way");
    });
    return writer.Write(bytes()).ok() && writer.Finish().ok();
  }

  std::span<const std::byte> bytes() const {
    return expanded_.empty() ? file_.bytes() : std::span(expanded_);
  }
  ModelLayout Layout() const {
    ModelLayout layout = ReadAnyLayout(file_);
    for (TensorPlace& tensor : layout.tensors) tensor.range.offset += moved_;
    return layout;
  }

 private:
  const MappedFile& file_;
  std::vector<std::byte> expanded_;
  uint64_t moved_ = 0;  // by how much tensors stand further back
};

class Maker {
 public:
  Maker(const Side& base, const Side& result, size_t max_block_bytes)
      : base_(base.bytes()),
        result_(result.bytes()),
        base_layout_(base.Layout()),
        result_layout_(result.Layout()),
        writer_(base_, result_, max_block_bytes) {}

  std::vector<uint8_t> Make(DeltaReport* report) {
    report_ = report;
    report->tensors = static_cast<uint32_t>(result_layout_.tensors.size());
    MatchTensors();
    uint64_t at = 0;
    for (size_t i = 0; i < result_layout_.tensors.size(); ++i) {
      const ByteRange& range = result_layout_.tensors[i].range;
      AddBytes({at, range.offset - at});
      AddTensor(i);
      at = range.offset + range.bytes;
    }
    AddBytes({at, result_.size() - at});
    Flush();
    return writer_.TakeBody();
  }

 private:
  // By bytes, by name, by type and shape.
  void MatchTensors() {
    const auto& from = base_layout_.tensors;
    const auto& to = result_layout_.tensors;
    matched_.assign(to.size(), nullptr);
    std::unordered_map<std::string_view, const TensorPlace*> by_bytes;
    std::unordered_map<std::string_view, const TensorPlace*> by_name;
    std::map<const TensorPlace*, bool> taken;
    for (const TensorPlace& tensor : from) {
      by_bytes.emplace(AsText(base_.subspan(tensor.range.offset, tensor.range.bytes)), &tensor);
      by_name.emplace(tensor.name, &tensor);
    }
    const auto match = [&](size_t i, const TensorPlace* tensor) {
      matched_[i] = tensor;
      taken[tensor] = true;
    };
    for (size_t i = 0; i < to.size(); ++i) {
      const auto found = by_bytes.find(AsText(result_.subspan(to[i].range.offset, to[i].range.bytes)));
      if (found != by_bytes.end()) match(i, found->second);
    }
    for (size_t i = 0; i < to.size(); ++i) {
      const auto found = by_name.find(to[i].name);
      if (matched_[i] != nullptr || found == by_name.end() || found->second->dtype != to[i].dtype) continue;
      // Of a tensor that grew or shrank in its first dimension the beginning is comparable.
      if (Row(*found->second) == Row(to[i])) match(i, found->second);
    }
    for (size_t i = 0; i < to.size(); ++i) {
      if (matched_[i] != nullptr) continue;
      for (const TensorPlace& tensor : from) {
        if (taken.contains(&tensor) || tensor.dtype != to[i].dtype || tensor.shape != to[i].shape) continue;
        match(i, &tensor);
        break;
      }
    }
  }

  // Elements in one step of the first dimension.
  static uint64_t Row(const TensorPlace& tensor) {
    uint64_t row = 1;
    for (int i = 1; i < tensor.shape.rank(); ++i) row *= static_cast<uint64_t>(tensor.shape[i]);
    return row;
  }

  void AddTensor(size_t index) {
    const TensorPlace& to = result_layout_.tensors[index];
    const TensorPlace* from = matched_[index];
    if (from != nullptr && from->range.bytes == to.range.bytes &&
        std::memcmp(base_.data() + from->range.offset, result_.data() + to.range.offset, to.range.bytes) ==
            0) {
      ++report_->unchanged;
      AddCopy(from->range.offset, to.range.bytes);
      return;
    }
    Flush();
    const uint64_t common = from == nullptr ? 0 : std::min(from->range.bytes, to.range.bytes);
    if (common > 0) AddBest(to, from, to.range.offset, common);
    if (common < to.range.bytes) AddBest(to, nullptr, to.range.offset + common, to.range.bytes - common);
  }

  // `from`: where the base's tensor begins, for the part of the tensor that begins at `at`.
  void AddBest(const TensorPlace& to, const TensorPlace* from, uint64_t at, uint64_t bytes) {
    std::vector<Piece> candidates;
    Piece piece;
    piece.format = FormatOf(to.dtype);
    const uint32_t element = kElementFormats[piece.format].bytes;
    piece.length = bytes / element;
    const uint64_t last = to.shape.rank() > 0 ? static_cast<uint64_t>(to.shape.back()) : 1;
    piece.row = last > 1 && last <= kMaxRow ? static_cast<uint32_t>(last) : 1;
    for (const bool even : {true, false}) {
      if (!even && element == 1) continue;
      piece.even = even;
      if (from != nullptr) {
        piece.base_offset = from->range.offset;
        piece.instruction = Instruction::kDifference;
        candidates.push_back(piece);
        piece.instruction = Instruction::kSparse;
        candidates.push_back(piece);
        piece.base_offset = 0;
      }
      piece.instruction = Instruction::kValues;
      candidates.push_back(piece);
    }
    Piece literal;
    literal.instruction = Instruction::kLiteral;
    literal.length = bytes;
    candidates.push_back(literal);
    if (from != nullptr) {
      literal.instruction = Instruction::kBytes;
      literal.base_offset = from->range.offset;
      candidates.push_back(literal);
    }
    const Piece* best = nullptr;
    double least = 0;
    for (const Piece& candidate : candidates) {
      const double cost = Trial(candidate, at, bytes, element);
      if (best != nullptr && cost >= least) continue;
      best = &candidate;
      least = cost;
    }
    switch (best->instruction) {
      case Instruction::kSparse: ++report_->sparse; break;
      case Instruction::kDifference:
      case Instruction::kBytes: ++report_->changed; break;
      default: ++report_->fresh;
    }
    const auto add = [this](std::span<const Piece> pieces) {
      const uint64_t before = writer_.coded_bytes();
      for (const Piece& part : pieces) writer_.Add(part);
      report_->tensor_bytes += writer_.coded_bytes() - before;
    };
    // What is new here may stand elsewhere in the base.
    if (from == nullptr) {
      const auto pieces = MatchedPieces(MatcherOfAll(), {at, bytes});
      if (pieces.size() > 1 || HasBase(pieces[0].instruction)) {
        if (writer_.Cost(pieces, at) < writer_.Cost({best, 1}, at)) return add(pieces);
      }
    }
    add({best, 1});
  }

  double Trial(const Piece& piece, uint64_t at, uint64_t bytes, uint32_t element) const {
    if (bytes <= kWholeTrialBytes) return writer_.Cost({&piece, 1}, at);
    double cost = 0;
    for (int i = 0; i < kSamples; ++i) {
      const uint64_t skipped =
          (bytes - kSampleBytes) / (kSamples - 1) * static_cast<uint64_t>(i) / element * element;
      Piece sample = piece;
      sample.length = kSampleBytes / BytesPerElement(piece);
      sample.base_offset += HasBase(piece.instruction) ? skipped : 0;
      cost += writer_.Cost({&sample, 1}, at + skipped);
    }
    return cost;
  }

  // What is no tensor.
  void AddBytes(ByteRange range) {
    if (range.bytes == 0) return;
    if (range.bytes < kTensorAlignment) {
      AddPadding(range);
      return;
    }
    Flush();
    const auto pieces = MatchedPieces(MatcherBetween(), range);
    Piece literal;
    literal.instruction = Instruction::kLiteral;
    literal.length = range.bytes;
    if (writer_.Cost({&literal, 1}, range.offset) <= writer_.Cost(pieces, range.offset)) {
      writer_.Add(literal);
    } else {
      for (const Piece& piece : pieces) writer_.Add(piece);
    }
  }

  void AddPadding(ByteRange range) {
    const uint64_t base_end = copy_.base_offset + copy_.length;
    if (copy_.length > 0 && base_end + range.bytes <= base_.size() &&
        std::memcmp(base_.data() + base_end, result_.data() + range.offset, range.bytes) == 0) {
      copy_.length += range.bytes;
      return;
    }
    Flush();
    Piece literal;
    literal.instruction = Instruction::kLiteral;
    literal.length = range.bytes;
    writer_.Add(literal);
  }

  // Copies that follow each other in both files become one.
  void AddCopy(uint64_t base_offset, uint64_t bytes) {
    if (copy_.length > 0 && copy_.base_offset + copy_.length == base_offset) {
      copy_.length += bytes;
      return;
    }
    Flush();
    copy_.instruction = Instruction::kCopy;
    copy_.base_offset = base_offset;
    copy_.length = bytes;
  }
  void Flush() {
    if (copy_.length > 0) writer_.Add(copy_);
    copy_.length = 0;
  }

  const ByteMatcher& MatcherBetween() {
    if (!between_) {
      between_.emplace(Bytes(base_), RangesBetween(base_layout_.tensors, base_.size()));
    }
    return *between_;
  }
  const ByteMatcher& MatcherOfAll() {
    if (!all_) {
      const ByteRange whole = {0, base_.size()};
      all_.emplace(Bytes(base_), std::span(&whole, 1));
    }
    return *all_;
  }
  static std::span<const uint8_t> Bytes(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  }

  std::vector<Piece> MatchedPieces(const ByteMatcher& matcher, ByteRange range) const {
    std::vector<Piece> pieces;
    const auto add = [&](Instruction instruction, uint64_t base_offset, uint64_t length) {
      if (length == 0) return;
      Piece piece;
      piece.instruction = instruction;
      piece.base_offset = base_offset;
      piece.length = length;
      pieces.push_back(piece);
    };
    uint64_t at = range.offset;
    for (const ByteMatch& match : matcher.Find(Bytes(result_), range)) {
      add(Instruction::kLiteral, 0, match.result_offset - at);
      // Long runs that are equal are copied, the rest is predicted.
      uint64_t told = 0;
      for (uint64_t i = 0; i < match.bytes;) {
        uint64_t run = i;
        while (run < match.bytes && base_[match.base_offset + run] == result_[match.result_offset + run])
          ++run;
        if (run - i >= kCopyBytes) {
          add(Instruction::kBytes, match.base_offset + told, i - told);
          add(Instruction::kCopy, match.base_offset + i, run - i);
          told = run;
        }
        i = run + 1;
      }
      add(Instruction::kBytes, match.base_offset + told, match.bytes - told);
      at = match.result_offset + match.bytes;
    }
    add(Instruction::kLiteral, 0, range.offset + range.bytes - at);
    return pieces;
  }

  std::span<const std::byte> base_;
  std::span<const std::byte> result_;
  ModelLayout base_layout_;
  ModelLayout result_layout_;
  std::vector<const TensorPlace*> matched_;  // for each of the result's tensors that of the base, or null
  DeltaWriter writer_;
  Piece copy_;  // not yet written if its length is not 0
  std::optional<ByteMatcher> between_;
  std::optional<ByteMatcher> all_;
  DeltaReport* report_ = nullptr;
};

Status Verify(std::span<const std::byte> base, const DeltaHeader& header, std::span<const uint8_t> body) {
  DeltaExpectation expected;
  expected.base_bytes = header.base_bytes;
  expected.result_sha256 = header.result_sha256;
  DeltaDecoder decoder(
      expected,
      [&](uint64_t offset, std::span<std::byte> bytes) {
        std::memcpy(bytes.data(), base.data() + offset, bytes.size());
        return OkStatus();
      },
      [](std::span<const std::byte>) { return OkStatus(); });
  Status status = decoder.Write(std::as_bytes(std::span(&header, 1)));
  if (status.ok()) status = decoder.Write(std::as_bytes(body));
  if (status.ok()) status = decoder.Finish();
  return status;
}

Status MakerFailed(const Status& verified) {
  return Error(Code::kInternal, "the delta that was made does not give the result (%s); please report this",
               std::string(verified.what()).c_str());
}

// Everything behind the header, and what the header says of it.
std::vector<uint8_t> MakeBody(const Side& base, const Side& result, bool expanded, DeltaHeader* header,
                              DeltaReport* report) {
  header->version = kDeltaFormatVersion;
  header->readable_from = expanded ? 2 : 1;
  std::vector<uint8_t> body;
  if (expanded) {
    const ExpandedSizes sizes = {base.bytes().size(), result.bytes().size()};
    const auto* bytes = reinterpret_cast<const uint8_t*>(&sizes);
    body.assign(bytes, bytes + sizeof(sizes));
  }
  const std::vector<uint8_t> blocks = Maker(base, result, MaxBlockBytes(expanded)).Make(report);
  body.insert(body.end(), blocks.begin(), blocks.end());
  header->body_bytes = body.size();
  return body;
}

}  // namespace

Result<DeltaReport> MakeDelta(const std::string& base_path, const std::string& result_path,
                              const std::string& delta_path) {
  WHET_ASSIGN_OR_RETURN(const MappedFile base, MappedFile::Open(base_path));
  WHET_ASSIGN_OR_RETURN(const MappedFile result, MappedFile::Open(result_path));
  DeltaReport report;
  report.base_bytes = base.bytes().size();
  report.result_bytes = result.bytes().size();
  report.base_sha256 = Sha256Of(base.bytes());
  report.result_sha256 = Sha256Of(result.bytes());
  DeltaHeader header{};
  std::memcpy(header.magic, kDeltaMagic, sizeof(kDeltaMagic));
  header.base_bytes = report.base_bytes;
  header.result_bytes = report.result_bytes;
  header.base_sha256 = report.base_sha256;
  header.result_sha256 = report.result_sha256;

  Side from(base), to(result);
  std::vector<uint8_t> body;
  bool made = false;
  WHET_ASSIGN_OR_RETURN(const bool base_expands, from.Expand());
  WHET_ASSIGN_OR_RETURN(const bool result_expands, to.Expand());
  if ((base_expands || result_expands) && to.Packs()) {
    DeltaReport tried = report;
    body = MakeBody(from, to, /*expanded=*/true, &header, &tried);
    const Status verified = Verify(base.bytes(), header, body);
    made = verified.ok();
    if (made) report = tried;
    // A delta that jumps too often within the base's index is made between the files as they are.
    if (!made && verified.code() != Code::kLimitExceeded) return MakerFailed(verified);
  }
  if (!made) {
    body = MakeBody(Side(base), Side(result), /*expanded=*/false, &header, &report);
    const Status verified = Verify(base.bytes(), header, body);
    if (!verified.ok()) return MakerFailed(verified);
  }

  WHET_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(delta_path));
  WHET_RETURN_IF_ERROR(file.Write(std::as_bytes(std::span(&header, 1))));
  WHET_RETURN_IF_ERROR(file.Write(std::as_bytes(std::span(body))));
  WHET_RETURN_IF_ERROR(file.Commit());
  report.delta_bytes = sizeof(header) + body.size();
  return report;
}

}  // namespace whet::fleet
