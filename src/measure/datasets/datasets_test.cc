// The readers of data sets: what they make of good sets, and what they say of broken ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>

#include "data/npz.h"
#include "measure/datasets/dataset.h"
#include "measure/datasets/readers.h"

namespace whet {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class DatasetTest : public testing::Test {
 protected:
  DatasetTest() {
    const testing::TestInfo* info = testing::UnitTest::GetInstance()->current_test_info();
    root_ = fs::path(testing::TempDir()) / (std::string("whet_dataset_") + info->name());
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  ~DatasetTest() override { fs::remove_all(root_); }

  std::string Path(const std::string& name = {}) const {
    return name.empty() ? root_.string() : (root_ / name).string();
  }

  std::string Write(const std::string& name, const std::string& bytes) const {
    const fs::path path = root_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }

  std::string WriteGzip(const std::string& name, const std::string& bytes) const {
    const std::string path = Write(name, "");
    gzFile file = gzopen(path.c_str(), "wb");
    gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
    return path;
  }

  void WriteImage(const std::string& name, int width, int height, int channels, uint8_t value) const {
    fs::create_directories((root_ / name).parent_path());
    auto image = data::Image::Create(width, height, channels);
    ASSERT_TRUE(image.ok());
    std::fill(image->pixels.begin(), image->pixels.end(), value);
    const Status status = data::WritePng(Path(name), *image);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }

  std::unique_ptr<Dataset> Open(const std::string& name = {}, const DatasetOptions& options = {}) const {
    auto opened = OpenDataset(Path(name), options);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    return opened.ok() ? std::move(*opened) : nullptr;
  }

  std::string Refused(const std::string& name = {}, const DatasetOptions& options = {}) const {
    const auto opened = OpenDataset(Path(name), options);
    EXPECT_FALSE(opened.ok());
    return opened.ok() ? "" : opened.status().ToString();
  }

  static Sample Read(const Dataset& set, size_t i) {
    auto sample = set.Read(i);
    EXPECT_TRUE(sample.ok()) << sample.status().ToString();
    return sample.ok() ? std::move(*sample) : Sample();
  }

  static std::string FailedRead(const Dataset& set, size_t i) {
    const auto sample = set.Read(i);
    EXPECT_FALSE(sample.ok());
    return sample.ok() ? "" : sample.status().ToString();
  }

 private:
  fs::path root_;
};

std::string Idx(uint8_t type, std::initializer_list<uint32_t> dims, const std::string& data) {
  std::string bytes = {0, 0, static_cast<char>(type), static_cast<char>(dims.size())};
  for (uint32_t dim : dims) {
    for (int shift : {24, 16, 8, 0}) bytes += static_cast<char>(dim >> shift);
  }
  return bytes + data;
}

// --- IDX

TEST_F(DatasetTest, IdxOfPicturesAndLabels) {
  const std::string pixels = "abcdefghijkl";
  Write("t10k-images-idx3-ubyte", Idx(8, {2, 2, 3}, pixels));
  Write("t10k-labels-idx1-ubyte", Idx(8, {2}, std::string("\x07\x01", 2)));
  const auto set = Open();
  ASSERT_NE(set, nullptr);
  EXPECT_EQ(set->info().truth, TruthKind::kClass);
  ASSERT_EQ(set->size(), 2U);
  const Sample second = Read(*set, 1);
  EXPECT_EQ(second.label, 1);
  ASSERT_TRUE(second.image.has_value());
  EXPECT_EQ(second.image->width, 3);
  EXPECT_EQ(second.image->height, 2);
  EXPECT_EQ(second.image->channels, 1);
  EXPECT_THAT(second.image->pixels, ElementsAre('g', 'h', 'i', 'j', 'k', 'l'));
}

TEST_F(DatasetTest, IdxIsReadCompressedAndByPart) {
  WriteGzip("t10k-images-idx3-ubyte.gz", Idx(8, {1, 1, 1}, "t"));
  WriteGzip("t10k-labels-idx1-ubyte.gz", Idx(8, {1}, std::string(1, '\3')));
  WriteGzip("train-images-idx3-ubyte.gz", Idx(8, {2, 1, 1}, "xy"));
  Write("train-labels-idx1-ubyte", Idx(8, {2}, std::string("\1\2", 2)));  // one of the two unpacked
  const auto test = Open();
  ASSERT_NE(test, nullptr);
  EXPECT_EQ(test->size(), 1U);
  EXPECT_EQ(Read(*test, 0).label, 3);
  const auto train = Open({}, {.split = "train", .images = {}});
  ASSERT_NE(train, nullptr);
  EXPECT_EQ(train->size(), 2U);
  EXPECT_EQ(Read(*train, 1).label, 2);
  EXPECT_EQ(Read(*train, 1).image->pixels[0], 'y');
  EXPECT_THAT(Refused({}, {.split = "extra", .images = {}}), HasSubstr("no part 'extra'; there is"));
}

TEST_F(DatasetTest, IdxOfWiderElementsIsTurnedToTheMachinesOrder) {
  Write("a-images-idx3-x", Idx(0x0B, {1, 1, 2}, std::string("\x01\x02\xff\xfe", 4)));
  const auto set = Open("a-images-idx3-x");
  ASSERT_NE(set, nullptr);
  EXPECT_EQ(set->info().truth, TruthKind::kNone);
  const Sample sample = Read(*set, 0);
  ASSERT_EQ(sample.arrays.size(), 1U);
  EXPECT_EQ(sample.arrays[0].array.dtype(), DType::kI16);
  EXPECT_THAT(sample.arrays[0].array.as<int16_t>(), ElementsAre(0x0102, -2));
}

TEST_F(DatasetTest, IdxThatLies) {
  const auto refused = [&](const std::string& bytes, const char* what) {
    const std::string name = "t10k-images-idx3-ubyte";
    Write(name, bytes);
    EXPECT_THAT(Refused(name), HasSubstr(what));
    fs::remove(Path(name));
    WriteGzip(name + ".gz", bytes);
    EXPECT_FALSE(OpenDataset(Path(name + ".gz")).ok());
    fs::remove(Path(name + ".gz"));
  };
  refused("", "two zero bytes");
  refused("\x89PNG", "two zero bytes");
  refused(Idx(7, {1}, "a"), "0x07");
  refused(Idx(8, {}, ""), "holds no sample");
  refused(Idx(8, {0, 28, 28}, ""), "holds no sample");
  refused(Idx(8, {3, 2, 2}, "elevenbytes"), "announces 3x2x2");
  refused(Idx(8, {1, 2, 2}, "morethan4"), "announces 1x2x2");
  refused(Idx(8, {0xffffffff, 0xffffffff, 0xffffffff}, "x"), "impossible size");
  refused(Idx(8, {1u << 30, 1, 1}, "x"), "cannot hold");
  refused(std::string("\0\0\x08\x09", 4).append(40, '\1'), "9 dimensions");
  refused(std::string("\0\0\x08\x03\0\0", 6), "within its header");
}

TEST_F(DatasetTest, IdxThatIsCutOffWhileCompressed) {
  const std::string path = WriteGzip("t10k-images-idx3-ubyte.gz", Idx(8, {64, 8, 8}, std::string(4096, 'p')));
  fs::resize_file(path, fs::file_size(path) - 6);
  EXPECT_THAT(Refused("t10k-images-idx3-ubyte.gz"), HasSubstr("too early"));
}

TEST_F(DatasetTest, IdxWithLabelsOfAnotherSet) {
  Write("t10k-images-idx3-ubyte", Idx(8, {2, 1, 1}, "ab"));
  Write("t10k-labels-idx1-ubyte", Idx(8, {3}, "abc"));
  EXPECT_THAT(Refused(), HasSubstr("has 3 labels for the 2 images"));
  Write("t10k-labels-idx1-ubyte", Idx(8, {2, 1}, "ab"));
  EXPECT_THAT(Refused(), HasSubstr("a list of unsigned bytes is expected"));
}

// --- folders

TEST_F(DatasetTest, FolderPerClass) {
  WriteImage("dog/2.png", 2, 1, 3, 9);
  WriteImage("dog/1.png", 2, 1, 3, 8);
  WriteImage("cat/x.png", 1, 1, 1, 7);
  const auto set = Open();
  ASSERT_NE(set, nullptr);
  EXPECT_THAT(set->info().classes, ElementsAre("cat", "dog"));
  ASSERT_EQ(set->size(), 3U);
  EXPECT_EQ(Read(*set, 0).name, "cat/x.png");
  EXPECT_EQ(Read(*set, 0).label, 0);
  EXPECT_EQ(Read(*set, 1).name, "dog/1.png");
  EXPECT_EQ(Read(*set, 1).label, 1);
  EXPECT_EQ(Read(*set, 1).image->pixels[0], 8);
}

TEST_F(DatasetTest, FolderNamesThatAreNumbersAreTheClasses) {
  WriteImage("test/10/a.png", 1, 1, 1, 0);
  WriteImage("test/9/a.png", 1, 1, 1, 0);
  WriteImage("train/9/a.png", 1, 1, 1, 0);
  const auto set = Open();
  ASSERT_NE(set, nullptr);
  EXPECT_TRUE(set->info().classes.empty());
  ASSERT_EQ(set->size(), 2U);
  EXPECT_EQ(Read(*set, 0).label, 10);
  EXPECT_EQ(Read(*set, 1).label, 9);
  const auto train = Open({}, {.split = "train", .images = {}});
  ASSERT_NE(train, nullptr);
  EXPECT_EQ(train->size(), 1U);
}

TEST_F(DatasetTest, FolderOfFilesInTheOrderOfTheirNames) {
  WriteImage("b.png", 1, 1, 1, 2);
  WriteImage("a.png", 1, 1, 1, 1);
  auto set = Open();
  ASSERT_NE(set, nullptr);
  EXPECT_EQ(set->info().truth, TruthKind::kNone);
  EXPECT_EQ(Read(*set, 0).name, "a.png");

  Write("labels.txt", "# comment\n5\r\n3\n");
  set = Open();
  ASSERT_NE(set, nullptr);
  EXPECT_EQ(set->info().truth, TruthKind::kClass);
  EXPECT_EQ(Read(*set, 0).label, 5);
  EXPECT_EQ(Read(*set, 1).label, 3);

  Write("labels.txt", "file,label\nb.png,cat\na.png,dog\n");
  set = Open();
  ASSERT_NE(set, nullptr);
  EXPECT_THAT(set->info().classes, ElementsAre("cat", "dog"));
  EXPECT_EQ(Read(*set, 0).label, 1);

  fs::remove(Path("labels.txt"));
  Write("transcripts.tsv", "a.png\ttwo words, really\nb.png\tone\n");
  set = Open();
  ASSERT_NE(set, nullptr);
  EXPECT_EQ(set->info().truth, TruthKind::kText);
  EXPECT_EQ(Read(*set, 0).transcript, "two words, really");
}

TEST_F(DatasetTest, FoldersThatAreEmptyOrMislabelled) {
  EXPECT_THAT(Refused(), HasSubstr("neither pictures"));
  EXPECT_THAT(Refused("nowhere"), HasSubstr("no such data set"));
  WriteImage("a.png", 1, 1, 1, 1);
  WriteImage("b.png", 1, 1, 1, 1);
  Write("labels.txt", "1\n");
  EXPECT_THAT(Refused(), HasSubstr("1 labels for 2 files"));
  Write("labels.txt", "\n# nothing\n");
  EXPECT_THAT(Refused(), HasSubstr("no label"));
  Write("labels.txt", "a.png 1\n");
  EXPECT_THAT(Refused(), HasSubstr("no label for 'b.png'"));
  Write("labels.txt", "a.png 1\na.png 1\n");
  EXPECT_THAT(Refused(), HasSubstr("'a.png' has two labels"));
  Write("labels.txt", "a.png 1\nc.png 2\n");
  EXPECT_THAT(Refused(), HasSubstr("line 2 does not begin with a file"));
  Write("labels.txt", "a.png 1\nb.png 2\n");
  Write("transcripts.txt", "a.png x\nb.png y\n");
  EXPECT_THAT(Refused(), HasSubstr("both labels.txt and transcripts.txt"));
  fs::create_directories(Path("sub/cat"));
  EXPECT_THAT(Refused("sub"), HasSubstr("the class 'cat' has no picture"));
}

TEST_F(DatasetTest, PictureThatIsNone) {
  Write("cat/a.png", "not a picture");
  const auto set = Open();
  ASSERT_NE(set, nullptr);
  EXPECT_THAT(FailedRead(*set, 0), HasSubstr("cat/a.png"));
}

TEST_F(DatasetTest, PicturesAndMasks) {
  WriteImage("images/a.png", 3, 2, 3, 100);
  WriteImage("masks/a.png", 3, 2, 1, 4);
  const auto set = Open();
  ASSERT_NE(set, nullptr);
  EXPECT_EQ(set->info().truth, TruthKind::kMask);
  const Sample sample = Read(*set, 0);
  EXPECT_EQ(sample.mask.shape(), (Shape{2, 3}));
  EXPECT_THAT(sample.mask.as<int32_t>(), testing::Each(4));
  WriteImage("masks/a.png", 2, 2, 1, 4);
  EXPECT_THAT(FailedRead(*set, 0), HasSubstr("2x2 pixels and its picture 3x2"));
  WriteImage("masks/a.png", 3, 2, 3, 4);
  EXPECT_THAT(FailedRead(*set, 0), HasSubstr("3 channels"));
  WriteImage("images/b.png", 3, 2, 3, 100);
  EXPECT_THAT(Refused(), HasSubstr("b.png has no mask"));
}

// --- .npz

TEST_F(DatasetTest, Npz) {
  const std::vector<float> x = {1, 2, 3, 4, 5, 6};
  const std::vector<int64_t> y = {2, 0, 1};
  const auto view = [](DType dtype, const Shape& shape, const auto& values) {
    return TensorView{dtype, shape, const_cast<void*>(static_cast<const void*>(values.data()))};
  };
  const data::NamedView good[] = {{"x", view(DType::kF32, {3, 2}, x)}, {"y", view(DType::kI64, {3}, y)}};
  ASSERT_TRUE(data::WriteNpz(Path("good.npz"), good).ok());
  const auto set = Open("good.npz");
  ASSERT_NE(set, nullptr);
  ASSERT_EQ(set->size(), 3U);
  const Sample sample = Read(*set, 1);
  EXPECT_EQ(sample.label, 0);
  ASSERT_EQ(sample.arrays.size(), 1U);
  EXPECT_EQ(sample.arrays[0].array.shape(), Shape{2});
  EXPECT_THAT(sample.arrays[0].array.as<float>(), ElementsAre(3, 4));

  const data::NamedView uneven[] = {{"x", view(DType::kF32, {3, 2}, x)}, {"y", view(DType::kI64, {2}, y)}};
  ASSERT_TRUE(data::WriteNpz(Path("uneven.npz"), uneven).ok());
  EXPECT_THAT(Refused("uneven.npz"), HasSubstr("'y' has 2 samples and 'x' 3"));
  const data::NamedView floats[] = {{"x", view(DType::kF32, {3, 2}, x)},
                                    {"label", view(DType::kF32, {3}, x)}};
  ASSERT_TRUE(data::WriteNpz(Path("floats.npz"), floats).ok());
  EXPECT_THAT(Refused("floats.npz"), HasSubstr("integers"));
  const data::NamedView only_y[] = {{"y", view(DType::kI64, {3}, y)}};
  ASSERT_TRUE(data::WriteNpz(Path("only_y.npz"), only_y).ok());
  EXPECT_THAT(Refused("only_y.npz"), HasSubstr("holds no sample"));
  const std::vector<int64_t> negative = {0, -1, 1};
  const data::NamedView bad[] = {{"x", view(DType::kF32, {3, 2}, x)},
                                 {"y", view(DType::kI64, {3}, negative)}};
  ASSERT_TRUE(data::WriteNpz(Path("bad.npz"), bad).ok());
  EXPECT_THAT(Refused("bad.npz"), HasSubstr("element 1 is -1"));
}

// --- COCO

constexpr const char* kCoco = R"({
  "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}],
  "images": [{"id": 20, "file_name": "b.png"}, {"id": 10, "file_name": "a.png"}],
  "annotations": [
    {"image_id": 20, "category_id": 7, "bbox": [1, 2, 3, 4], "area": 6.5, "iscrowd": 0},
    {"image_id": 20, "category_id": 3, "bbox": [0, 0, 2.5, 1], "iscrowd": 1}]})";

TEST_F(DatasetTest, Coco) {
  const auto set = ParseCoco(kCoco);
  ASSERT_TRUE(set.ok()) << set.status().ToString();
  EXPECT_THAT(set->classes, ElementsAre("cat", "dog"));
  ASSERT_EQ(set->images.size(), 2U);
  EXPECT_EQ(set->images[0].file, "a.png");
  EXPECT_TRUE(set->images[0].boxes.empty());
  ASSERT_EQ(set->images[1].boxes.size(), 2U);
  const TrueBox& dog = set->images[1].boxes[0];
  EXPECT_EQ(dog.label, 1);
  EXPECT_EQ(dog.box.left, 1);
  EXPECT_EQ(dog.box.bottom, 6);
  EXPECT_EQ(dog.area, 6.5);
  EXPECT_FALSE(dog.crowd);
  EXPECT_TRUE(set->images[1].boxes[1].crowd);
  EXPECT_EQ(set->images[1].boxes[1].area, 2.5);

  Write("set.json", kCoco);
  EXPECT_THAT(Refused("set.json"), HasSubstr("--images"));
  WriteImage("images/a.png", 4, 4, 3, 1);
  WriteImage("images/b.png", 4, 4, 3, 1);
  const auto opened = Open("set.json");
  ASSERT_NE(opened, nullptr);
  EXPECT_EQ(Read(*opened, 1).boxes.size(), 2U);
}

TEST_F(DatasetTest, CocoThatIsBroken) {
  const auto refused = [](const std::string& from, const std::string& to, const char* what) {
    std::string text = kCoco;
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    const auto set = ParseCoco(text);
    ASSERT_FALSE(set.ok()) << what;
    EXPECT_THAT(set.status().ToString(), HasSubstr(what));
  };
  refused("\"annotations\"", "\"notes\"", "no list 'annotations'");
  refused("\"categories\": [", "\"categories\": [3, ", "not an object");
  refused("\"id\": 3", "\"id\": 7", "two categories");
  refused("\"id\": 10", "\"id\": 20", "two images");
  refused("\"image_id\": 20", "\"image_id\": 21", "image 21");
  refused("\"category_id\": 7", "\"category_id\": 8", "category 8");
  refused("\"category_id\": 7", "\"category_id\": 7.5", "whole number 'category_id'");
  refused("[1, 2, 3, 4]", "[1, 2, 3]", "bbox");
  refused("[1, 2, 3, 4]", "[1, 2, -3, 4]", "bbox");
  refused("[1, 2, 3, 4]", "[1, 2, \"3\", 4]", "bbox");
  refused("[1, 2, 3, 4]", "[1, 2, 1e999, 4]", "JSON");
  refused("\"b.png\"", "\"../b.png\"", "not below the folder");
  refused("\"b.png\"", "\"/etc/passwd\"", "not below the folder");
  refused("\"b.png\"", "12", "no text 'file_name'");
  refused("}", "", "JSON");
  EXPECT_FALSE(ParseCoco("").ok());
  EXPECT_FALSE(ParseCoco("[]").ok());
  EXPECT_THAT(ParseCoco(std::string(1 << 20, '[')).status().ToString(), HasSubstr("nested"));
}

// --- YOLO

TEST_F(DatasetTest, Yolo) {
  WriteImage("images/a.png", 10, 20, 3, 1);
  WriteImage("images/b.png", 10, 20, 3, 1);
  Write("labels/a.txt", "1 0.5 0.5 0.2 0.1\n\n0 0.1 0.1 0.2 0.2\r\n");
  Write("classes.txt", "cat\ndog\n");
  const auto set = Open();
  ASSERT_NE(set, nullptr);
  EXPECT_THAT(set->info().classes, ElementsAre("cat", "dog"));
  const Sample sample = Read(*set, 0);
  ASSERT_EQ(sample.boxes.size(), 2U);
  EXPECT_EQ(sample.boxes[0].label, 1);
  EXPECT_FLOAT_EQ(sample.boxes[0].box.left, 4);
  EXPECT_FLOAT_EQ(sample.boxes[0].box.right, 6);
  EXPECT_FLOAT_EQ(sample.boxes[0].box.top, 9);
  EXPECT_FLOAT_EQ(sample.boxes[0].box.bottom, 11);
  EXPECT_TRUE(Read(*set, 1).boxes.empty());
  Write("labels/a.txt", "2 0.5 0.5 0.2 0.1\n");
  EXPECT_THAT(FailedRead(*set, 0), HasSubstr("class 2, but the set has 2 classes"));
  Write("labels/a.txt", "1 0.5 0.5 0.2\n");
  EXPECT_THAT(FailedRead(*set, 0), HasSubstr("labels/a.txt: line 1"));
  fs::remove(Path("labels/a.txt"));
  EXPECT_THAT(Refused(), HasSubstr("none of the pictures"));
}

TEST_F(DatasetTest, YoloLinesThatAreBroken) {
  for (const char* line :
       {"x 0.5 0.5 0.1 0.1", "-1 0.5 0.5 0.1 0.1", "1.5 0.5 0.5 0.1 0.1", "1 nan 0.5 0.1 0.1",
        "1 0.5 0.5 0.1 -0.1", "1 5 5 1 1", "1 0.5 0.5 0.1 0.1 0.9", "99999999999 0.5 0.5 0.1 0.1"}) {
    EXPECT_FALSE(ParseYoloLabels(line).ok()) << line;
  }
  EXPECT_TRUE(ParseYoloLabels("").ok());
}

// --- text

TEST_F(DatasetTest, TextLines) {
  Write("a.txt", "5 6 7\t1\n8\t0\n");
  const auto set = Open("a.txt");
  ASSERT_NE(set, nullptr);
  EXPECT_EQ(Read(*set, 0).text, "5 6 7");
  EXPECT_EQ(Read(*set, 0).label, 1);
  Write("b.txt", "one\ntwo\t1\n");
  EXPECT_THAT(Refused("b.txt"), HasSubstr("line 2 has a class, though"));
  Write("c.txt", "one\t1\ntwo\n");
  EXPECT_THAT(Refused("c.txt"), HasSubstr("line 2 has no class"));
  Write("d.txt", "one\tx\n");
  EXPECT_THAT(Refused("d.txt"), HasSubstr("not the number of a class"));
  Write("e.txt", "\n\n");
  EXPECT_THAT(Refused("e.txt"), HasSubstr("no line"));
}

// --- choosing samples

TEST_F(DatasetTest, SelectionIsDeterministicAndParts) {
  const auto select = [&](const SelectionOptions& options) {
    Write("t10k-images-idx3-ubyte", Idx(8, {10, 1, 1}, "0123456789"));
    auto selected = Select(Open("t10k-images-idx3-ubyte"), options);
    std::string pixels;
    if (!selected.ok()) return selected.status().ToString();
    for (size_t i = 0; i < (*selected)->size(); ++i)
      pixels += static_cast<char>(Read(**selected, i).image->pixels[0]);
    return pixels;
  };
  const std::string all = select({});
  EXPECT_EQ(all.size(), 10U);
  EXPECT_EQ(std::set<char>(all.begin(), all.end()).size(), 10U);
  EXPECT_NE(all, "0123456789");
  EXPECT_EQ(all, select({}));
  EXPECT_NE(all, select({.seed = 1}));
  EXPECT_EQ(select({.begin = 0, .end = 0.7}) + select({.begin = 0.7, .end = 1}), all);
  EXPECT_EQ(select({.limit = 3}), all.substr(0, 3));
  EXPECT_EQ(select({.begin = 0.5, .limit = 3}), all.substr(5, 3));
  EXPECT_EQ(select({.limit = 100}), all);
  EXPECT_THAT(select({.begin = 0.5, .end = 0.5}), HasSubstr("not within"));
  EXPECT_THAT(select({.begin = 0.51, .end = 0.52}), HasSubstr("is empty"));
  EXPECT_THAT(select({.begin = -1, .end = 2}), HasSubstr("not within"));
}

// The order is part of what published figures mean, so it may never change.
TEST(ShuffledIndices, AreTheSameForever) {
  EXPECT_THAT(ShuffledIndices(0, 5), ElementsAre());
  EXPECT_THAT(ShuffledIndices(1, 5), ElementsAre(0));
  EXPECT_THAT(ShuffledIndices(8, 0), ElementsAre(4, 6, 1, 7, 0, 5, 2, 3));
}

}  // namespace
}  // namespace whet
