#include <cstdio>  // jpeglib.h needs it before

#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <csetjmp>
#include <string_view>
#include <utility>

#include "data/image_codecs.h"

namespace whet::data {
namespace {

// A progressive file may repeat scans without end, each as costly as the whole picture.
constexpr int kMaxScans = 64;

// libjpeg leaves its functions by longjmp, so whatever has a destructor lives here, outside the function that
// calls setjmp. The manager comes first: libjpeg hands back its address.
struct Job {
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  std::jmp_buf escape;
  std::span<const std::byte> input;
  char message[JMSG_LENGTH_MAX] = "";
  Image image;
  std::vector<uint8_t> cmyk_row;
  int orientation = 1;
  Status status;
};

[[noreturn]] void Escape(j_common_ptr jpeg) {
  auto* job = reinterpret_cast<Job*>(jpeg->err);
  job->errors.format_message(jpeg, job->message);
  std::longjmp(job->escape, 1);
}

void OnMessage(j_common_ptr jpeg, int level) {
  // libjpeg only warns when the file ends and paints the rest grey; a photograph that is half grey would give
  // a wrong answer without anyone knowing.
  if (level == -1 && (jpeg->err->msg_code == JWRN_JPEG_EOF || jpeg->err->msg_code == JWRN_HIT_MARKER)) {
    Escape(jpeg);
  }
}

void OnPrint(j_common_ptr) {}

void OnProgress(j_common_ptr jpeg) {
  const auto* decompress = reinterpret_cast<j_decompress_ptr>(jpeg);
  if (decompress->input_scan_number <= kMaxScans) return;
  auto* job = reinterpret_cast<Job*>(jpeg->err);
  std::snprintf(job->message, sizeof(job->message), "it has more than %d scans", kMaxScans);
  std::longjmp(job->escape, 1);
}

int Orientation(j_decompress_ptr jpeg) {
  for (jpeg_saved_marker_ptr marker = jpeg->marker_list; marker != nullptr; marker = marker->next) {
    if (marker->marker != JPEG_APP0 + 1) continue;
    const int orientation = ExifOrientation(std::as_bytes(std::span(marker->data, marker->data_length)));
    if (orientation != 1) return orientation;
  }
  return 1;
}

// Even the emptiest block of 8 x 8 samples takes a bit of Huffman code, which bounds what a file can unfold
// to.
bool PrepareImage(j_decompress_ptr jpeg, Job* job) {
  const int width = static_cast<int>(jpeg->image_width);
  const int height = static_cast<int>(jpeg->image_height);
  if (static_cast<double>(width) * height > 512.0 * static_cast<double>(job->input.size())) {
    job->status = Error(Code::kBadFile, "claims a size of %d x %d, which its %zu bytes cannot hold", width,
                        height, job->input.size());
    return false;
  }
  const bool cmyk = jpeg->out_color_space == JCS_CMYK;
  Result<Image> image = Image::Create(width, height, jpeg->out_color_space == JCS_GRAYSCALE ? 1 : 3);
  if (!image.ok()) {
    job->status = image.TakeStatus();
    return false;
  }
  job->image = std::move(*image);
  if (cmyk) job->cmyk_row.resize(static_cast<size_t>(width) * 4);
  return true;
}

// Adobe's CMYK files hold the inks inverted, which makes the conversion a product.
void ConvertCmykRow(const std::vector<uint8_t>& row, bool inverted, uint8_t* rgb) {
  for (size_t x = 0; x < row.size() / 4; ++x) {
    for (size_t c = 0; c < 3; ++c) {
      const int ink = inverted ? row[x * 4 + c] : 255 - row[x * 4 + c];
      const int black = inverted ? row[x * 4 + 3] : 255 - row[x * 4 + 3];
      rgb[x * 3 + c] = static_cast<uint8_t>((ink * black + 127) / 255);
    }
  }
}

void Read(j_decompress_ptr jpeg, Job* job) {
  if (setjmp(job->escape) != 0) {
    if (job->status.ok()) job->status = Error(Code::kBadFile, "is a broken JPEG: %s", job->message);
    return;
  }
  jpeg_create_decompress(jpeg);
  jpeg->progress = &job->progress;
  jpeg_mem_src(jpeg, reinterpret_cast<const unsigned char*>(job->input.data()), job->input.size());
  jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(jpeg, TRUE);
  job->orientation = Orientation(jpeg);
  switch (jpeg->jpeg_color_space) {
    case JCS_GRAYSCALE: jpeg->out_color_space = JCS_GRAYSCALE; break;
    case JCS_CMYK:
    case JCS_YCCK: jpeg->out_color_space = JCS_CMYK; break;
    default: jpeg->out_color_space = JCS_RGB; break;
  }
  jpeg->dct_method = JDCT_ISLOW;
  if (!PrepareImage(jpeg, job)) return;
  jpeg_start_decompress(jpeg);
  while (jpeg->output_scanline < jpeg->output_height) {
    uint8_t* target = job->image.at(0, static_cast<int>(jpeg->output_scanline));
    JSAMPROW row = job->cmyk_row.empty() ? target : job->cmyk_row.data();
    if (jpeg_read_scanlines(jpeg, &row, 1) != 1) continue;
    if (!job->cmyk_row.empty()) ConvertCmykRow(job->cmyk_row, jpeg->saw_Adobe_marker != 0, target);
  }
  jpeg_finish_decompress(jpeg);
}

}  // namespace

bool LooksLikeJpeg(std::span<const std::byte> bytes) {
  return bytes.size() >= 3 && bytes[0] == std::byte{0xff} && bytes[1] == std::byte{0xd8} &&
         bytes[2] == std::byte{0xff};
}

Result<Image> DecodeJpeg(std::span<const std::byte> bytes) {
  Job job;
  job.input = bytes;
  jpeg_decompress_struct jpeg{};
  jpeg.err = jpeg_std_error(&job.errors);
  job.errors.error_exit = Escape;
  job.errors.emit_message = OnMessage;
  job.errors.output_message = OnPrint;
  job.progress = {};
  job.progress.progress_monitor = OnProgress;
  Read(&jpeg, &job);
  jpeg_destroy_decompress(&jpeg);
  if (!job.status.ok()) return std::move(job.status);
  return ApplyOrientation(std::move(job.image), job.orientation);
}

int ExifOrientation(std::span<const std::byte> segment) {
  constexpr std::string_view kExif("Exif\0\0", 6);
  const std::string_view text(reinterpret_cast<const char*>(segment.data()), segment.size());
  if (!text.starts_with(kExif)) return 1;
  const std::string_view tiff = text.substr(kExif.size());
  if (tiff.size() < 8 || (!tiff.starts_with("II") && !tiff.starts_with("MM"))) return 1;
  const bool little = tiff[0] == 'I';
  const auto read = [&](size_t offset, size_t width) {
    uint32_t value = 0;
    for (size_t i = 0; i < width; ++i) {
      const size_t shift = (little ? i : width - 1 - i) * 8;
      value |= static_cast<uint32_t>(static_cast<unsigned char>(tiff[offset + i])) << shift;
    }
    return value;
  };
  constexpr uint32_t kOrientationTag = 0x0112;
  constexpr uint32_t kShort = 3;
  constexpr size_t kEntrySize = 12;
  const size_t directory = read(4, 4);
  if (directory > tiff.size() - 2) return 1;
  const size_t entries = std::min<size_t>(read(directory, 2), (tiff.size() - directory - 2) / kEntrySize);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + i * kEntrySize;
    if (read(entry, 2) != kOrientationTag || read(entry + 2, 2) != kShort) continue;
    const uint32_t orientation = read(entry + 8, 2);
    return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
  }
  return 1;
}

}  // namespace whet::data
