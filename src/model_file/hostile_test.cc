// Model files that lie: an error that says what is wrong, without the memory that they claim.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "model_file/format.h"
#include "model_file/model_file.h"
#include "model_generated.h"

namespace whet {
namespace {

namespace fb = model_fb;
using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
using testing::HasSubstr;

constexpr auto kF32 = static_cast<uint8_t>(DType::kF32);
constexpr auto kBool = static_cast<uint8_t>(DType::kBool);
constexpr uint64_t kTensorBytes = 128;  // of every file here, the 64 at the end included

int64_t PeakKiB() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// What opening a file with the model that `build` makes says.
std::string ErrorOf(const std::function<Offset<fb::Model>(FlatBufferBuilder&)>& build) {
  FlatBufferBuilder builder;
  fb::FinishModelBuffer(builder, build(builder));
  const uint64_t index_bytes = builder.GetSize();
  const uint64_t tensors_at = sizeof(ModelHeader) + AlignTensor(index_bytes);
  const auto file = Constant::Allocate(DType::kU8, Shape{static_cast<int64_t>(tensors_at + kTensorBytes)});
  auto* bytes = static_cast<uint8_t*>(file->mutable_data());
  std::memset(bytes, 0, file->bytes());
  std::memcpy(bytes + sizeof(ModelHeader), builder.GetBufferPointer(), index_bytes);
  ModelHeader header{};
  std::memcpy(header.magic, kModelMagic, sizeof(kModelMagic));
  header.version = header.readable_from = kModelFormatVersion;
  header.index_bytes = index_bytes;
  header.tensor_bytes = kTensorBytes;
  header.index_sha256 = Sha256Of(std::as_bytes(std::span(bytes + sizeof(header), index_bytes)));
  std::memcpy(bytes, &header, sizeof(header));

  const int64_t before = PeakKiB();
  const auto model =
      OpenModelBytes({reinterpret_cast<const std::byte*>(bytes), file->bytes()}, file, "lie.whet");
  EXPECT_LT(PeakKiB() - before, 100 << 10);
  return model.ok() ? "opens" : model.status().ToString();
}

Offset<fb::Type> TypeOf(FlatBufferBuilder& b, uint8_t dtype, const std::vector<int64_t>& shape) {
  std::vector<Offset<fb::Dim>> dims;
  for (int64_t size : shape) dims.push_back(fb::CreateDim(b, size, size));
  return fb::CreateTypeDirect(b, dtype, true, &dims);
}

Offset<fb::Value> ValueOf(FlatBufferBuilder& b, const char* name, uint8_t dtype,
                          const std::vector<int64_t>& shape) {
  return fb::CreateValueDirect(b, name, TypeOf(b, dtype, shape));
}

struct Claim {
  std::vector<int64_t> shape;
  uint64_t offset = 0;
  uint64_t size = 0;
  uint32_t blob = 0;
};

// A graph that gives out one constant.
std::string ErrorOfTensor(const Claim& claim) {
  return ErrorOf([&](FlatBufferBuilder& b) {
    const std::vector<uint8_t> hash(32);
    const std::vector<Offset<fb::Blob>> blobs = {fb::CreateBlobDirect(b, claim.offset, claim.size, &hash)};
    const std::vector<Offset<fb::Tensor>> tensors = {
        fb::CreateTensorDirect(b, kF32, &claim.shape, claim.blob)};
    const std::vector<Offset<fb::Value>> constants = {fb::CreateValueDirect(b, "c", 0, 0)};
    const std::vector<uint32_t> outputs = {0};
    const auto graph = fb::CreateGraphDirect(b, "g", nullptr, &constants, nullptr, &outputs);
    return fb::CreateModelDirect(b, graph, nullptr, nullptr, &tensors, &blobs);
  });
}

TEST(HostileModelFile, TensorsBeyondTheFile) {
  EXPECT_EQ(ErrorOfTensor({{4}, 0, 16}), "opens");
  EXPECT_THAT(ErrorOfTensor({{4}, 64, 16}), HasSubstr("claim 16 bytes at 64 of 64"));
  EXPECT_THAT(ErrorOfTensor({{4}, UINT64_MAX - 63, 16}), HasSubstr("claim 16 bytes at 18446744073709551552"));
  EXPECT_THAT(ErrorOfTensor({{4}, 4, 16}), HasSubstr("claim 16 bytes at 4"));
  EXPECT_THAT(ErrorOfTensor({{4}, 0, 16, 7}), HasSubstr("do not fit together"));
}

// A graph that gives out the last of these tensors, which stand in the index.
struct SmallClaim {
  std::vector<int64_t> shape;
  std::vector<uint8_t> planes;
  std::vector<uint32_t> product;
};
std::string ErrorOfSmall(const std::vector<SmallClaim>& claims) {
  return ErrorOf([&](FlatBufferBuilder& b) {
    std::vector<Offset<fb::Tensor>> tensors;
    for (const SmallClaim& claim : claims) {
      tensors.push_back(fb::CreateTensorDirect(b, kF32, &claim.shape, 0,
                                               claim.planes.empty() ? nullptr : &claim.planes,
                                               claim.product.empty() ? nullptr : &claim.product));
    }
    const auto last = static_cast<int>(claims.size()) - 1;
    const std::vector<Offset<fb::Value>> constants = {fb::CreateValueDirect(b, "c", 0, last)};
    const std::vector<uint32_t> outputs = {0};
    const auto graph = fb::CreateGraphDirect(b, "g", nullptr, &constants, nullptr, &outputs);
    return fb::CreateModelDirect(b, graph, nullptr, nullptr, &tensors);
  });
}

TEST(HostileModelFile, SmallTensorsThatDoNotFit) {
  const SmallClaim one = {{}, std::vector<uint8_t>(4, 1), {}};
  const SmallClaim four = {{4}, std::vector<uint8_t>(16, 1), {}};
  EXPECT_EQ(ErrorOfSmall({one}), "opens");
  EXPECT_THAT(ErrorOfSmall({{{2}, std::vector<uint8_t>(4, 1), {}}}), HasSubstr("do not fit together"));
  EXPECT_THAT(ErrorOfSmall({{{1 << 20, 1 << 20}, std::vector<uint8_t>(4, 1), {}}}),
              HasSubstr("do not fit together"));

  EXPECT_EQ(ErrorOfSmall({one, four, {{4}, {}, {0, 1}}}), "opens");
  const auto refused = HasSubstr("do not fit together");
  EXPECT_THAT(ErrorOfSmall({one, four, {{4}, {}, {1, 1}}}), refused) << "the first must be one number";
  EXPECT_THAT(ErrorOfSmall({one, four, {{2}, {}, {0, 1}}}), refused) << "another shape";
  EXPECT_THAT(ErrorOfSmall({one, four, {{4}, {}, {0, 2}}}), refused) << "of itself";
  EXPECT_THAT(ErrorOfSmall({one, four, {{4}, {}, {0, 7}}}), refused) << "of what is not there";
  EXPECT_THAT(ErrorOfSmall({one, four, {{4}, {}, {0}}}), refused) << "of one";
  EXPECT_THAT(ErrorOfSmall({one, four, {{4}, {}, {0, 1}}, {{4}, {}, {0, 2}}}), refused) << "of a product";
  EXPECT_THAT(ErrorOfSmall({one, four, {{4}, std::vector<uint8_t>(16, 1), {0, 1}}}), refused) << "both";
}

TEST(HostileModelFile, ProductsThatTakeMoreThanTheIndex) {
  const SmallClaim one = {{}, std::vector<uint8_t>(4, 1), {}};
  const SmallClaim many = {{1000}, std::vector<uint8_t>(4000, 1), {}};
  std::vector<SmallClaim> claims = {one, many};
  for (int i = 0; i < 100; ++i) claims.push_back({{1000}, {}, {0, 1}});
  EXPECT_THAT(ErrorOfSmall(claims), HasSubstr("its products are larger than its index"));
}

// A graph with an input and a node, whose names stand apart.
std::string ErrorOfNames(const std::string& names) {
  return ErrorOf([&](FlatBufferBuilder& b) {
    const std::vector<Offset<fb::Value>> inputs = {ValueOf(b, "", kF32, {2})};
    const std::vector<int32_t> operands = {0};
    const std::vector<Offset<fb::Value>> results = {ValueOf(b, "", kF32, {2})};
    const std::vector<Offset<fb::Node>> nodes = {fb::CreateNodeDirect(b, "Relu", "", &operands, &results)};
    const std::vector<uint32_t> outputs = {1};
    const auto graph = fb::CreateGraphDirect(b, "g", &inputs, nullptr, &nodes, &outputs);
    const std::vector<uint8_t> bytes(names.begin(), names.end());
    return fb::CreateModelDirect(b, graph, nullptr, nullptr, nullptr, nullptr, &bytes);
  });
}

TEST(HostileModelFile, NamesThatDoNotFit) {
  using namespace std::string_literals;
  EXPECT_EQ(ErrorOfNames("x\0relu\0y\0"s), "opens");
  EXPECT_EQ(ErrorOfNames("x\0relu\0y\0\0\0"s), "opens");
  EXPECT_THAT(ErrorOfNames("x\0relu\0y"s), HasSubstr("node 'relu': has fewer names"));
  EXPECT_THAT(ErrorOfNames(""s), HasSubstr("has fewer names"));
  EXPECT_THAT(ErrorOfNames("x\0relu\0y\0z\0"s), HasSubstr("has more names"));
  EXPECT_THAT(ErrorOfNames("x\0relu\0y\0\0\0\0\0\0\0\0\0"s), HasSubstr("has more names"));
  EXPECT_THAT(ErrorOfNames("x\0relu\0x\0"s), HasSubstr("two values are called 'x'"));
  EXPECT_THAT(ErrorOfNames("x\0relu\0\0"s), HasSubstr("or one has no name"));
}

TEST(HostileModelFile, TensorsLargerThanTheFile) {
  EXPECT_THAT(ErrorOfTensor({{1 << 15, 1 << 15}, 0, uint64_t{1} << 32}), HasSubstr("claim 4294967296 bytes"));
  EXPECT_THAT(ErrorOfTensor({{1 << 15, 1 << 15}, 0, 16}), HasSubstr("do not fit together"));
}

TEST(HostileModelFile, ShapesWhoseProductOverflows) {
  const int64_t large = int64_t{1} << 33;
  // 2^66 elements are none, if nobody looks.
  EXPECT_THAT(ErrorOfTensor({{large, large}, 0, 0}), HasSubstr("do not fit together"));
  EXPECT_THAT(ErrorOfTensor({{-4, -1}, 0, 16}), HasSubstr("do not fit together"));
  EXPECT_THAT(ErrorOfTensor({std::vector<int64_t>(1000, 1), 0, 4}), HasSubstr("do not fit together"));
  const auto of_input = [](const std::vector<int64_t>& shape) {
    return ErrorOf([&](FlatBufferBuilder& b) {
      const std::vector<Offset<fb::Value>> inputs = {ValueOf(b, "x", kF32, shape)};
      const std::vector<uint32_t> outputs = {0};
      return fb::CreateModelDirect(b, fb::CreateGraphDirect(b, "g", &inputs, nullptr, nullptr, &outputs));
    });
  };
  EXPECT_EQ(of_input({2, 3}), "opens");
  EXPECT_THAT(of_input({-1}), HasSubstr("a dimension is between -1 and -1"));
  EXPECT_THAT(of_input({INT64_MAX}), HasSubstr("a dimension is between"));
  EXPECT_THAT(of_input(std::vector<int64_t>(9, 1)), HasSubstr("9 dimensions"));
}

TEST(HostileModelFile, NodesThatReadEachOther) {
  // Value 1 is the first node's output, which reads value 2, the second's, which reads value 1.
  const std::string error = ErrorOf([](FlatBufferBuilder& b) {
    const std::vector<Offset<fb::Value>> inputs = {ValueOf(b, "x", kF32, {2})};
    const auto node = [&](const char* name, int32_t from) {
      const std::vector<int32_t> operands = {from};
      const std::vector<Offset<fb::Value>> outputs = {ValueOf(b, name, kF32, {2})};
      return fb::CreateNodeDirect(b, "Relu", name, &operands, &outputs);
    };
    const std::vector<Offset<fb::Node>> nodes = {node("a", 2), node("b", 1)};
    const std::vector<uint32_t> outputs = {2};
    return fb::CreateModelDirect(b, fb::CreateGraphDirect(b, "g", &inputs, nullptr, &nodes, &outputs));
  });
  EXPECT_THAT(error, HasSubstr("node 'a': refers to value 2, which is not there (yet)"));
}

// Both branches of an If at each of `levels` levels are one and the same graph in the file.
std::string ErrorOfNested(int levels) {
  return ErrorOf([&](FlatBufferBuilder& b) {
    const std::vector<uint32_t> no_outputs;
    auto graph = fb::CreateGraphDirect(b, "leaf", nullptr, nullptr, nullptr, &no_outputs);
    for (int level = 0; level < levels; ++level) {
      const std::vector<int32_t> condition = {0};
      const std::vector<Offset<fb::Graph>> branches = {graph, graph};
      const std::vector<Offset<fb::Value>> none;
      const std::vector<Offset<fb::Node>> nodes = {
          fb::CreateNodeDirect(b, "If", "if", &condition, &none, nullptr, &branches)};
      const std::vector<Offset<fb::Value>> inputs = {ValueOf(b, "condition", kBool, {})};
      const bool top = level == levels - 1;
      graph = fb::CreateGraphDirect(b, "g", top ? &inputs : nullptr, nullptr, &nodes, &no_outputs);
    }
    return fb::CreateModelDirect(b, graph);
  });
}

TEST(HostileModelFile, SubgraphsWithoutEnd) {
  // Read out, the first would be 2^12 graphs; the second is deeper than any may be.
  EXPECT_THAT(ErrorOfNested(12), HasSubstr("is damaged"));
  EXPECT_THAT(ErrorOfNested(5000), HasSubstr("is damaged"));
}

}  // namespace
}  // namespace whet
