#include "data/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "data/random.h"

namespace whet::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string Npy(const std::string& header, const std::string& body, int version = 1) {
  std::string file = "\x93NUMPY";
  file += static_cast<char>(version);
  file += '\0';
  const size_t size = header.size();
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) file += static_cast<char>(size >> (8 * i) & 255);
  return file + header + body;
}

std::string Floats(std::initializer_list<float> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(float)};
}

std::string ErrorOf(const std::string& file) {
  Result<Array> array = ParseNpy(Bytes(file));
  return array.ok() ? "no error" : array.status().ToString();
}

TEST(Npy, ReadsWhatNumPyWrites) {
  // numpy.save of numpy.arange(3, dtype=numpy.int16), byte by byte.
  const std::string file =
      Npy("{'descr': '<i2', 'fortran_order': False, 'shape': (3,), }" + std::string(60, ' ') + "\n",
          std::string("\0\0\1\0\2\0", 6));
  Result<Array> array = ParseNpy(Bytes(file));
  ASSERT_TRUE(array.ok()) << array.status().ToString();
  EXPECT_EQ(array->dtype(), DType::kI16);
  EXPECT_EQ(array->shape(), Shape({3}));
  EXPECT_THAT(array->as<int16_t>(), ElementsAre(0, 1, 2));
}

TEST(Npy, ReadsVersions2And3AndKeysInAnyOrder) {
  for (int version : {2, 3}) {
    const std::string file =
        Npy("{\"shape\": (), 'descr':'|u1','fortran_order':True}", std::string("\x2a"), version);
    Result<Array> array = ParseNpy(Bytes(file));
    ASSERT_TRUE(array.ok()) << array.status().ToString();
    EXPECT_EQ(array->shape().rank(), 0);
    EXPECT_EQ(array->as<uint8_t>()[0], 42);
  }
}

TEST(Npy, PutsFortranOrderIntoRows) {
  const std::string file =
      Npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", Floats({1, 4, 2, 5, 3, 6}));
  Result<Array> array = ParseNpy(Bytes(file));
  ASSERT_TRUE(array.ok()) << array.status().ToString();
  EXPECT_THAT(array->as<float>(), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(Npy, SwapsBigEndian) {
  const std::string file = Npy("{'descr': '>i4', 'fortran_order': False, 'shape': (2,), }",
                               std::string("\0\0\1\2\xff\xff\xff\xff", 8));
  Result<Array> array = ParseNpy(Bytes(file));
  ASSERT_TRUE(array.ok()) << array.status().ToString();
  EXPECT_THAT(array->as<int32_t>(), ElementsAre(258, -1));
}

TEST(Npy, EveryTypeComesBackFromItsFile) {
  const std::string path = testing::TempDir() + "whet_npy_test.npy";
  for (int i = 1; i < kPlanDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    Result<Array> array = RandomArray(dtype, Shape({2, 3, 5}), 7);
    ASSERT_TRUE(array.ok());
    ASSERT_TRUE(WriteNpy(path, array->view()).ok());
    Result<Array> back = ReadNpy(path);
    ASSERT_TRUE(back.ok()) << back.status().ToString();
    EXPECT_EQ(back->shape(), array->shape());
    if (BitsOf(dtype) == 4) {
      EXPECT_EQ(BitsOf(back->dtype()), 8);
      for (int64_t k = 0; k < 30; ++k) {
        EXPECT_EQ(ElementAsDouble(back->view(), k), ElementAsDouble(array->view(), k));
      }
      continue;
    }
    EXPECT_EQ(back->dtype(), dtype);
    EXPECT_EQ(std::memcmp(back->bytes().data(), array->bytes().data(), array->bytes().size()), 0);
  }
  std::filesystem::remove(path);
}

TEST(Npy, HeadersEndAtMultiplesOf64) {
  EXPECT_EQ(NpyHeader(DType::kF32, Shape({1, 2})).size() % 64, 0u);
  EXPECT_EQ(NpyHeader(DType::kF32, Shape()).size() % 64, 0u);
}

TEST(Npy, RefusesFilesThatLie) {
  const std::string body = Floats({1, 2});
  EXPECT_THAT(ErrorOf(""), HasSubstr("not a .npy file"));
  EXPECT_THAT(ErrorOf("PK\3\4 something else"), HasSubstr("not a .npy file"));
  EXPECT_THAT(ErrorOf(Npy("{", body, 9)), HasSubstr("version 9"));
  EXPECT_THAT(ErrorOf(std::string("\x93NUMPY\1\0\xff\xff{'descr", 17)),
              HasSubstr("ends within the .npy header"));
  EXPECT_THAT(ErrorOf(Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", body)),
              HasSubstr("claims a shape of 3 but holds only 8 bytes"));
  EXPECT_THAT(ErrorOf(Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", body)),
              HasSubstr("4 bytes after the elements"));
  EXPECT_THAT(
      ErrorOf(Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4), }", body)),
      HasSubstr("holds only 8 bytes"));
  EXPECT_THAT(
      ErrorOf(Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", body)),
      HasSubstr("dimension"));
  EXPECT_THAT(ErrorOf(Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", body)),
              HasSubstr("dimension"));
  EXPECT_THAT(ErrorOf(Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,2), }", body)),
              HasSubstr("more than 8 dimensions"));
  EXPECT_THAT(ErrorOf(Npy("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", body)),
              HasSubstr("type '|O'"));
  EXPECT_THAT(ErrorOf(Npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", body)),
              HasSubstr("records"));
  EXPECT_THAT(ErrorOf(Npy("{'descr': '<f4', 'shape': (2,), }", body)), HasSubstr("lacks"));
  EXPECT_THAT(ErrorOf(Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } + 1", body)),
              HasSubstr("goes on"));
}

TEST(Array, ConvertsWithSaturationAndRoundingToEven) {
  Result<Array> array = Array::Create(DType::kF32, Shape({6}));
  ASSERT_TRUE(array.ok());
  const float values[] = {-1e9f, -128.5f, 0.5f, 1.5f, 300.0f, std::numeric_limits<float>::quiet_NaN()};
  std::copy_n(values, 6, array->as<float>().begin());
  Result<Array> bytes = array->ConvertTo(DType::kI8);
  ASSERT_TRUE(bytes.ok());
  EXPECT_THAT(bytes->as<int8_t>(), ElementsAre(-128, -128, 0, 2, 127, 0));
}

TEST(Array, Converts64BitIntegersExactly) {
  Result<Array> array = Array::Create(DType::kI64, Shape({2}));
  ASSERT_TRUE(array.ok());
  array->as<int64_t>()[0] = (int64_t{1} << 53) + 1;
  array->as<int64_t>()[1] = -5;
  Result<Array> converted = array->ConvertTo(DType::kU64);
  ASSERT_TRUE(converted.ok());
  EXPECT_THAT(converted->as<uint64_t>(), ElementsAre((uint64_t{1} << 53) + 1, 0u));
}

TEST(Array, RefusesImpossibleShapes) {
  EXPECT_FALSE(Array::Create(DType::kF32, Shape({int64_t{1} << 30, int64_t{1} << 30})).ok());
  EXPECT_FALSE(Array::Create(DType::kF32, Shape({-1})).ok());
  EXPECT_FALSE(Array::Create(DType::kUndefined, Shape({1})).ok());
}

TEST(Random, IsTheSameEverywhere) {
  // SplitMix64 from state 0, as published: its first outputs.
  EXPECT_EQ(RandomBits(0, 0), 0xe220a8397b1dcdafu);
  EXPECT_EQ(RandomBits(0, 1), 0x6e789e6aa1b965f4u);
  Result<Array> array = RandomArray(DType::kF32, Shape({1000}), 3);
  ASSERT_TRUE(array.ok());
  float low = 0, high = 0;
  for (float value : array->as<float>()) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  EXPECT_LT(low, -0.9f);
  EXPECT_GT(high, 0.9f);
  EXPECT_GE(low, -1.0f);
  EXPECT_LT(high, 1.0f);
}

}  // namespace
}  // namespace whet::data
