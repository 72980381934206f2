// Data sets: samples with or without what is right about them, read one at a time, so that a set larger than
// the memory is no trouble.
//
// Layouts that OpenDataset knows are described in docs/evaluation.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/array.h"
#include "data/audio.h"
#include "data/detection.h"
#include "data/image.h"

namespace whet {

// What the samples of a set have to be held against.
enum class TruthKind : uint8_t {
  kNone,
  kClass,  // Sample::label
  kBoxes,  // Sample::boxes
  kMask,   // Sample::mask
  kText,   // Sample::transcript
};
// "nothing", "classes", …
std::string_view TruthKindName(TruthKind kind);

struct TrueBox {
  data::Box box;       // in pixels of the picture
  int label = 0;       // index of the class
  double area = 0;     // of the object, which may be less than the box's
  bool crowd = false;  // a region of many objects, which is neither hit nor missed (COCO's iscrowd)
};

// One of image, audio, arrays and text is there to be fed to a model.
struct Sample {
  std::string name;  // a file or a number, for messages
  std::optional<data::Image> image;
  std::optional<data::Audio> audio;
  std::vector<data::NamedArray>
      arrays;  // inputs by name, without the samples' dimension; nameless: the first
  std::string text;

  int label = -1;
  std::vector<TrueBox> boxes;
  data::Array mask;  // i32[height, width]: a class per pixel, negative or 255 where nothing is to be said
  std::string transcript;
};

struct DatasetInfo {
  std::string format;  // "IDX", …
  TruthKind truth = TruthKind::kNone;
  // Names of the classes by index; empty if the set has only numbers for them.
  std::vector<std::string> classes;
};

// Immutable after it is opened: Read may be called by several threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual const DatasetInfo& info() const = 0;
  // At least 1: an empty set cannot be opened.
  virtual size_t size() const = 0;
  // i < size(). Errors name the file.
  virtual Result<Sample> Read(size_t i) const = 0;
};

struct DatasetOptions {
  // One of a set's own parts: "train" or "test" ("val" is the same). Empty: test, where the set has parts.
  std::string split;
  // Folder of the pictures of a COCO file; empty: beside it.
  std::string images;
};

// Tells the layout by what is at `path`. kNotFound if nothing is, kBadFile if it is empty, broken or
// inconsistent: as much as can be known without decoding the samples is checked here.
Result<std::unique_ptr<Dataset>> OpenDataset(const std::string& path, const DatasetOptions& options = {});

// A part of a set, in an order that depends on nothing but the seed and the set's size.
struct SelectionOptions {
  uint64_t seed = 0;
  // Of the shuffled samples, those from `begin` to `end`, as fractions of the set: 0 … 0.8 and 0.8 … 1 part
  // it in two.
  double begin = 0;
  double end = 1;
  size_t limit = 0;  // the first of them; 0: all
};
// kInvalidArgument if nothing is left.
Result<std::unique_ptr<Dataset>> Select(std::unique_ptr<Dataset> dataset, const SelectionOptions& options);

// 0 … size-1, shuffled by Fisher and Yates with SplitMix64 numbers (data/random.h).
std::vector<size_t> ShuffledIndices(size_t size, uint64_t seed);

}  // namespace whet
