// The readers behind OpenDataset, one per layout. The parsers of single files are here too, so that they are
// tested and fuzzed on bytes alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/tensor_view.h"
#include "measure/datasets/dataset.h"

namespace whet {

// --- IDX, the format of MNIST and of the sets made after it
struct IdxHeader {
  DType dtype = DType::kUndefined;
  Shape shape;
  size_t data_offset = 0;
  // What a file of this header has to have, uncompressed.
  uint64_t file_bytes() const {
    return data_offset + BytesOf(dtype, static_cast<uint64_t>(shape.elements()));
  }
};
// Of a file's first bytes; 36 are always enough. The elements are big-endian.
Result<IdxHeader> ParseIdxHeader(std::span<const std::byte> head);
// Is it the name of an IDX file of images ("t10k-images-idx3-ubyte.gz")?
bool IsIdxImagesName(std::string_view file);
// The labels are in the file whose name has "labels-idx1" for "images-idx3"; without one the set has no
// truth.
Result<std::unique_ptr<Dataset>> OpenIdx(const std::string& images);

// --- folders
// A folder for each class that holds pictures or recordings; classes in the order of their names, or by
// number if all names are numbers.
Result<std::unique_ptr<Dataset>> OpenClassFolders(const std::string& folder);
// Pictures or recordings in the order of their names. labels.txt (.csv, .tsv) says the class of each, or
// transcripts.txt what is said or written in it; without either the set has no truth.
Result<std::unique_ptr<Dataset>> OpenFlatFolder(const std::string& folder);
// Is it the name of such a label file?
bool IsLabelFileName(std::string_view file);
// Pictures in images/ and PNGs of the same name in masks/, whose grey values are the classes.
Result<std::unique_ptr<Dataset>> OpenMaskFolders(const std::string& folder);

struct LabelLine {
  std::string file;  // empty: the lines stand for the files in the order of their names
  std::string text;  // a class or a transcript
};
// "FILE,TEXT", "FILE<tab>TEXT", "FILE TEXT" or only "TEXT", the same on every line; # begins a comment line,
// and a first line such as "file,label" is a heading. The first line whose first word is_file tells decides
// the form.
Result<std::vector<LabelLine>> ParseLabelFile(std::string_view text,
                                              const std::function<bool(std::string_view)>& is_file);

// --- .npz: arrays whose first dimension is the samples; `y`, `label` or `labels` is what is right
Result<std::unique_ptr<Dataset>> OpenNpzDataset(const std::string& path);

// --- COCO
struct CocoImage {
  int64_t id = 0;
  std::string file;
  std::vector<TrueBox> boxes;
};
struct CocoSet {
  std::vector<std::string> classes;  // by ascending category id
  std::vector<CocoImage> images;     // by ascending image id
};
Result<CocoSet> ParseCoco(std::string_view json);
Result<std::unique_ptr<Dataset>> OpenCoco(const std::string& json, const std::string& images);

// --- YOLO: images/NAME.jpg and labels/NAME.txt, names in data.yaml or classes.txt
// Boxes as fractions of the picture.
Result<std::vector<TrueBox>> ParseYoloLabels(std::string_view text);
Result<std::unique_ptr<Dataset>> OpenYolo(const std::string& folder, const std::string& split);

// --- lines of text, each perhaps followed by a tab and its class
Result<std::unique_ptr<Dataset>> OpenTextLines(const std::string& path);

// --- what they share
bool IsImageName(std::string_view file);
bool IsRecordingName(std::string_view file);
// Names of the files directly in `folder` that `wanted` accepts, sorted.
Result<std::vector<std::string>> ListFiles(const std::string& folder, bool (*wanted)(std::string_view));
Result<std::vector<std::string>> ListFolders(const std::string& folder);
// Reads a picture or a recording into the sample.
Status ReadMedia(const std::string& path, Sample* sample);
// Lines without their ends ("\n" or "\r\n").
std::vector<std::string_view> SplitLines(std::string_view text);
Result<std::string> ReadTextFile(const std::string& path);

}  // namespace whet
