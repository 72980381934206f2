// Drawing what a model found onto the picture it was found in.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "data/detection.h"
#include "data/image.h"

namespace whet::data {

struct Color {
  uint8_t red = 0;
  uint8_t green = 0;
  uint8_t blue = 0;
};

// Clearly different colours for small numbers; repeats.
Color ColorOf(int label);

// All of these cut off what lies outside of the picture and want 3 or 4 channels.
void DrawLine(Image* image, Point from, Point to, Color color, int thickness);
void DrawBox(Image* image, const Box& box, Color color, int thickness);
void DrawDot(Image* image, Point center, Color color, int radius);
// 5 x 7 pixels a character, times `scale`, on a filled bar; small letters are drawn as capitals.
void DrawText(Image* image, Point top_left, std::string_view text, Color color, int scale);

// Boxes with "label score" above and points within, in sizes that suit the picture; segments where a
// detection has no area of its own (`lines`). `labels` may be shorter than the classes or empty.
void DrawDetections(Image* image, std::span<const Detection> detections, std::span<const std::string> labels,
                    bool lines);

// Tints the picture by `opacity` times the mask, which is 0 to 1, row-major, and stretched over the picture.
Status DrawMask(Image* image, std::span<const float> mask, int width, int height, Color color, float opacity);

}  // namespace whet::data
