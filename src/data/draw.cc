#include "data/draw.h"

#include <algorithm>
#include <cmath>

#include "data/font.h"

namespace whet::data {
namespace {

void Set(Image* image, int64_t x, int64_t y, Color color) {
  if (x < 0 || y < 0 || x >= image->width || y >= image->height) return;
  uint8_t* pixel = image->at(static_cast<int>(x), static_cast<int>(y));
  pixel[0] = color.red;
  pixel[1] = color.green;
  pixel[2] = color.blue;
}

// Far enough outside to be invisible, near enough to count in an int.
int64_t ToPixel(float coordinate) {
  if (std::isnan(coordinate)) return -1;
  return static_cast<int64_t>(std::lround(std::clamp(coordinate, -1e6f, 1e9f)));
}

void Fill(Image* image, int64_t left, int64_t top, int64_t right, int64_t bottom, Color color) {
  for (int64_t y = std::max<int64_t>(top, 0); y < std::min<int64_t>(bottom, image->height); ++y) {
    for (int64_t x = std::max<int64_t>(left, 0); x < std::min<int64_t>(right, image->width); ++x) {
      Set(image, x, y, color);
    }
  }
}

// The part of the segment within the picture and a margin (Liang-Barsky), so that the length of what is drawn
// is bounded by the picture. In double, since ends far outside would lose the pixels inside. False if there
// is none.
bool ClipLine(const Image& image, double margin, Point* from, Point* to) {
  const double x = static_cast<double>(from->x), y = static_cast<double>(from->y);
  const double dx = static_cast<double>(to->x) - x, dy = static_cast<double>(to->y) - y;
  double first = 0, last = 1;
  const auto clip = [&](double direction, double distance) {
    if (direction == 0) return distance >= 0;
    const double t = distance / direction;
    if (direction < 0) first = std::max(first, t);
    if (direction > 0) last = std::min(last, t);
    return first <= last;
  };
  if (!clip(-dx, x + margin) || !clip(dx, image.width + margin - x) || !clip(-dy, y + margin) ||
      !clip(dy, image.height + margin - y)) {
    return false;
  }
  *from = {static_cast<float>(x + first * dx), static_cast<float>(y + first * dy)};
  *to = {static_cast<float>(x + last * dx), static_cast<float>(y + last * dy)};
  return true;
}

}  // namespace

Color ColorOf(int label) {
  constexpr Color kColors[] = {{0, 200, 83},  {255, 109, 0}, {41, 121, 255}, {213, 0, 249},
                               {255, 214, 0}, {0, 184, 212}, {255, 23, 68},  {124, 179, 66}};
  constexpr unsigned kCount = sizeof(kColors) / sizeof(kColors[0]);
  return kColors[static_cast<unsigned>(label) % kCount];
}

void DrawLine(Image* image, Point from, Point to, Color color, int thickness) {
  if (!std::isfinite(from.x + from.y + to.x + to.y)) return;
  if (!ClipLine(*image, thickness, &from, &to)) return;
  const float steps = std::ceil(std::max({std::abs(to.x - from.x), std::abs(to.y - from.y), 1.0f}));
  for (int i = 0; i <= static_cast<int>(steps); ++i) {
    const float t = static_cast<float>(i) / steps;
    const int64_t x = ToPixel(from.x + (to.x - from.x) * t) - thickness / 2;
    const int64_t y = ToPixel(from.y + (to.y - from.y) * t) - thickness / 2;
    Fill(image, x, y, x + thickness, y + thickness, color);
  }
}

void DrawBox(Image* image, const Box& box, Color color, int thickness) {
  const int64_t left = ToPixel(box.left), top = ToPixel(box.top);
  const int64_t right = ToPixel(box.right), bottom = ToPixel(box.bottom);
  Fill(image, left, top, right, top + thickness, color);
  Fill(image, left, bottom - thickness, right, bottom, color);
  Fill(image, left, top, left + thickness, bottom, color);
  Fill(image, right - thickness, top, right, bottom, color);
}

void DrawDot(Image* image, Point center, Color color, int radius) {
  const int64_t x = ToPixel(center.x), y = ToPixel(center.y);
  for (int64_t dy = -radius; dy <= radius; ++dy) {
    for (int64_t dx = -radius; dx <= radius; ++dx) {
      if (dx * dx + dy * dy <= int64_t{radius} * radius) Set(image, x + dx, y + dy, color);
    }
  }
}

void DrawText(Image* image, Point top_left, std::string_view text, Color color, int scale) {
  const int64_t left = ToPixel(top_left.x), top = ToPixel(top_left.y);
  const int64_t advance = int64_t{kGlyphWidth + 1} * scale;
  Fill(image, left, top, left + advance * static_cast<int64_t>(text.size()) + scale,
       top + int64_t{kGlyphHeight + 2} * scale, color);
  // Black or white, whichever stands out.
  const int brightness = 3 * color.red + 6 * color.green + color.blue;
  const Color ink = brightness > 1280 ? Color{0, 0, 0} : Color{255, 255, 255};
  int64_t pen = left + scale;
  for (char c : text) {
    if (pen >= image->width) return;
    const auto rows = GlyphRows(c);
    for (int y = 0; y < kGlyphHeight; ++y) {
      for (int x = 0; x < kGlyphWidth; ++x) {
        if ((rows[static_cast<size_t>(y)] >> (kGlyphWidth - 1 - x) & 1) == 0) continue;
        const int64_t at = pen + int64_t{x} * scale;
        const int64_t row = top + int64_t{y + 1} * scale;
        Fill(image, at, row, at + scale, row + scale, ink);
      }
    }
    pen += advance;
  }
}

void DrawDetections(Image* image, std::span<const Detection> detections, std::span<const std::string> labels,
                    bool lines) {
  const int side = std::max(image->width, image->height);
  const int thickness = std::max(1, side / 320);
  const int scale = std::max(1, side / 480);
  // The worst first, so that the best is on top.
  for (size_t i = detections.size(); i-- > 0;) {
    const Detection& detection = detections[i];
    const Color color = ColorOf(detection.label);
    if (lines && detection.points.size() == 2) {
      DrawLine(image, detection.points[0], detection.points[1], color, thickness);
      continue;
    }
    DrawBox(image, detection.box, color, thickness);
    for (const Point& point : detection.points) DrawDot(image, point, color, thickness + 1);
    std::string text;
    const auto label = static_cast<size_t>(detection.label);
    if (label < labels.size()) text = labels[label] + " ";
    text += Format("%.2f", static_cast<double>(detection.score));
    const auto height = static_cast<float>((kGlyphHeight + 2) * scale);
    const float top = detection.box.top >= height ? detection.box.top - height : detection.box.top;
    DrawText(image, {detection.box.left, top}, text, color, scale);
  }
}

Status DrawMask(Image* image, std::span<const float> mask, int width, int height, Color color,
                float opacity) {
  if (width <= 0 || height <= 0 || mask.size() != static_cast<size_t>(width) * static_cast<size_t>(height)) {
    return Error(Code::kInvalidArgument, "a mask of %d x %d has %zu values", width, height, mask.size());
  }
  const float tint[3] = {static_cast<float>(color.red), static_cast<float>(color.green),
                         static_cast<float>(color.blue)};
  for (int y = 0; y < image->height; ++y) {
    const int64_t row = int64_t{y} * height / image->height;
    for (int x = 0; x < image->width; ++x) {
      const int64_t column = int64_t{x} * width / image->width;
      float amount = mask[static_cast<size_t>(row * width + column)] * opacity;
      if (!(amount > 0)) continue;
      amount = std::min(amount, 1.0f);
      uint8_t* pixel = image->at(x, y);
      for (int c = 0; c < 3; ++c) {
        const auto value = static_cast<float>(pixel[c]);
        pixel[c] = static_cast<uint8_t>(std::lround(value + (tint[c] - value) * amount));
      }
    }
  }
  return {};
}

}  // namespace whet::data
