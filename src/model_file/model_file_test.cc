#include "model_file/model_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "ir/builder.h"
#include "ir/evaluate.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "model_file/format.h"

namespace whet {
namespace {

using testing::HasSubstr;

TensorPtr Floats(std::initializer_list<float> values) {
  return Constant::Vector(DType::kF32, std::span(values.begin(), values.size()));
}

// A state that sums its input, a branch, the same weights under two names, an open dimension.
std::unique_ptr<Graph> Example() {
  auto graph = std::make_unique<Graph>("example");
  Value* x = graph->AddInput("x", Type(DType::kF32, {Dim::Symbol("batch", 1, 8), Dim(2)}));
  Value* flag = graph->AddInput("flag", Type(DType::kBool, {}));
  Value* total = graph->AddInput("total", Type(DType::kF32, {Dim(2)}));
  GraphBuilder builder(*graph);
  builder.SetNodeName("body");
  Value* w = builder.Const(Floats({3, 4}), "w");
  Value* twin = builder.Const(Floats({3, 4}), "twin");
  builder.Const(Floats({9, 9, 9}), "unused");
  Value* sum = builder.Emit("Add", {builder.Emit("Add", {x, w}), twin});
  std::vector<std::unique_ptr<Graph>> branches;
  for (const char* op : {"Relu", "Neg"}) {
    branches.push_back(std::make_unique<Graph>(op, graph.get()));
    GraphBuilder branch(*branches.back());
    branch.SetNodeName(op);
    branches.back()->AddOutput(
        branch.Emit(op, {branch.Emit("Add", {sum, branch.Const(Floats({1, 2}), "own")})}));
    EXPECT_TRUE(branch.ok());
  }
  Value* y = builder.EmitNode("If", {&flag, 1}, 1, {}, std::move(branches))[0];
  Value* next = builder.Emit("Add", {total, w});
  Value* turned = builder.Emit("Transpose", {y}, {{"perm", std::vector<int64_t>{1, 0}}});
  EXPECT_TRUE(builder.ok());
  graph->AddOutput(turned);
  graph->states.push_back({"total", total, next, Floats({5, 6})});
  graph->metadata["labels"] = std::string("a\0b", 3);
  return graph;
}

std::shared_ptr<Constant> Aligned(std::span<const std::byte> bytes) {
  auto copy = Constant::Allocate(DType::kU8, Shape{static_cast<int64_t>(bytes.size())});
  std::memcpy(copy->mutable_data(), bytes.data(), bytes.size());
  return copy;
}

Result<Model> Open(std::span<const std::byte> bytes) {
  const auto copy = Aligned(bytes);
  return OpenModelBytes(std::span(copy->view().as<const std::byte>(), bytes.size()), copy, "test.whet");
}

void FixHash(std::vector<std::byte>& file) {
  ModelHeader header;
  std::memcpy(&header, file.data(), sizeof(header));
  header.index_sha256 = Sha256Of(std::as_bytes(std::span(file)).subspan(sizeof(header), header.index_bytes));
  std::memcpy(file.data(), &header, sizeof(header));
}

TEST(ModelFile, KeepsTheWholeGraph) {
  const auto graph = Example();
  const auto bytes = SerializeModel(*graph);
  ASSERT_TRUE(bytes.ok());
  auto model = Open(*bytes);
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  const Status verified = VerifyGraph(*model->graph);
  EXPECT_TRUE(verified.ok()) << verified.ToString();
  EXPECT_EQ(model->graph->metadata, graph->metadata);
  ASSERT_EQ(model->graph->states.size(), 1U);
  EXPECT_EQ(model->graph->states[0].initial->view().as<float>()[1], 6);
  EXPECT_EQ(model->graph->inputs()[0]->type, graph->inputs()[0]->type);
  // The unused constant is gone; all else prints the same.
  graph->RemoveUnusedConstants();
  EXPECT_EQ(ToText(*model->graph), ToText(*graph));
}

// Strings, sequences and optional values.
std::unique_ptr<Graph> ExampleOfText() {
  auto graph = ParseText(R"(graph "text" {
  input %s seq(string[?])
  input %o optional(seq(f32[*]))
  const %words string[2,2] = ["", "one", "\x00é", "one"]
  const %word string[] = ["one"]
  %t seq(string[*]) = SequenceInsert(%s, %words) @"insert"
  %u seq(string[*]) = SequenceInsert(%t, %word) @"insert:1"
  %h bool[] = OptionalHasElement(%o) @"has"
  output %u
  output %h
})");
  EXPECT_TRUE(graph.ok()) << graph.status().ToString();
  return std::move(*graph);
}

TEST(ModelFile, KeepsStringsAndSequences) {
  const auto graph = ExampleOfText();
  const auto bytes = SerializeModel(*graph);
  ASSERT_TRUE(bytes.ok()) << bytes.status().ToString();
  auto model = Open(*bytes);
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  EXPECT_EQ(ToText(*model->graph), ToText(*graph));
  EXPECT_EQ(*SerializeModel(*model->graph), *bytes);
  // Only such files need a reader of version 2.
  ModelHeader header;
  std::memcpy(&header, bytes->data(), sizeof(header));
  EXPECT_EQ(header.readable_from, 2U);
  const auto plain = SerializeModel(*Example());
  std::memcpy(&header, plain->data(), sizeof(header));
  EXPECT_EQ(header.readable_from, 1U);
}

TEST(ModelFile, RefusesStringsThatDoNotFitTheirBytes) {
  const auto bytes = *SerializeModel(*ExampleOfText());
  ModelHeader header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  // The first tensor: the ends of four strings, 0, 3, 6 and 9.
  const size_t at = sizeof(header) + AlignTensor(header.index_bytes);
  const auto with_end = [&](size_t i, uint64_t end) {
    auto file = bytes;
    std::memcpy(file.data() + at + i * sizeof(end), &end, sizeof(end));
    const auto model = Open(file);
    return model.ok() ? "ok" : model.status().ToString();
  };
  EXPECT_EQ(with_end(0, 1), "ok") << "shares the characters out in another way";
  EXPECT_THAT(with_end(0, 4), HasSubstr("do not fit together")) << "the next ends before";
  EXPECT_THAT(with_end(3, 8), HasSubstr("do not fit together")) << "a character is left over";
  EXPECT_THAT(with_end(3, 10), HasSubstr("do not fit together"));
  EXPECT_THAT(with_end(2, UINT64_MAX), HasSubstr("do not fit together"));
}

TEST(ModelFile, SameGraphSameBytes) {
  const auto bytes = SerializeModel(*Example());
  auto model = Open(*bytes);
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  EXPECT_EQ(*SerializeModel(*model->graph), *bytes);
  EXPECT_EQ(*ModelId(*Example()->Clone()), model->id);
  EXPECT_EQ(model->id.size(), 64U);
}

TEST(ModelFile, StoresTheSameTensorOnceAndAligned) {
  const auto bytes = SerializeModel(*Example());
  auto model = Open(*bytes);
  ASSERT_TRUE(model.ok());
  const void* w = model->graph->FindValue("w")->constant()->view().data;
  EXPECT_EQ(w, model->graph->FindValue("twin")->constant()->view().data);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(w) % kTensorAlignment, 0U);
}

TEST(ModelFile, SavesAndMaps) {
  const std::string path = testing::TempDir() + "model_file_test.whet";
  ASSERT_TRUE(SaveModel(*Example(), path).ok());
  auto model = OpenModel(path);
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  std::filesystem::remove(path);
  // The map outlives the name.
  EXPECT_EQ(model->graph->FindValue("w")->constant()->view().as<float>()[0], 3);
}

TEST(ModelFile, FindsChangedTensors) {
  auto bytes = *SerializeModel(*Example());
  const auto hashes_of = [](std::span<const std::byte> file) {
    const auto copy = Aligned(file);
    return VerifyModelHashes(std::span(copy->view().as<const std::byte>(), file.size()), "test.whet");
  };
  EXPECT_TRUE(hashes_of(bytes).ok());
  ModelHeader header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  bytes[sizeof(header) + AlignTensor(header.index_bytes)] ^= std::byte{1};
  EXPECT_TRUE(Open(bytes).ok()) << "opening does not read the tensors";
  EXPECT_THAT(hashes_of(bytes).ToString(), HasSubstr("do not match their SHA-256"));
}

// As many small tensors as the compact form takes, and a bias whose scale is the product of two others.
std::unique_ptr<Graph> ExampleOfMany() {
  auto graph = std::make_unique<Graph>("many");
  Value* x = graph->AddInput("x", Type::Of(DType::kU8, Shape{1, 3}.dims()));
  GraphBuilder b(*graph);
  b.SetNodeName("layer");
  const float x_scale = 0.037F, w_scales[] = {0.1F, 0.7F};
  Value* real = b.Emit("DequantizeLinear", {x, b.Const(Constant::ScalarF32(x_scale), "x:scale")});
  const int8_t weights[] = {1, -2, 3, -128, 127, 0};
  Value* w = b.Emit("DequantizeLinear",
                    {b.Const(Constant::Copy(DType::kI8, Shape{2, 3}, weights), "w"),
                     b.Const(Floats({w_scales[0], w_scales[1]}), "w:scale")},
                    {{"axis", int64_t{0}}});
  const int32_t bias[] = {70000, -1};
  Value* c = b.Emit("DequantizeLinear",
                    {b.Const(Constant::Copy(DType::kI32, Shape{2}, bias), "bias"),
                     b.Const(Floats({x_scale * w_scales[0], x_scale * w_scales[1]}), "bias:scale")},
                    {{"axis", int64_t{0}}});
  Value* y = b.Emit("MatMul", {real, w, c}, {{"transpose_b", int64_t{1}}});
  for (size_t i = 0; i < kManySmallTensors; ++i) {
    y = b.Emit("Add", {y, b.Const(Floats({static_cast<float>(i) + 0.1F, -1e-30F}), Format("c%zu", i))});
  }
  auto large = Constant::Allocate(DType::kF32, Shape{static_cast<int64_t>(kSmallTensorBytes / 4), 2});
  for (int64_t i = 0; i < large->shape().elements(); ++i) {
    static_cast<float*>(large->mutable_data())[i] = static_cast<float>(i);
  }
  y = b.Emit("Add", {y, b.Const(large, "large")});
  EXPECT_TRUE(b.ok()) << b.TakeStatus().ToString();
  graph->AddOutput(y);
  return graph;
}

ModelHeader HeaderOf(const std::vector<std::byte>& file) {
  ModelHeader header;
  std::memcpy(&header, file.data(), sizeof(header));
  return header;
}

TEST(ModelFile, TheCompactFormKeepsTheGraph) {
  const auto graph = ExampleOfMany();
  const auto bytes = *SerializeModel(*graph);
  EXPECT_EQ(HeaderOf(bytes).readable_from, 4U);
  auto model = Open(bytes);
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  EXPECT_EQ(ToText(*model->graph), ToText(*graph));
  for (const char* name : {"w", "bias", "bias:scale", "w:scale", "c7", "large"}) {
    const TensorView& before = graph->FindValue(name)->constant()->view();
    const TensorView& after = model->graph->FindValue(name)->constant()->view();
    EXPECT_EQ(std::memcmp(before.data, after.data, before.bytes()), 0) << name;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(after.data) % kTensorAlignment, 0U) << name;
  }
  EXPECT_EQ(*SerializeModel(*model->graph), bytes);
  EXPECT_EQ(*ModelId(*graph), model->id);
  // Only the large tensor stands behind the index.
  const ModelHeader header = HeaderOf(bytes);
  EXPECT_EQ(header.tensor_bytes, 2 * kSmallTensorBytes + kTensorAlignment);
  CompressedIndexHeader index;
  std::memcpy(&index, bytes.data() + sizeof(header), sizeof(index));
  EXPECT_LT(header.index_bytes, index.bytes / 2);
}

// Names end with a zero byte there, so a Graph with one that holds such a byte takes the other form.
TEST(ModelFile, NamesWithZeroBytesAreKept) {
  const auto graph = ExampleOfMany();
  const std::string name("a\0b", 3);
  graph->nodes().front()->set_name(name);
  const auto bytes = *SerializeModel(*graph);
  EXPECT_EQ(HeaderOf(bytes).readable_from, 1U);
  auto model = Open(bytes);
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  EXPECT_EQ(model->graph->nodes().front()->name(), name);
}

// The file with its index as it was before it was compressed, which is as good.
std::vector<std::byte> WithPlainIndex(const std::vector<std::byte>& file) {
  ModelHeader header = HeaderOf(file);
  CompressedIndexHeader compressed;
  std::memcpy(&compressed, file.data() + sizeof(header), sizeof(compressed));
  std::vector<std::byte> index(AlignTensor(compressed.bytes));
  uLongf bytes = compressed.bytes;
  const auto* from = reinterpret_cast<const Bytef*>(file.data() + sizeof(header) + sizeof(compressed));
  EXPECT_EQ(uncompress(reinterpret_cast<Bytef*>(index.data()), &bytes, from,
                       header.index_bytes - sizeof(compressed)),
            Z_OK);
  header.index_bytes = compressed.bytes;
  std::vector<std::byte> plain(sizeof(header) + index.size() + header.tensor_bytes);
  std::memcpy(plain.data(), &header, sizeof(header));
  std::memcpy(plain.data() + sizeof(header), index.data(), index.size());
  std::memcpy(plain.data() + sizeof(header) + index.size(), file.data() + file.size() - header.tensor_bytes,
              header.tensor_bytes);
  return plain;
}

TEST(ModelFile, RefusesADamagedCompressedIndex) {
  const auto bytes = *SerializeModel(*ExampleOfMany());
  EXPECT_TRUE(Open(WithPlainIndex(bytes)).ok());
  const auto with_size = [&](uint64_t size) {
    auto file = bytes;
    std::memcpy(file.data() + sizeof(ModelHeader) + offsetof(CompressedIndexHeader, bytes), &size,
                sizeof(size));
    return Open(file).status().ToString();
  };
  EXPECT_THAT(with_size(uint64_t{1} << 40), HasSubstr("claims to become 1099511627776"));
  EXPECT_THAT(with_size(100), HasSubstr("compressed index cannot be read"));
  EXPECT_THAT(with_size(0), HasSubstr("compressed index cannot be read"));
  for (size_t i = sizeof(ModelHeader) + sizeof(CompressedIndexHeader);
       i < sizeof(ModelHeader) + HeaderOf(bytes).index_bytes; i += 11) {
    auto file = bytes;
    file[i] ^= std::byte{0x10};
    EXPECT_FALSE(Open(file).ok()) << i;
  }
}

TEST(ModelFile, RefusesDamage) {
  const auto bytes = *SerializeModel(*Example());
  for (size_t size = 0; size < bytes.size(); size += 7)
    EXPECT_FALSE(Open(std::span(bytes).first(size)).ok()) << size;
  auto newer = bytes;
  newer[12] = std::byte{kModelFormatVersion + 1};  // readable_from
  EXPECT_THAT(Open(newer).status().ToString(), HasSubstr("update Whet"));
  auto changed = bytes;
  changed[sizeof(ModelHeader) + 40] ^= std::byte{1};
  EXPECT_THAT(Open(changed).status().ToString(), HasSubstr("does not match the SHA-256"));
}

// Every byte of the index takes wrong values, with the hash made right: nothing may crash, and what opens
// keeps the rules of a Graph.
TEST(ModelFile, WithstandsEveryChangedByteOfTheIndex) {
  for (const auto& graph : {Example(), ExampleOfText(), ExampleOfMany()}) {
    auto bytes = *SerializeModel(*graph);
    if (HeaderOf(bytes).readable_from == 4) bytes = WithPlainIndex(bytes);
    ModelHeader header;
    std::memcpy(&header, bytes.data(), sizeof(header));
    int opened = 0;
    for (size_t i = 0; i < header.index_bytes; ++i) {
      for (const int change : {0x01, 0x80, 0xff}) {
        auto file = bytes;
        file[sizeof(header) + i] ^= static_cast<std::byte>(change);
        FixHash(file);
        auto model = Open(file);
        if (!model.ok()) continue;
        ++opened;
        const Status verified = VerifyGraph(*model->graph);
        EXPECT_TRUE(verified.ok()) << "byte " << i << ": " << verified.ToString();
      }
    }
    EXPECT_GT(opened, 0) << "names may be anything";
  }
}

}  // namespace
}  // namespace whet
