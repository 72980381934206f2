// YOLO's label folders: beside images/NAME.jpg a labels/NAME.txt with a line "CLASS X Y WIDTH HEIGHT" per
// object, the centre and size as fractions of the picture.

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include "measure/datasets/readers.h"

namespace whet {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxClass = 1 << 20;

// The next number of a line, or an error.
template <typename Number>
bool TakeNumber(std::string_view* line, Number* number) {
  const size_t begin = std::min(line->find_first_not_of(" \t"), line->size());
  line->remove_prefix(begin);
  const auto [rest, error] = std::from_chars(line->data(), line->data() + line->size(), *number);
  if (error != std::errc()) return false;
  line->remove_prefix(static_cast<size_t>(rest - line->data()));
  return line->empty() || line->front() == ' ' || line->front() == '\t';
}

class YoloDataset final : public Dataset {
 public:
  YoloDataset(std::string images, std::string labels, std::vector<std::string> files,
              std::vector<std::string> classes)
      : images_(std::move(images)), labels_(std::move(labels)), files_(std::move(files)) {
    info_.format = "YOLO";
    info_.truth = TruthKind::kBoxes;
    info_.classes = std::move(classes);
  }

  const DatasetInfo& info() const override { return info_; }
  size_t size() const override { return files_.size(); }

  Result<Sample> Read(size_t i) const override {
    Sample sample;
    sample.name = files_[i];
    WHET_RETURN_IF_ERROR(ReadMedia((fs::path(images_) / files_[i]).string(), &sample));
    const std::string path = (fs::path(labels_) / fs::path(files_[i]).replace_extension(".txt")).string();
    std::error_code error;
    // A picture without objects may have no file.
    if (!fs::exists(path, error)) return sample;
    WHET_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path));
    Result<std::vector<TrueBox>> boxes = ParseYoloLabels(text);
    if (!boxes.ok()) return boxes.TakeStatus().At(path);
    const auto width = static_cast<float>(sample.image->width);
    const auto height = static_cast<float>(sample.image->height);
    for (TrueBox& box : *boxes) {
      if (!info_.classes.empty() && static_cast<size_t>(box.label) >= info_.classes.size()) {
        return Error(Code::kBadFile, "has an object of class %d, but the set has %zu classes", box.label,
                     info_.classes.size())
            .At(path);
      }
      box.box = {box.box.left * width, box.box.top * height, box.box.right * width, box.box.bottom * height};
      box.area = static_cast<double>(box.box.Area());
    }
    sample.boxes = std::move(*boxes);
    return sample;
  }

 private:
  std::string images_;
  std::string labels_;
  std::vector<std::string> files_;
  DatasetInfo info_;
};

}  // namespace

Result<std::vector<TrueBox>> ParseYoloLabels(std::string_view text) {
  std::vector<TrueBox> boxes;
  size_t number = 0;
  for (std::string_view line : SplitLines(text)) {
    ++number;
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    TrueBox box;
    float values[4];
    bool fits = TakeNumber(&line, &box.label) && box.label >= 0 && box.label < kMaxClass;
    // Labels are often rounded, so a box may stand over the border a little.
    for (float& value : values) fits = fits && TakeNumber(&line, &value) && value >= -0.5F && value <= 1.5F;
    if (!fits || values[2] < 0 || values[3] < 0 || line.find_first_not_of(" \t") != std::string_view::npos) {
      return Error(Code::kBadFile,
                   "line %zu is not a class and the centre, width and height of a box, as fractions of 1",
                   number);
    }
    box.box = {values[0] - values[2] / 2, values[1] - values[3] / 2, values[0] + values[2] / 2,
               values[1] + values[3] / 2};
    boxes.push_back(box);
  }
  return boxes;
}

Result<std::unique_ptr<Dataset>> OpenYolo(const std::string& folder, const std::string& split) {
  fs::path images = fs::path(folder) / "images";
  fs::path labels = fs::path(folder) / "labels";
  WHET_ASSIGN_OR_RETURN(const std::vector<std::string> parts, ListFolders(images.string()));
  if (!parts.empty()) {
    const auto asked = [&](std::string_view part) {
      const bool test = split.empty() || split == "test" || split == "val";
      return test ? part.starts_with("val") || part.starts_with("test") : part.starts_with(split);
    };
    auto part = std::find_if(parts.begin(), parts.end(), asked);
    if (part == parts.end() && split.empty() && parts.size() == 1) part = parts.begin();
    if (part == parts.end()) {
      return Error(Code::kNotFound, "images/ has no part '%s'", split.empty() ? "val" : split.c_str())
          .At(folder);
    }
    images /= *part;
    labels /= *part;
  } else if (!split.empty()) {
    return Error(Code::kNotFound, "images/ has no parts, so no '%s'", split.c_str()).At(folder);
  }
  WHET_ASSIGN_OR_RETURN(std::vector<std::string> files, ListFiles(images.string(), IsImageName));
  if (files.empty()) return Error(Code::kBadFile, "holds no picture (.png, .jpg)").At(images.string());
  std::error_code error;
  const bool any = std::any_of(files.begin(), files.end(), [&](const std::string& file) {
    return fs::exists(labels / fs::path(file).replace_extension(".txt"), error);
  });
  if (!any) return Error(Code::kBadFile, "has a label file for none of the pictures").At(labels.string());
  std::vector<std::string> classes;
  for (const char* name : {"classes.txt", "labels/classes.txt"}) {
    const std::string path = (fs::path(folder) / name).string();
    if (!classes.empty() || !fs::exists(path, error)) continue;
    WHET_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path));
    for (std::string_view line : SplitLines(text)) {
      if (!line.empty()) classes.emplace_back(line);
    }
  }
  return std::unique_ptr<Dataset>(
      std::make_unique<YoloDataset>(images.string(), labels.string(), std::move(files), std::move(classes)));
}

}  // namespace whet
