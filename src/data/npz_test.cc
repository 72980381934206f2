#include "data/npz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "data/npy.h"
#include "data/random.h"

namespace whet::data {
namespace {

using testing::HasSubstr;

class NpzTest : public testing::Test {
 protected:
  NpzTest() : path_(testing::TempDir() + "whet_npz_test.npz") {}
  ~NpzTest() override { std::filesystem::remove(path_); }

  std::string Read() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static std::string ErrorOf(const std::string& file) {
    auto arrays = ParseNpz(std::as_bytes(std::span(file)));
    return arrays.ok() ? "no error" : arrays.status().ToString();
  }
  // An archive of one array of 64 KiB zeros, which deflate shrinks to almost nothing.
  std::string DeflatedZeros() {
    auto zeros = Array::Create(DType::kF32, Shape({16384}));
    const NamedView views[] = {{"zeros", zeros->view()}};
    EXPECT_TRUE(WriteNpz(path_, views, NpzCompression::kDeflated).ok());
    return Read();
  }

  std::string path_;
};

TEST_F(NpzTest, NamesAndValuesComeBackInOrder) {
  for (auto compression : {NpzCompression::kStored, NpzCompression::kDeflated}) {
    auto first = RandomArray(DType::kF32, Shape({1, 3, 4}), 1);
    auto second = RandomArray(DType::kI64, Shape(), 2);
    auto third = RandomArray(DType::kI4, Shape({3}), 3);
    ASSERT_TRUE(first.ok() && second.ok() && third.ok());
    const NamedView views[] = {
        {"Identity:0", first->view()}, {"a/b c", second->view()}, {"four bits", third->view()}};
    ASSERT_TRUE(WriteNpz(path_, views, compression).ok());
    auto back = ReadNpz(path_);
    ASSERT_TRUE(back.ok()) << back.status().ToString();
    ASSERT_EQ(back->size(), 3u);
    EXPECT_EQ((*back)[0].name, "Identity:0");
    EXPECT_EQ((*back)[1].name, "a/b c");
    EXPECT_EQ((*back)[0].array.shape(), first->shape());
    EXPECT_EQ(std::memcmp((*back)[0].array.bytes().data(), first->bytes().data(), first->bytes().size()), 0);
    EXPECT_EQ((*back)[1].array.as<int64_t>()[0], second->as<int64_t>()[0]);
    EXPECT_EQ((*back)[2].array.dtype(), DType::kI8);
  }
}

TEST_F(NpzTest, TheSameArraysGiveTheSameBytes) {
  auto array = RandomArray(DType::kF32, Shape({100}), 1);
  ASSERT_TRUE(array.ok());
  const NamedView views[] = {{"x", array->view()}};
  ASSERT_TRUE(WriteNpz(path_, views).ok());
  const std::string first = Read();
  ASSERT_TRUE(WriteNpz(path_, views).ok());
  EXPECT_EQ(Read(), first);
}

TEST_F(NpzTest, AnEmptyArchiveIsOne) {
  ASSERT_TRUE(WriteNpz(path_, {}).ok());
  auto back = ReadNpz(path_);
  ASSERT_TRUE(back.ok()) << back.status().ToString();
  EXPECT_TRUE(back->empty());
}

TEST_F(NpzTest, RefusesNamesThatAreMissingOrTwice) {
  auto array = RandomArray(DType::kF32, Shape({1}), 1);
  const NamedView nameless[] = {{"", array->view()}};
  EXPECT_FALSE(WriteNpz(path_, nameless).ok());
  const NamedView twice[] = {{"x", array->view()}, {"x", array->view()}};
  EXPECT_FALSE(WriteNpz(path_, twice).ok());
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(NpzTest, RefusesBrokenArchives) {
  const std::string good = DeflatedZeros();
  EXPECT_THAT(ErrorOf(""), HasSubstr("not an .npz"));
  EXPECT_THAT(ErrorOf("hello"), HasSubstr("not an .npz"));
  EXPECT_THAT(ErrorOf(good.substr(0, good.size() / 2)), HasSubstr("not an .npz"));
  for (size_t cut = 0; cut < good.size(); cut += 7)
    EXPECT_NE(ErrorOf(good.substr(0, cut)), "no error") << cut;
}

TEST_F(NpzTest, RefusesAnEntryThatClaimsMoreThanItsBytesCanHold) {
  std::string file = DeflatedZeros();
  // The uncompressed size stands at offset 22 of the local header and 24 of the central one.
  const size_t central = file.find("PK\1\2");
  ASSERT_NE(central, std::string::npos);
  const uint32_t claim = 0xfffffff0;
  std::memcpy(&file[22], &claim, 4);
  std::memcpy(&file[central + 24], &claim, 4);
  EXPECT_THAT(ErrorOf(file), HasSubstr("cannot hold"));
}

TEST_F(NpzTest, RefusesADamagedEntry) {
  auto array = RandomArray(DType::kF32, Shape({64}), 1);
  const NamedView views[] = {{"x", array->view()}};
  ASSERT_TRUE(WriteNpz(path_, views).ok());
  std::string file = Read();
  const size_t element = file.find("\x93NUMPY") + 200;
  file[element] = static_cast<char>(file[element] ^ 1);
  EXPECT_THAT(ErrorOf(file), HasSubstr("CRC"));
}

}  // namespace
}  // namespace whet::data
