// COCO's annotation files: images, categories and annotations, tied together by ids.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/file.h"
#include "measure/datasets/readers.h"

namespace whet {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kMaxDepth = 64;  // of nested JSON; the parser keeps a stack, which no file may fill

// A list of objects under `key`.
Result<const json*> List(const json& root, const char* key) {
  const auto it = root.find(key);
  if (it == root.end() || !it->is_array()) {
    return Error(Code::kBadFile, "is no COCO file: it has no list '%s'", key);
  }
  for (const json& entry : *it) {
    if (!entry.is_object()) return Error(Code::kBadFile, "an entry of '%s' is not an object", key);
  }
  return &*it;
}

Result<int64_t> Integer(const json& object, const char* list, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_number_integer()) {
    return Error(Code::kBadFile, "an entry of '%s' has no whole number '%s'", list, key);
  }
  return it->get<int64_t>();
}

Result<std::string> Text(const json& object, const char* list, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_string())
    return Error(Code::kBadFile, "an entry of '%s' has no text '%s'", list, key);
  return it->get<std::string>();
}

Result<data::Box> BoxOf(const json& annotation) {
  const auto it = annotation.find("bbox");
  double numbers[4];
  bool fits = it != annotation.end() && it->is_array() && it->size() == 4;
  for (size_t i = 0; fits && i < 4; ++i) {
    fits = (*it)[i].is_number();
    if (fits) numbers[i] = (*it)[i].get<double>();
    fits = fits && std::isfinite(numbers[i]) && std::abs(numbers[i]) < 1e9;
  }
  if (!fits || numbers[2] < 0 || numbers[3] < 0) {
    return Error(Code::kBadFile, "an annotation's bbox is not [left, top, width, height]");
  }
  return data::Box{static_cast<float>(numbers[0]), static_cast<float>(numbers[1]),
                   static_cast<float>(numbers[0] + numbers[2]), static_cast<float>(numbers[1] + numbers[3])};
}

bool TooDeep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
      continue;
    }
    if (c == '"') in_string = true;
    if ((c == '[' || c == '{') && ++depth > kMaxDepth) return true;
    if (c == ']' || c == '}') --depth;
  }
  return false;
}

class CocoDataset final : public Dataset {
 public:
  CocoDataset(std::string images, CocoSet set) : folder_(std::move(images)), images_(std::move(set.images)) {
    info_.format = "COCO";
    info_.truth = TruthKind::kBoxes;
    info_.classes = std::move(set.classes);
  }

  const DatasetInfo& info() const override { return info_; }
  size_t size() const override { return images_.size(); }
  Result<Sample> Read(size_t i) const override {
    Sample sample;
    sample.name = images_[i].file;
    sample.boxes = images_[i].boxes;
    WHET_RETURN_IF_ERROR(ReadMedia((fs::path(folder_) / images_[i].file).string(), &sample));
    return sample;
  }

 private:
  std::string folder_;
  DatasetInfo info_;
  std::vector<CocoImage> images_;
};

}  // namespace

Result<CocoSet> ParseCoco(std::string_view text) {
  if (TooDeep(text)) return Error(Code::kBadFile, "is nested deeper than %d levels", kMaxDepth);
  const json root = json::parse(text.begin(), text.end(), nullptr, false);
  if (root.is_discarded() || !root.is_object()) return Error(Code::kBadFile, "is not a JSON object");
  CocoSet set;

  WHET_ASSIGN_OR_RETURN(const json* categories, List(root, "categories"));
  std::map<int64_t, std::string> names;
  for (const json& category : *categories) {
    WHET_ASSIGN_OR_RETURN(const int64_t id, Integer(category, "categories", "id"));
    WHET_ASSIGN_OR_RETURN(std::string name, Text(category, "categories", "name"));
    if (!names.emplace(id, std::move(name)).second) {
      return Error(Code::kBadFile, "two categories have the id %lld", static_cast<long long>(id));
    }
  }
  std::map<int64_t, int> class_of;
  for (auto& [id, name] : names) {
    class_of[id] = static_cast<int>(set.classes.size());
    set.classes.push_back(std::move(name));
  }

  WHET_ASSIGN_OR_RETURN(const json* images, List(root, "images"));
  std::map<int64_t, CocoImage> by_id;
  for (const json& entry : *images) {
    CocoImage image;
    WHET_ASSIGN_OR_RETURN(image.id, Integer(entry, "images", "id"));
    WHET_ASSIGN_OR_RETURN(image.file, Text(entry, "images", "file_name"));
    const fs::path path(image.file);
    if (path.empty() || path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end()) {
      return Error(Code::kBadFile, "the picture '%s' is not below the folder of pictures",
                   image.file.substr(0, 200).c_str());
    }
    const int64_t id = image.id;
    if (!by_id.emplace(id, std::move(image)).second) {
      return Error(Code::kBadFile, "two images have the id %lld", static_cast<long long>(id));
    }
  }
  if (by_id.empty()) return Error(Code::kBadFile, "has no images");

  WHET_ASSIGN_OR_RETURN(const json* annotations, List(root, "annotations"));
  for (const json& annotation : *annotations) {
    WHET_ASSIGN_OR_RETURN(const int64_t image, Integer(annotation, "annotations", "image_id"));
    WHET_ASSIGN_OR_RETURN(const int64_t category, Integer(annotation, "annotations", "category_id"));
    const auto at = by_id.find(image);
    if (at == by_id.end()) {
      return Error(Code::kBadFile, "an annotation is of image %lld, which is not among the images",
                   static_cast<long long>(image));
    }
    const auto label = class_of.find(category);
    if (label == class_of.end()) {
      return Error(Code::kBadFile, "an annotation is of category %lld, which is not among the categories",
                   static_cast<long long>(category));
    }
    TrueBox box;
    WHET_ASSIGN_OR_RETURN(box.box, BoxOf(annotation));
    box.label = label->second;
    const auto area = annotation.find("area");
    box.area = area != annotation.end() && area->is_number() ? area->get<double>()
                                                             : static_cast<double>(box.box.Area());
    const auto crowd = annotation.find("iscrowd");
    box.crowd = crowd != annotation.end() && crowd->is_number_integer() && crowd->get<int64_t>() != 0;
    at->second.boxes.push_back(box);
  }
  for (auto& [id, image] : by_id) set.images.push_back(std::move(image));
  return set;
}

Result<std::unique_ptr<Dataset>> OpenCoco(const std::string& path, const std::string& images) {
  WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  Result<CocoSet> set = ParseCoco({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()});
  if (!set.ok()) return set.TakeStatus().At(path);
  std::error_code error;
  fs::path folder = images;
  if (images.empty()) {
    folder = fs::path(path).parent_path();
    if (!fs::exists(folder / set->images[0].file, error)) folder /= "images";
  }
  if (!fs::exists(folder / set->images[0].file, error)) {
    return Error(Code::kNotFound,
                 "its first picture '%s' is not in %s; name the folder of the pictures with --images",
                 set->images[0].file.c_str(), folder.c_str())
        .At(path);
  }
  return std::unique_ptr<Dataset>(std::make_unique<CocoDataset>(folder.string(), std::move(*set)));
}

}  // namespace whet
