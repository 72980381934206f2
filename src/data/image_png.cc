#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>
#include <utility>

#include "data/image_codecs.h"

namespace whet::data {
namespace {

constexpr size_t kSignatureSize = 8;

// What libpng's callbacks see. libpng leaves its functions by longjmp, so whatever has a destructor lives
// here, outside the functions that call setjmp.
struct Job {
  std::span<const std::byte> input;
  std::string output;
  char message[160] = "";
  Image image;
  std::vector<png_bytep> rows;
  Status status;
};

[[noreturn]] void OnError(png_structp png, png_const_charp message) {
  auto* job = static_cast<Job*>(png_get_error_ptr(png));
  std::snprintf(job->message, sizeof(job->message), "%s", message);
  png_longjmp(png, 1);
}

void OnWarning(png_structp, png_const_charp) {}

void OnRead(png_structp png, png_bytep data, size_t size) {
  auto* job = static_cast<Job*>(png_get_io_ptr(png));
  if (size > job->input.size()) png_error(png, "the file ends too early");
  std::memcpy(data, job->input.data(), size);
  job->input = job->input.subspan(size);
}

void OnWrite(png_structp png, png_bytep data, size_t size) {
  auto* job = static_cast<Job*>(png_get_io_ptr(png));
  // Not left by an exception, which libpng's C does not expect; nor from within the handler, by longjmp.
  bool appended = true;
  try {
    job->output.append(reinterpret_cast<const char*>(data), size);
  } catch (const std::bad_alloc&) {
    appended = false;
  }
  if (!appended) png_error(png, "there is no memory for the file");
}

void OnFlush(png_structp) {}

// Memory for the picture, if the bytes left can unfold to it: deflate shrinks at most 1032 times.
bool PrepareImage(Job* job, size_t row_bytes, int width, int height, int channels, size_t file_size) {
  const double claimed = static_cast<double>(row_bytes) * height;
  if (claimed > 1032.0 * static_cast<double>(file_size)) {
    job->status = Error(Code::kBadFile, "claims a size of %d x %d, which its %zu bytes cannot hold", width,
                        height, file_size);
    return false;
  }
  Result<Image> image = Image::Create(width, height, channels);
  if (!image.ok()) {
    job->status = image.TakeStatus();
    return false;
  }
  job->image = std::move(*image);
  job->rows.resize(static_cast<size_t>(height));
  for (int y = 0; y < height; ++y) job->rows[static_cast<size_t>(y)] = job->image.at(0, y);
  return true;
}

void Read(png_structp png, png_infop info, Job* job) {
  const size_t file_size = job->input.size();
  if (setjmp(png_jmpbuf(png)) != 0) {
    if (job->status.ok()) job->status = Error(Code::kBadFile, "is a broken PNG: %s", job->message);
    return;
  }
  png_set_read_fn(png, job, OnRead);
  png_set_user_limits(png, 1 << 20, 1 << 20);
  // Text and colour profiles are of no use here, so there is no reason to take much memory for them.
  png_set_chunk_cache_max(png, 64);
  png_set_chunk_malloc_max(png, 1 << 20);
  png_read_info(png, info);
  const size_t stored_row_bytes = png_get_rowbytes(png, info);
  png_set_expand(png);
  png_set_strip_16(png);
  if (png_get_color_type(png, info) == PNG_COLOR_TYPE_GRAY_ALPHA ||
      (png_get_color_type(png, info) == PNG_COLOR_TYPE_GRAY &&
       png_get_valid(png, info, PNG_INFO_tRNS) != 0)) {
    png_set_gray_to_rgb(png);
  }
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  if (!PrepareImage(job, stored_row_bytes, static_cast<int>(png_get_image_width(png, info)),
                    static_cast<int>(png_get_image_height(png, info)), png_get_channels(png, info),
                    file_size)) {
    return;
  }
  png_read_image(png, job->rows.data());
  png_read_end(png, nullptr);
}

void Write(png_structp png, png_infop info, Job* job) {
  if (setjmp(png_jmpbuf(png)) != 0) {
    job->status = Error(Code::kInternal, "cannot write the PNG: %s", job->message);
    return;
  }
  const int color = job->image.channels == 1   ? PNG_COLOR_TYPE_GRAY
                    : job->image.channels == 3 ? PNG_COLOR_TYPE_RGB
                                               : PNG_COLOR_TYPE_RGB_ALPHA;
  png_set_write_fn(png, job, OnWrite, OnFlush);
  png_set_IHDR(png, info, static_cast<png_uint_32>(job->image.width),
               static_cast<png_uint_32>(job->image.height), 8, color, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  png_write_image(png, job->rows.data());
  png_write_end(png, nullptr);
}

}  // namespace

bool LooksLikePng(std::span<const std::byte> bytes) {
  return bytes.size() >= kSignatureSize &&
         png_sig_cmp(reinterpret_cast<png_const_bytep>(bytes.data()), 0, kSignatureSize) == 0;
}

Result<Image> DecodePng(std::span<const std::byte> bytes) {
  Job job;
  job.input = bytes;
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, OnError, OnWarning);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  if (info != nullptr) {
    Read(png, info, &job);
  } else {
    job.status = Error(Code::kOutOfMemory, "there is no memory to read the PNG");
  }
  png_destroy_read_struct(&png, &info, nullptr);
  if (!job.status.ok()) return std::move(job.status);
  return std::move(job.image);
}

Result<std::string> EncodePng(const Image& image) {
  Job job;
  job.image = image;
  for (int y = 0; y < image.height; ++y) job.rows.push_back(job.image.at(0, y));
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &job, OnError, OnWarning);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  if (info != nullptr) {
    Write(png, info, &job);
  } else {
    job.status = Error(Code::kOutOfMemory, "there is no memory to write the PNG");
  }
  png_destroy_write_struct(&png, &info);
  if (!job.status.ok()) return std::move(job.status);
  return std::move(job.output);
}

}  // namespace whet::data
