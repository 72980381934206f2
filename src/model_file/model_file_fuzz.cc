#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "ir/graph.h"
#include "model_file/format.h"
#include "model_file/model_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto copy = whet::Constant::Allocate(whet::DType::kU8, whet::Shape{static_cast<int64_t>(size)});
  auto* file = static_cast<uint8_t*>(copy->mutable_data());
  if (size > 0) std::memcpy(file, data, size);
  // A changed index would never get past its hash: make the hash right.
  whet::ModelHeader header{};
  if (size >= sizeof(header)) {
    std::memcpy(&header, file, sizeof(header));
    if (header.index_bytes <= size - sizeof(header)) {
      header.index_sha256 =
          whet::Sha256Of(std::as_bytes(std::span(file + sizeof(header), header.index_bytes)));
      std::memcpy(file, &header, sizeof(header));
    }
  }
  auto model = whet::OpenModelBytes(std::as_bytes(std::span(file, size)), copy, "fuzz");
  // What was opened can be written.
  if (model.ok() && !whet::SerializeModel(*model->graph).ok()) __builtin_trap();
  return 0;
}
