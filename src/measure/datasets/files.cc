// What the readers of folders share.

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "measure/datasets/readers.h"

namespace whet {
namespace {

namespace fs = std::filesystem;

bool HasExtension(std::string_view file, std::initializer_list<std::string_view> extensions) {
  const size_t dot = file.rfind('.');
  if (dot == std::string_view::npos || file.starts_with('.')) return false;
  std::string own(file.substr(dot));
  std::transform(own.begin(), own.end(), own.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::find(extensions.begin(), extensions.end(), own) != extensions.end();
}

template <typename Wanted>
Result<std::vector<std::string>> List(const std::string& folder, Wanted wanted) {
  std::error_code error;
  fs::directory_iterator it(folder, error);
  std::vector<std::string> names;
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    if (wanted(*it)) names.push_back(it->path().filename().string());
  }
  if (error) {
    const Code code = error == std::errc::no_such_file_or_directory ? Code::kNotFound : Code::kIo;
    return Error(code, "cannot list the folder: %s", error.message().c_str()).At(folder);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

bool IsImageName(std::string_view file) { return HasExtension(file, {".png", ".jpg", ".jpeg"}); }

bool IsRecordingName(std::string_view file) { return HasExtension(file, {".wav"}); }

Result<std::vector<std::string>> ListFiles(const std::string& folder, bool (*wanted)(std::string_view)) {
  return List(folder, [&](const fs::directory_entry& entry) {
    std::error_code error;
    return entry.is_regular_file(error) && wanted(entry.path().filename().string());
  });
}

Result<std::vector<std::string>> ListFolders(const std::string& folder) {
  return List(folder, [](const fs::directory_entry& entry) {
    std::error_code error;
    return entry.is_directory(error) && !entry.path().filename().string().starts_with('.');
  });
}

Status ReadMedia(const std::string& path, Sample* sample) {
  if (IsRecordingName(path)) {
    WHET_ASSIGN_OR_RETURN(sample->audio, data::ReadWav(path));
  } else {
    WHET_ASSIGN_OR_RETURN(sample->image, data::ReadImage(path));
  }
  return {};
}

std::vector<std::string_view> SplitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // the mark that some editors put before UTF-8
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

Result<std::string> ReadTextFile(const std::string& path) {
  WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  return std::string(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
}

}  // namespace whet
